"""k nearest neighbours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms import memory
from flowml.automl.algorithms.base import (
    Algorithm,
    Category,
    ChoiceParameter,
    Final,
    FitContext,
    IntParameter,
    Logarithms,
    Parameter,
)
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import is_classification, library_errors, require_time
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.knn import BLOCK_CELLS, NearestNeighboursPredictor
from flowml.automl.task.shape import TaskShape
from flowml.domain.errors import NotApplicable

MOST_FEATURES = 500
MOST_POINTS = 20_000
MOST_NUMBERS = 1_000_000


def stored_points(n_rows: int, n_features: int) -> int:
    """How many rows are kept: an answer compares with each of them, and is to take half a millisecond at most."""
    return min(n_rows, MOST_POINTS, max(1_000, MOST_NUMBERS // max(n_features, 1)))


@register
class NearestNeighbours(Algorithm):
    """The mean of the most alike rows (Cover and Hart 1967); a seeded sample of rows where there are many.

    A row's weight is the weight of its vote: k counts rows, so a row of weight 2 is not the same as two rows.
    """

    name = "knn"
    title = "Nearest neighbours"
    category = Category.INSTANCE
    view = View.DENSE
    final = Final.REFIT
    logarithms = Logarithms.ALWAYS

    def check(self, shape: TaskShape) -> None:
        if shape.n_features > MOST_FEATURES:
            raise NotApplicable(
                f"With more than {MOST_FEATURES} columns all rows are about equally far apart, so that nearest "
                "neighbours say nothing."
            )

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (
            IntParameter("n_neighbors", 1, int(np.clip(shape.n_rows // 8, 3, 100)), log=True),
            ChoiceParameter("weights", ("distance", "uniform")),
        )

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        usual = int(np.clip(shape.n_rows**0.45, 3, 50))
        most = int(np.clip(shape.n_rows // 8, 3, 100))
        return (
            {"n_neighbors": min(usual, most), "weights": "distance"},
            {"n_neighbors": min(3 * usual, most), "weights": "distance"},
        )

    def seconds_per_fit(self, shape: TaskShape) -> float:
        # Fitting is nothing; answering for the held-out fifth is what takes time.
        points = stored_points(shape.n_rows, shape.n_features)
        return 0.01 + shape.n_rows / 5 * points * (8e-9 + shape.n_features * 1e-10)

    def memory_per_fit(self, shape: TaskShape, params: Mapping[str, Any]) -> int:
        return memory.of_double_copies(shape, 0.5) + 3 * 8 * BLOCK_CELLS

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
            points = stored_points(train.n_rows, train.values.shape[1])
            chosen = np.arange(train.n_rows)
            if points < train.n_rows:
                chosen = np.sort(np.random.default_rng(context.seed).choice(train.n_rows, points, replace=False))
            return NearestNeighboursPredictor(
                train.values[chosen],
                target[chosen],
                int(params["n_neighbors"]),
                params["weights"] == "distance",
                context.n_outputs if is_classification(context) else 0,
                None if context.weights is None else context.weights[chosen],
            )
