"""LightGBM's own model text, answered by LightGBM on one thread."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from flowml.automl.predictors import checking
from flowml.automl.predictors.base import Predictor, PredictorState, register
from flowml.automl.predictors.lightgbm_text import compact
from flowml.automl.predictors.links import two_columns
from flowml.machine import forks

if TYPE_CHECKING:
    from lightgbm import Booster


class LightGBMPredictor(Predictor):
    """`model` is LightGBM's text as `lightgbm_text.compact` leaves it; `n_outputs` classes, 1 for regression."""

    kind = "lightgbm"
    library = "lightgbm"

    def __init__(self, model: str, n_outputs: int, n_features: int):
        self.model = model
        self.n_outputs = n_outputs
        self.n_features = n_features

    @cached_property
    def _booster(self) -> "Booster":
        forks.refuse()
        import lightgbm

        return lightgbm.Booster(model_str=self.model)

    def predict(self, values: np.ndarray) -> np.ndarray:
        found = np.asarray(self._booster.predict(values, num_threads=1), dtype=np.float64)
        if self.n_outputs == 2:
            return two_columns(found)
        return found.reshape(len(values), self.n_outputs)

    def takes(self, n_features: int) -> bool:
        return n_features == self.n_features

    def to_state(self) -> PredictorState:
        settings = {"n_outputs": self.n_outputs, "n_features": self.n_features}
        return PredictorState(self.kind, settings, blobs={"model": self.model.encode()})

    @classmethod
    def from_state(cls, state: PredictorState) -> "LightGBMPredictor":
        n_outputs = checking.integer(state, "n_outputs", 1, checking.MAX_OUTPUTS)
        n_features = checking.integer(state, "n_features", 1, 10_000_000)
        text = checking.blob(state, "model")
        model = checking.rebuilt("LightGBM", lambda: compact(text.decode("ascii"), n_features, n_outputs))
        return cls(model, n_outputs, n_features)


register(LightGBMPredictor.kind, lambda: LightGBMPredictor)
