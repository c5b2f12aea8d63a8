"""Linear regression with squared shrinkage."""

from collections.abc import Mapping, Sequence
from typing import Any

from flowml.automl.algorithms.base import FitContext, FloatParameter, Parameter
from flowml.automl.algorithms.fitting.linear_models import LinearRegression
from flowml.automl.algorithms.registry import register
from flowml.automl.task.shape import TaskShape


@register
class Ridge(LinearRegression):
    """Hoerl and Kennard (1970), solved in closed form."""

    name = "ridge"
    title = "Ridge regression"

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (FloatParameter("alpha", 1e-3, 1e3, log=True),)

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        return ({"alpha": 1.0}, {"alpha": 30.0}, {"alpha": 0.03})

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.005 + shape.n_rows * shape.n_features * (4e-9 + 3e-10 * shape.n_features)

    def estimator(self, params: Mapping[str, Any], shape: tuple[int, int], context: FitContext) -> Any:
        from sklearn.linear_model import Ridge as Estimator

        return Estimator(alpha=float(params["alpha"]), fit_intercept=False, solver="cholesky", copy_X=False)
