"""Linear regression with squared shrinkage."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext, FloatParameter, Logarithms, Parameter
from flowml.automl.algorithms.fitting.linear_models import fit_linear_regression
from flowml.automl.algorithms.registry import register
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType


@register
class Ridge(Algorithm):
    """Hoerl and Kennard (1970), solved in closed form."""

    name = "ridge"
    title = "Ridge regression"
    category = Category.LINEAR
    view = View.DENSE
    final = Final.REFIT
    logarithms = Logarithms.IF_BETTER
    problem_types = (ProblemType.REGRESSION,)

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (FloatParameter("alpha", 1e-3, 1e3, log=True),)

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        return ({"alpha": 1.0}, {"alpha": 30.0}, {"alpha": 0.03})

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.005 + shape.n_rows * shape.n_features * (4e-9 + 3e-10 * shape.n_features)

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
            from sklearn.linear_model import Ridge as Estimator

            model = Estimator(alpha=float(params["alpha"]), fit_intercept=False, solver="cholesky", copy_X=False)
            return np.asarray(model.fit(values, scaled).coef_)

        return fit_linear_regression(self.title, train, target, context, solve)
