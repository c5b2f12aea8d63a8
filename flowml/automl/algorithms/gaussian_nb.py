"""Gaussian naive Bayes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext, FloatParameter, Parameter
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import class_weights, library_errors, mean_of, require_time
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.gaussian_nb import GaussianNaiveBayesPredictor
from flowml.automl.scoring.temperature import temperature_of
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType


@register
class GaussianNaiveBayes(Algorithm):
    """Independent normal features in each class. Being sure of too much is its known fault: a temperature, found on
    the training rows, takes that back without changing the order."""

    name = "gaussian_nb"
    title = "Gaussian naive Bayes"
    category = Category.PROBABILISTIC
    view = View.DENSE
    final = Final.REFIT
    problem_types = (ProblemType.CLASSIFICATION,)

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (FloatParameter("var_smoothing", 1e-9, 1.0, log=True),)

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        return ({"var_smoothing": 0.1}, {"var_smoothing": 1e-3})

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.01 + shape.n_rows * (shape.n_features * 2e-8 + shape.n_outputs * 1e-6)

    def fit(
        self,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded | None,
        valid_target: np.ndarray | None,
        context: FitContext,
    ) -> Predictor:
        require_time(self.title, context)
        with library_errors(self.title):
            values = train.values.astype(np.float64)
            weights = context.weights
            counts = class_weights(target, weights, context.n_outputs)
            own = [target == code for code in range(context.n_outputs)]
            moments = [_moments(values[rows], None if weights is None else weights[rows]) for rows in own]
            mean = np.stack([one for one, _ in moments])
            smoothing = float(params["var_smoothing"]) * max(float(_moments(values, weights)[1].max()), 1e-9)
            variance = np.stack([one for _, one in moments]) + smoothing
            sharp = GaussianNaiveBayesPredictor(np.log(counts / counts.sum()), mean, variance)
            scores = sharp.joint_log_likelihood(values)
            softness = temperature_of(scores, target, weights, low=1.0, high=1e4)
            return GaussianNaiveBayesPredictor(sharp.log_prior, mean, variance, softness)


def _moments(values: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each column."""
    mean = mean_of(values, weights)
    return mean, mean_of((values - mean) ** 2, weights)
