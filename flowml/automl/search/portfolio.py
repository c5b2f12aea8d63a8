"""Which first configurations to try, in which order.

Every family is asked for its first configurations. Families come in the order of their usual strength on tables of
this size, their later configurations after the first ones of the others, so that whatever the budget cuts off is what
promises least. The order follows published comparisons (TabRepo, Salinas and Erickson 2023; the AutoML Benchmark,
Gijsbers et al. 2024) and our own trials.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flowml.automl.algorithms.base import Algorithm
from flowml.automl.task.shape import TaskShape
from flowml.automl.trial.sharing import is_big
from flowml.domain.jobs import ProblemType

SMALL = 2_000
BIG_TABLE = 8_000

FIRST_OF_ALL = ("logistic_regression", "ridge", "lightgbm")
# Where a first look has been taken already, or the cheapest trial takes a good part of the time there is, a linear
# model takes long for what it brings: the strongest comes first.
FIRST_ON_BIG = ("lightgbm",)
# Where columns outnumber rows, linear models are done in a moment and hard to beat; a booster looks at each column in
# every round.
FIRST_ON_WIDE = ("logistic_regression", "ridge", "elastic_net", "lasso", "lightgbm")
STRENGTH_SMALL = (
    "catboost",
    "extra_trees",
    "mlp",
    "linear_discriminant",
    "random_forest",
    "xgboost",
    "svm",
    "gradient_boosting",
    "elastic_net",
    "lasso",
    "knn",
    "adaboost",
    "gaussian_nb",
    "decision_tree",
)
STRENGTH_LARGE = (
    "catboost",
    "xgboost",
    "logistic_regression",
    "ridge",
    "extra_trees",
    "mlp",
    "random_forest",
    "svm",
    "gradient_boosting",
    "knn",
    "decision_tree",
    "linear_discriminant",
    "elastic_net",
    "lasso",
    "gaussian_nb",
    "adaboost",
)
# Families whose further configurations are worth it early; the others wait until everybody has had a turn.
STRONG = ("lightgbm", "catboost", "xgboost", "extra_trees", "mlp")
SPACING = {"lightgbm": 3.5, "catboost": 7.0, "xgboost": 7.5}


@dataclass(frozen=True)
class Candidate:
    """One configuration of one family."""

    algorithm: str
    params: dict[str, Any]


def portfolio(algorithms: Sequence[Algorithm], shape: TaskShape) -> list[Candidate]:
    """All first configurations, the most promising first; the very first ones are those that are done at once."""
    strength = STRENGTH_SMALL if shape.n_rows < SMALL else STRENGTH_LARGE
    first = _first(shape)
    ranked: list[tuple[float, str, Candidate]] = []
    for algorithm in algorithms:
        place = _place(algorithm.name, first, strength)
        for round_, params in enumerate(algorithm.first_configurations(shape)):
            later = round_ * SPACING.get(algorithm.name, 9.0 if algorithm.name in STRONG else 20.0)
            ranked.append((place + later, algorithm.name, Candidate(algorithm.name, dict(params))))
    ranked.sort(key=lambda entry: (entry[0], entry[1]))
    return [candidate for _, _, candidate in ranked]


def _first(shape: TaskShape) -> tuple[str, ...]:
    """The families whose turn comes before all others, whatever their strength."""
    if shape.n_features >= shape.n_rows:
        return FIRST_ON_WIDE
    return FIRST_ON_BIG if shape.n_rows > BIG_TABLE or is_big(shape) else FIRST_OF_ALL


def _place(name: str, first: Sequence[str], strength: Sequence[str]) -> float:
    if name in first:
        return first.index(name) - float(len(first))
    return float(strength.index(name)) if name in strength else float(len(strength))


def most_trials(shape: TaskShape, n_algorithms: int) -> int | None:
    """How many trials a table of this size bears before the search finds luck instead of quality; None: no limit.

    Every family may be tried once; what comes on top grows from 4 at 100 rows to 40 at 10,000.
    """
    if shape.n_rows >= 10_000:
        return None
    points = ((100, 4.0), (500, 8.0), (2_500, 15.0), (10_000, 40.0))
    on_top = points[0][1]
    for (rows, low), (next_rows, high) in itertools.pairwise(points):
        if shape.n_rows > rows:
            share = min(1.0, (shape.n_rows - rows) / (next_rows - rows))
            on_top = low + share * (high - low)
    doubled = 1.5 if shape.problem_type is ProblemType.REGRESSION else 1.0
    return n_algorithms + round(on_top * doubled)
