"""A classifier made of regressions on probabilities: one boosted model a class, or one for two classes."""

from collections.abc import Sequence

import numpy as np

from flowml.automl.predictors import checking
from flowml.automl.predictors.base import Predictor, PredictorState, load, register
from flowml.automl.predictors.lightgbm import LightGBMPredictor
from flowml.automl.predictors.links import two_columns

_SMALLEST = 1e-4
_MOST_CLASSES = 1_000


class DistilledPredictor(Predictor):
    """`regressions`: the probability of the second of two classes, or one of each class, as LightGBM sees it."""

    kind = "distilled"
    library = LightGBMPredictor.library

    def __init__(self, regressions: Sequence[LightGBMPredictor]):
        self.regressions = tuple(regressions)
        self.n_features = regressions[0].n_features

    def predict(self, values: np.ndarray) -> np.ndarray:
        # A regression knows no bounds, and nothing learned from a sample is certain.
        found = np.concatenate([regression.predict(values) for regression in self.regressions], axis=1)
        shares = np.clip(found, _SMALLEST, 1.0 - _SMALLEST)
        if len(self.regressions) == 1:
            return two_columns(shares)
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def takes(self, n_features: int) -> bool:
        return n_features == self.n_features

    def to_state(self) -> PredictorState:
        states = [regression.to_state() for regression in self.regressions]
        return PredictorState(
            self.kind,
            {"n_models": len(states), "n_features": self.n_features},
            blobs={f"model{index}": state.blobs["model"] for index, state in enumerate(states)},
        )

    @classmethod
    def from_state(cls, state: PredictorState) -> "DistilledPredictor":
        n_models = checking.integer(state, "n_models", 1, _MOST_CLASSES)
        n_features = checking.integer(state, "n_features", 1, 10_000_000)
        regressions = []
        for index in range(n_models):
            inner = PredictorState(
                LightGBMPredictor.kind,
                {"n_outputs": 1, "n_features": n_features},
                blobs={"model": checking.blob(state, f"model{index}")},
                is_own=state.is_own,
            )
            regression = load(inner)
            assert isinstance(regression, LightGBMPredictor)
            regressions.append(regression)
        return cls(regressions)


register(DistilledPredictor.kind, lambda: DistilledPredictor)
