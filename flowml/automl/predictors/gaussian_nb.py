"""Gaussian naive Bayes: class shares and independent normal densities."""

import numpy as np

from flowml.automl.predictors import checking
from flowml.automl.predictors.base import Predictor, PredictorState, register
from flowml.automl.predictors.links import softmax


class GaussianNaiveBayesPredictor(Predictor):
    """`log_prior`: (classes,), `mean` and `variance`: (classes, features), `temperature` ≥ 1 softens the answer.

    The joint log likelihood is written as a quadratic form, so that a row costs two dot products.
    """

    kind = "gaussian_nb"

    def __init__(self, log_prior: np.ndarray, mean: np.ndarray, variance: np.ndarray, temperature: float = 1.0):
        self.log_prior = np.ascontiguousarray(log_prior, dtype=np.float64)
        self.mean = np.ascontiguousarray(mean, dtype=np.float64)
        self.variance = np.ascontiguousarray(variance, dtype=np.float64)
        self.temperature = float(temperature)
        precision = 1.0 / self.variance
        self._squares = np.ascontiguousarray(-0.5 * precision.T)
        self._linear = np.ascontiguousarray((self.mean * precision).T)
        self._offset = self.log_prior - 0.5 * (
            np.log(2.0 * np.pi * self.variance).sum(axis=1) + (self.mean**2 * precision).sum(axis=1)
        )

    def joint_log_likelihood(self, values: np.ndarray) -> np.ndarray:
        """log P(class) + log P(row | class), float64 (rows, classes)."""
        wide = values.astype(np.float64)
        return np.asarray((wide * wide) @ self._squares + wide @ self._linear + self._offset)

    def predict(self, values: np.ndarray) -> np.ndarray:
        return softmax(self.joint_log_likelihood(values) / self.temperature)

    def to_state(self) -> PredictorState:
        arrays = {"log_prior": self.log_prior, "mean": self.mean, "variance": self.variance}
        return PredictorState(self.kind, {"temperature": self.temperature}, arrays)

    @classmethod
    def from_state(cls, state: PredictorState) -> "GaussianNaiveBayesPredictor":
        mean = checking.array(state, "mean", (None, None))
        variance = checking.array(state, "variance", mean.shape)
        log_prior = checking.array(state, "log_prior", (mean.shape[0],))
        temperature = checking.number(state, "temperature")
        if variance.size and variance.min() <= 0 or temperature <= 0:
            raise checking.damaged("a naive Bayes model without variance")
        return cls(log_prior, mean, variance, temperature)


register(GaussianNaiveBayesPredictor.kind, lambda: GaussianNaiveBayesPredictor)
