"""XGBoost's own JSON model, answered by XGBoost on one thread."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from flowml.automl.predictors import checking
from flowml.automl.predictors.base import Predictor, PredictorState, register
from flowml.automl.predictors.links import apply_link, link_of
from flowml.automl.predictors.xgboost_json import compact
from flowml.machine import forks

if TYPE_CHECKING:
    from xgboost import Booster


class XGBoostPredictor(Predictor):
    """`model` is what `Booster.save_raw("json")` writes; `n_outputs` the number of classes, 1 for regression."""

    kind = "xgboost"
    library = "xgboost"

    def __init__(self, model: bytes, n_outputs: int, n_features: int):
        self.model = model
        self.n_outputs = n_outputs
        self.n_features = n_features

    @cached_property
    def _booster(self) -> "Booster":
        forks.refuse()
        import xgboost

        booster = xgboost.Booster()
        booster.load_model(bytearray(self.model))
        # A model trained on a GPU answers here on the CPU.
        booster.set_param({"nthread": 1, "device": "cpu"})
        return booster

    def predict(self, values: np.ndarray) -> np.ndarray:
        # XGBoost counts on the width that it was fitted with, and does not look again.
        if values.shape[1] != self.n_features:
            raise ValueError(f"expected {self.n_features} features, not {values.shape[1]}")
        # It adds up leaves in single precision; shares made so would not tell how far beyond doubt a row is.
        found = self._booster.inplace_predict(values, predict_type="margin", validate_features=False)
        n_scores = self.n_outputs if self.n_outputs > 2 else 1
        return np.asarray(apply_link(link_of(self.n_outputs), np.asarray(found, np.float64).reshape(-1, n_scores)))

    def takes(self, n_features: int) -> bool:
        return n_features == self.n_features

    def to_state(self) -> PredictorState:
        settings = {"n_outputs": self.n_outputs, "n_features": self.n_features}
        return PredictorState(self.kind, settings, blobs={"model": self.model})

    @classmethod
    def from_state(cls, state: PredictorState) -> "XGBoostPredictor":
        n_outputs = checking.integer(state, "n_outputs", 1, checking.MAX_OUTPUTS)
        n_features = checking.integer(state, "n_features", 1, 10_000_000)
        model = checking.blob(state, "model")
        if state.is_own:
            return cls(model, n_outputs, n_features)
        return cls(checking.rebuilt("XGBoost", lambda: compact(model, n_features, n_outputs)), n_outputs, n_features)


register(XGBoostPredictor.kind, lambda: XGBoostPredictor)
