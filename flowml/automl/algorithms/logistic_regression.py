"""Logistic regression."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext, FloatParameter, Parameter, TaskShape
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import library_errors, require_time
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.linear import LinearPredictor
from flowml.domain.jobs import ProblemType

MAX_ITERATIONS = 300
ITERATIONS_AT_ONCE = 50


@register
class LogisticRegression(Algorithm):
    """Binary or multinomial logistic regression with squared shrinkage, by L-BFGS."""

    name = "logistic_regression"
    title = "Logistic regression"
    category = Category.LINEAR
    view = View.DENSE
    final = Final.REFIT
    problem_types = (ProblemType.CLASSIFICATION,)

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (FloatParameter("C", 1e-3, 100.0, log=True),)

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        if shape.n_rows < 1_000:
            return ({"C": 1.0}, {"C": 0.1}, {"C": 10.0})
        return ({"C": 0.5}, {"C": 0.02}, {"C": 20.0})

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.01 + shape.n_rows * shape.n_features * max(1, shape.n_outputs - 1) * 4e-7

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
            return self._fit(float(params["C"]), train, target, context)

    def _fit(self, strength: float, train: Encoded, target: np.ndarray, context: FitContext) -> Predictor:
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression as Estimator

        values = train.values.astype(np.float64)
        model = Estimator(C=strength, solver="lbfgs", max_iter=ITERATIONS_AT_ONCE, tol=1e-4, warm_start=True)
        with warnings.catch_warnings():
            # Stopping between two looks at the clock is meant, not a failure to converge.
            warnings.simplefilter("ignore", ConvergenceWarning)
            for _ in range(MAX_ITERATIONS // ITERATIONS_AT_ONCE):
                model.fit(values, target)
                if int(np.max(model.n_iter_)) < ITERATIONS_AT_ONCE or context.time_left() <= 0:
                    break
        link = "sigmoid" if context.n_outputs == 2 else "softmax"
        return LinearPredictor(model.coef_.T, model.intercept_, link)
