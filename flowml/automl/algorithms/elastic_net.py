"""Linear regression between ridge and lasso."""

from collections.abc import Mapping, Sequence
from typing import Any

from flowml.automl.algorithms.base import FitContext, FloatParameter, Parameter
from flowml.automl.algorithms.fitting.linear_models import LinearRegression, coordinate_descent, mean_weight
from flowml.automl.algorithms.registry import register
from flowml.automl.task.shape import TaskShape


@register
class ElasticNet(LinearRegression):
    """Zou and Hastie (2005), by coordinate descent. `alpha` applies to a target of unit spread."""

    name = "elastic_net"
    title = "Elastic net regression"

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (FloatParameter("alpha", 1e-5, 0.5, log=True), FloatParameter("l1_ratio", 0.05, 0.95))

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        return ({"alpha": 2e-3, "l1_ratio": 0.5}, {"alpha": 2e-2, "l1_ratio": 0.2})

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.01 + shape.n_rows * shape.n_features * (6e-9 + 3e-10 * shape.n_features)

    def estimator(self, params: Mapping[str, Any], shape: tuple[int, int], context: FitContext) -> Any:
        from sklearn.linear_model import ElasticNet as Estimator

        return Estimator(
            alpha=float(params["alpha"]) * mean_weight(context),
            l1_ratio=float(params["l1_ratio"]),
            fit_intercept=False,
            **coordinate_descent(shape),
        )
