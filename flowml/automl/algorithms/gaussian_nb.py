"""Gaussian naive Bayes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext, FloatParameter, Parameter, TaskShape
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import library_errors, require_time, temperature
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.gaussian_nb import GaussianNaiveBayesPredictor
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
            counts = np.bincount(target, minlength=context.n_outputs)
            by_class = [values[target == code] for code in range(context.n_outputs)]
            mean = np.stack([rows.mean(axis=0) for rows in by_class])
            smoothing = float(params["var_smoothing"]) * max(float(values.var(axis=0).max()), 1e-9)
            variance = np.stack([rows.var(axis=0) for rows in by_class]) + smoothing
            sharp = GaussianNaiveBayesPredictor(np.log(counts / len(target)), mean, variance)
            scores = sharp.joint_log_likelihood(values)
            softness = temperature(scores, target, low=1.0, high=1e4)
            return GaussianNaiveBayesPredictor(sharp.log_prior, mean, variance, softness)
