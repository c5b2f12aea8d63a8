"""Small tables with every kind of column, and two algorithms quick enough for tests."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext, Parameter
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor, PredictorState, register
from flowml.automl.task.shape import TaskShape
from flowml.automl.task.task import Task, prepare_task
from flowml.domain.datasets import Role
from flowml.domain.errors import DeadlineReached

ROLES = {
    "age": Role.NUMERIC,
    "income": Role.NUMERIC,
    "town": Role.CATEGORICAL,
    "member": Role.BOOLEAN,
    "since": Role.DATETIME,
    "note": Role.TEXT,
    "y": Role.CATEGORICAL,
}


def people(rows: int = 200, seed: int = 0) -> pl.DataFrame:
    """Age and town decide `y` most of the time; every column but `member` has holes."""
    generator = np.random.default_rng(seed)
    age = generator.integers(18, 80, rows)
    town = generator.integers(0, 4, rows)
    y = (age + 12 * town + generator.normal(0, 8, rows)) > 65
    holes = generator.random((5, rows)) < 0.1

    def with_holes(values: Sequence[Any], column: int) -> list[Any]:
        return [None if hole else value for value, hole in zip(values, holes[column], strict=True)]

    return pl.DataFrame(
        {
            "age": with_holes(age.tolist(), 0),
            "income": with_holes(np.exp(generator.normal(3, 2, rows)).tolist(), 1),
            "town": with_holes([f"town {index}" for index in town], 2),
            "member": (generator.random(rows) < 0.5).tolist(),
            "since": with_holes(
                [
                    datetime.fromisoformat("2020-01-01") + timedelta(hours=int(hours))
                    for hours in generator.integers(0, 30_000, rows)
                ],
                3,
            ),
            "note": with_holes(
                [f"{'Mr.' if age % 2 else 'Mrs.'} Smith, room {index}" for index, age in enumerate(age)], 4
            ),
            "y": ["yes" if value else "no" for value in y],
        }
    )


def people_task(rows: int = 200, seed: int = 0, **options: Any) -> Task:
    """To predict `y`; with `target="age"` a regression."""
    return prepare_task(people(rows, seed), ROLES, **{"target": "y", **options})


class LeastSquaresPredictor(Predictor):
    kind = "test_least_squares"

    def __init__(self, weights: np.ndarray, classification: bool):
        self.weights = weights
        self.classification = classification

    def predict(self, values: np.ndarray) -> np.ndarray:
        answers = np.column_stack([np.ones(len(values)), values.astype(np.float64)]) @ self.weights
        if not self.classification:
            return np.asarray(answers)
        clipped = np.clip(answers, 0.01, None)
        return np.asarray(clipped / clipped.sum(axis=1, keepdims=True))

    def to_state(self) -> PredictorState:
        return PredictorState(self.kind, {"classification": self.classification}, {"weights": self.weights})

    @classmethod
    def from_state(cls, state: PredictorState) -> "LeastSquaresPredictor":
        return cls(state.arrays["weights"], bool(state.settings["classification"]))


register(LeastSquaresPredictor.kind, lambda: LeastSquaresPredictor)


class LeastSquares(Algorithm):
    """Ridge regression, on one column a class for classification. Records the circumstances of each fit."""

    name = "least_squares"
    title = "Least squares"
    category = Category.LINEAR

    def __init__(
        self,
        final: Final = Final.BAG,
        view: View = View.DENSE,
        during: Callable[[FitContext], None] = lambda context: None,
    ):
        self.final = final  # type: ignore[misc]
        self.view = view  # type: ignore[misc]
        self.during = during
        self.fits: list[tuple[int, int, float]] = []

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return ()

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        return ({"penalty": 1.0},)

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.01

    def fit(
        self,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded | None,
        valid_target: np.ndarray | None,
        context: FitContext,
    ) -> Predictor:
        left = context.time_left()
        if left <= 0:
            raise DeadlineReached("No time.")
        self.fits.append((train.n_rows, valid.n_rows if valid else 0, left))
        self.during(context)
        columns = np.column_stack([np.ones(train.n_rows), train.values.astype(np.float64)])
        wanted = np.eye(context.n_outputs)[target] if context.n_outputs > 1 else target.reshape(-1, 1)
        penalty = params["penalty"] * np.eye(columns.shape[1])
        penalty[0, 0] = 1e-9
        weights = np.linalg.solve(columns.T @ columns + penalty, columns.T @ wanted)
        return LeastSquaresPredictor(weights, context.n_outputs > 1)


def flowers(rows: int = 240, seed: int = 0) -> tuple[pl.DataFrame, dict[str, Role]]:
    """Three kinds of flower that differ in their leaves, with a colour that helps a little."""
    generator = np.random.default_rng(seed)
    kind = generator.integers(0, 3, rows)
    frame = pl.DataFrame(
        {
            "length": generator.normal(kind * 2.0, 0.8),
            "width": generator.normal(kind % 2, 0.7),
            "colour": np.where(generator.random(rows) < 0.6, np.array(["red", "blue", "white"])[kind], "green"),
            "kind": np.array(["a", "b", "c"])[kind],
        }
    )
    roles = {"length": Role.NUMERIC, "width": Role.NUMERIC, "colour": Role.CATEGORICAL, "kind": Role.CATEGORICAL}
    return frame, roles
