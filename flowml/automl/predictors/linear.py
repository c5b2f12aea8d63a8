"""A linear model: one dot product and a link."""

import numpy as np

from flowml.automl.predictors import checking
from flowml.automl.predictors.base import Predictor, PredictorState, register
from flowml.automl.predictors.links import LINKS, apply_link, mean_of_row


class LinearPredictor(Predictor):
    """link(x · coefficients + intercept).

    `coefficients`: (features, raw), `intercept`: (raw,), where raw is the number of outputs, except with the
    sigmoid link: one raw score makes two classes.
    """

    kind = "linear"

    def __init__(self, coefficients: np.ndarray, intercept: np.ndarray, link: str):
        self.coefficients = np.ascontiguousarray(coefficients, dtype=np.float64)
        self.intercept = np.ascontiguousarray(intercept, dtype=np.float64)
        self.link = link

    def predict(self, values: np.ndarray) -> np.ndarray:
        scores = values.astype(np.float64) @ self.coefficients + self.intercept
        return apply_link(self.link, scores)

    def predict_row(self, values: np.ndarray) -> np.ndarray:
        scores = values.astype(np.float64) @ self.coefficients + self.intercept
        return mean_of_row(self.link, scores.reshape(1, -1))

    def to_state(self) -> PredictorState:
        arrays = {"coefficients": self.coefficients, "intercept": self.intercept}
        return PredictorState(self.kind, {"link": self.link}, arrays)

    @classmethod
    def from_state(cls, state: PredictorState) -> "LinearPredictor":
        coefficients = checking.array(state, "coefficients", (None, None))
        link = checking.choice(state, "link", LINKS)
        if link == "sigmoid" and coefficients.shape[1] != 1:
            raise checking.damaged("a linear model with one score too many")
        intercept = checking.array(state, "intercept", (coefficients.shape[1],))
        return cls(coefficients, intercept, link)


register(LinearPredictor.kind, lambda: LinearPredictor)
