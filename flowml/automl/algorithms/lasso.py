"""Linear regression that leaves features out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext, FloatParameter, Logarithms, Parameter
from flowml.automl.algorithms.fitting.linear_models import fit_linear_regression, mean_weight
from flowml.automl.algorithms.registry import register
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType


@register
class Lasso(Algorithm):
    """Tibshirani (1996), by coordinate descent. `alpha` applies to a target of unit spread: at 1 nothing is left."""

    name = "lasso"
    title = "Lasso regression"
    category = Category.LINEAR
    view = View.DENSE
    final = Final.REFIT
    logarithms = Logarithms.IF_BETTER
    problem_types = (ProblemType.REGRESSION,)

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (FloatParameter("alpha", 1e-5, 0.3, log=True),)

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        return ({"alpha": 1e-3}, {"alpha": 1e-2})

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.01 + shape.n_rows * shape.n_features * (6e-9 + 3e-10 * shape.n_features)

    def fit(
        self,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded | None,
        valid_target: np.ndarray | None,
        context: FitContext,
    ) -> Predictor:
        def solve(values: np.ndarray, scaled: np.ndarray) -> np.ndarray:
            from sklearn.linear_model import Lasso as Estimator

            # With the Gram matrix a sweep costs features², whatever the rows.
            wide = values.shape[1] >= values.shape[0]
            model = Estimator(
                alpha=float(params["alpha"]) * mean_weight(context),
                fit_intercept=False,
                precompute=not wide,
                copy_X=False,
                max_iter=500,
                tol=1e-3,
            )
            return np.asarray(model.fit(values, scaled).coef_)

        return fit_linear_regression(self.title, train, target, context, solve)
