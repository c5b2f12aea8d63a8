"""Linear regression that leaves features out."""

from collections.abc import Mapping, Sequence
from typing import Any

from flowml.automl.algorithms.base import FitContext, FloatParameter, Parameter
from flowml.automl.algorithms.fitting.linear_models import LinearRegression, coordinate_descent, mean_weight
from flowml.automl.algorithms.registry import register
from flowml.automl.task.shape import TaskShape


@register
class Lasso(LinearRegression):
    """Tibshirani (1996), by coordinate descent. `alpha` applies to a target of unit spread: at 1 nothing is left."""

    name = "lasso"
    title = "Lasso regression"

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (FloatParameter("alpha", 1e-5, 0.3, log=True),)

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        return ({"alpha": 1e-3}, {"alpha": 1e-2})

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.01 + shape.n_rows * shape.n_features * (6e-9 + 3e-10 * shape.n_features)

    def estimator(self, params: Mapping[str, Any], shape: tuple[int, int], context: FitContext) -> Any:
        from sklearn.linear_model import Lasso as Estimator

        return Estimator(
            alpha=float(params["alpha"]) * mean_weight(context), fit_intercept=False, **coordinate_descent(shape)
        )
