"""Logistic regression."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms import memory
from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext, FloatParameter, Parameter
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import library_errors, mean_of, require_time
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.linear import LinearPredictor
from flowml.automl.predictors.links import sigmoid, softmax
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType

MAX_ITERATIONS = 300
# Beyond so many cells a second copy in double precision is not worth its memory.
MOST_DOUBLE_NUMBERS = 20_000_000


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
        return (FloatParameter("C", 1e-3, 1000.0 if shape.n_rows < 1_000 else 100.0, log=True),)

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        if shape.n_rows < 1_000:
            return ({"C": 1.0}, {"C": 0.1}, {"C": 30.0})
        return ({"C": 0.5}, {"C": 0.02}, {"C": 20.0})

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.01 + shape.n_rows * shape.n_features * max(1, shape.n_outputs - 1) * 4e-7

    def memory_per_fit(self, shape: TaskShape, params: Mapping[str, Any]) -> int:
        single = shape.n_rows * shape.n_features > MOST_DOUBLE_NUMBERS
        return memory.answer_bytes(shape) if single else memory.of_double_copies(shape, 1.2)

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
        from scipy.optimize import minimize

        wide = train.values.size > MOST_DOUBLE_NUMBERS
        values = train.values if wide else train.values.astype(np.float64)
        # One score is enough for two classes; more classes have one each.
        raw = 1 if context.n_outputs == 2 else context.n_outputs
        shape = (values.shape[1] + 1, raw)

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            return _loss(flat.reshape(shape), values, target, strength, context.weights)

        def after_iteration(intermediate_result: Any) -> None:
            if context.time_left() <= 0:
                raise StopIteration

        found = minimize(
            loss,
            np.zeros(shape).reshape(-1),
            jac=True,
            method="L-BFGS-B",
            callback=after_iteration,
            options={"maxiter": MAX_ITERATIONS, "ftol": 1e-7, "gtol": 1e-4},
        )
        weights = found.x.reshape(shape)
        return LinearPredictor(weights[:-1], weights[-1], "sigmoid" if raw == 1 else "softmax")


def _loss(
    weights: np.ndarray, values: np.ndarray, target: np.ndarray, strength: float, row_weights: np.ndarray | None
) -> tuple[float, np.ndarray]:
    """Mean log loss plus |coefficients|² / (2 · C · rows), and its gradient. The last row holds the intercepts.

    With `row_weights` the mean is weighted and their sum takes the place of the number of rows.
    """
    n_rows = len(target)
    scores = (values @ weights[:-1].astype(values.dtype)).astype(np.float64) + weights[-1]
    if scores.shape[1] == 1:
        signed = np.where(target == 1, scores[:, 0], -scores[:, 0])
        total = float(mean_of(np.logaddexp(0.0, -signed), row_weights))
        slope = sigmoid(scores)
        slope[:, 0] -= target == 1
    else:
        shares = softmax(scores)
        chosen = shares[np.arange(n_rows), target]
        total = float(mean_of(-np.log(np.maximum(chosen, 1e-300)), row_weights))
        slope = shares
        slope[np.arange(n_rows), target] -= 1.0
    count = float(n_rows) if row_weights is None else float(row_weights.sum())
    if row_weights is not None:
        slope *= row_weights[:, None]
    slope /= count
    shrinkage = 1.0 / (strength * count)
    total += 0.5 * shrinkage * float((weights[:-1] ** 2).sum())
    gradient = np.empty_like(weights)
    gradient[:-1] = values.T @ slope.astype(values.dtype) + shrinkage * weights[:-1]
    gradient[-1] = slope.sum(axis=0)
    return total, gradient.reshape(-1)
