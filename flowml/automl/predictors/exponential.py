"""A model of the logarithm of what it predicts."""

from typing import Any

import numpy as np

from flowml.automl.predictors import base, checking
from flowml.automl.predictors.base import Predictor, PredictorState, register

_FARTHEST = 700.0


class ExponentialPredictor(Predictor):
    """exp of what `inner` says, which is held within `low` and `high`: far outside its rows a line has no end."""

    kind = "exponential"

    def __init__(self, inner: Predictor, low: float, high: float):
        self.inner = inner
        self.low = float(low)
        self.high = float(high)

    def predict(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(np.clip(self.inner.predict(values), self.low, self.high)))

    def predict_row(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(np.clip(self.inner.predict_row(values), self.low, self.high)))

    def takes(self, n_features: int) -> bool:
        return self.inner.takes(n_features)

    def to_state(self) -> PredictorState:
        inner = self.inner.to_state()
        settings = {"low": self.low, "high": self.high, "inner": inner.kind, "inner_settings": dict(inner.settings)}
        return PredictorState(self.kind, settings, inner.arrays, inner.blobs)

    @classmethod
    def from_state(cls, state: PredictorState) -> "ExponentialPredictor":
        low, high = checking.number(state, "low"), checking.number(state, "high")
        kind: Any = state.settings.get("inner")
        settings: Any = state.settings.get("inner_settings")
        if not -_FARTHEST <= low <= high <= _FARTHEST or not isinstance(settings, dict):
            raise checking.damaged("a model of logarithms without its bounds")
        if not isinstance(kind, str) or kind == cls.kind:
            raise checking.damaged("a model of logarithms of nothing")
        try:
            inner = base.load(PredictorState(kind, settings, state.arrays, state.blobs, state.is_own))
        except KeyError as problem:
            raise checking.damaged("a model of logarithms of an unknown kind") from problem
        return cls(inner, low, high)


register(ExponentialPredictor.kind, lambda: ExponentialPredictor)
