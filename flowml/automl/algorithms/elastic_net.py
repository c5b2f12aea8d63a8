"""Linear regression between ridge and lasso."""

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
class ElasticNet(Algorithm):
    """Zou and Hastie (2005), by coordinate descent. `alpha` applies to a target of unit spread."""

    name = "elastic_net"
    title = "Elastic net regression"
    category = Category.LINEAR
    view = View.DENSE
    final = Final.REFIT
    logarithms = Logarithms.IF_BETTER
    problem_types = (ProblemType.REGRESSION,)

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (FloatParameter("alpha", 1e-5, 0.5, log=True), FloatParameter("l1_ratio", 0.05, 0.95))

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        return ({"alpha": 2e-3, "l1_ratio": 0.5}, {"alpha": 2e-2, "l1_ratio": 0.2})

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
            from sklearn.linear_model import ElasticNet as Estimator

            wide = values.shape[1] >= values.shape[0]
            model = Estimator(
                alpha=float(params["alpha"]) * mean_weight(context),
                l1_ratio=float(params["l1_ratio"]),
                fit_intercept=False,
                precompute=not wide,
                copy_X=False,
                max_iter=500,
                tol=1e-3,
            )
            return np.asarray(model.fit(values, scaled).coef_)

        return fit_linear_regression(self.title, train, target, context, solve)
