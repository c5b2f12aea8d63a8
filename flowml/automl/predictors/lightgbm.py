"""LightGBM's own model text, answered by LightGBM on one thread."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from flowml.automl.predictors import checking
from flowml.automl.predictors.base import Predictor, PredictorState, register
from flowml.automl.predictors.lightgbm_text import compact, parted
from flowml.automl.predictors.links import apply_link, two_columns
from flowml.machine import forks

if TYPE_CHECKING:
    from lightgbm import Booster


# Fewer are not worth a second set of trees.
_MANY_ROWS = 4_000
_TREES_AT_ONCE = 20
# The objectives that `compact` leaves.
_LINKS = {1: "identity", 2: "sigmoid"}


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
        if len(values) >= _MANY_ROWS:
            return self._predict_many(values)
        found = np.asarray(self._booster.predict(values, num_threads=1), dtype=np.float64)
        if self.n_outputs == 2:
            return two_columns(found)
        return found.reshape(len(values), self.n_outputs)

    def _predict_many(self, values: np.ndarray) -> np.ndarray:
        """A few trees at a time for all rows: they stay in the processor's cache, where LightGBM takes each row through
        all of them (1.4 to 1.8 times as fast)."""
        scores = np.zeros((len(values), self.n_outputs if self.n_outputs > 2 else 1))
        for booster in self._parts:
            found = booster.predict(values, num_threads=1, raw_score=True)
            scores += np.asarray(found, dtype=np.float64).reshape(scores.shape)
        return apply_link(_LINKS.get(self.n_outputs, "softmax"), scores)

    @cached_property
    def _parts(self) -> list["Booster"]:
        """The trees in order, a few in each. They are not asked for by number of one booster, which keeps these numbers
        in itself, where threads would take each other's."""
        forks.refuse()
        import lightgbm

        return [lightgbm.Booster(model_str=text) for text in parted(self.model, self._trees_a_part)]

    @property
    def _trees_a_part(self) -> int:
        """As many as are in the cache, in whole rounds of a tree for each class."""
        trees_a_round = self.n_outputs if self.n_outputs > 2 else 1
        return trees_a_round * max(1, _TREES_AT_ONCE // trees_a_round)

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
        if state.is_own:
            return cls(text.decode("ascii"), n_outputs, n_features)
        model = checking.rebuilt("LightGBM", lambda: compact(text.decode("ascii"), n_features, n_outputs))
        return cls(model, n_outputs, n_features)


register(LightGBMPredictor.kind, lambda: LightGBMPredictor)
