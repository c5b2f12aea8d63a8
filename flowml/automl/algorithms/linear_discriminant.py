"""Linear discriminant analysis."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext, FloatParameter, Parameter
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import class_weights, library_errors, mean_of, require_time
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.linear import LinearPredictor
from flowml.automl.task.shape import TaskShape
from flowml.domain.errors import NotApplicable
from flowml.domain.jobs import ProblemType

MOST_FEATURES = 2_000


@register
class LinearDiscriminant(Algorithm):
    """Normal classes that share one covariance (Fisher 1936), which is shrunk towards equal, independent features.

    It needs few rows: all classes together teach it the covariance.
    """

    name = "linear_discriminant"
    title = "Linear discriminant"
    category = Category.LINEAR
    view = View.DENSE
    final = Final.REFIT
    problem_types = (ProblemType.CLASSIFICATION,)

    def check(self, shape: TaskShape) -> None:
        if shape.n_features > MOST_FEATURES:
            raise NotApplicable(f"It relates every column to every other; above {MOST_FEATURES:,} that takes too long.")

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (FloatParameter("shrinkage", 1e-4, 1.0, log=True),)

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        return ({"shrinkage": 1e-3}, {"shrinkage": 0.1})

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.01 + shape.n_rows * shape.n_features**2 * 2e-9

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
            rows = [target == code for code in range(context.n_outputs)]
            means = np.stack([mean_of(values[own], None if weights is None else weights[own]) for own in rows])
            within = values - means[target]
            weighted = within if weights is None else within * weights[:, None]
            covariance = within.T @ weighted / max(1.0, float(counts.sum()) - context.n_outputs)
            shrinkage = float(params["shrinkage"])
            usual = max(float(np.trace(covariance)) / len(covariance), 1e-9)
            covariance = (1 - shrinkage) * covariance + shrinkage * usual * np.eye(len(covariance))
            coefficients = np.linalg.solve(covariance, means.T)
            intercept = np.log(counts / counts.sum()) - 0.5 * (means.T * coefficients).sum(axis=0)
            if context.n_outputs == 2:
                # Two classes are told apart by the difference of their scores.
                one = coefficients[:, 1:] - coefficients[:, :1]
                return LinearPredictor(one, intercept[1:] - intercept[:1], "sigmoid")
            return LinearPredictor(coefficients, intercept, "softmax")
