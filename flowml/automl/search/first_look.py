"""A usable model within seconds, also on a big table: two cheap families, each learned from a sample of the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flowml.automl.algorithms.base import Algorithm
from flowml.automl.search.portfolio import BIG_TABLE
from flowml.automl.task.shape import TaskShape
from flowml.domain.errors import NotApplicable
from flowml.domain.trials import TrialSpec

SAMPLE = 4_000
_CHEAP = ("lightgbm", "logistic_regression", "ridge", "decision_tree")
_LOOKS = 2
_HURRY = 1.5


def first_looks(shape: TaskShape, algorithms: Sequence[Algorithm]) -> list[TrialSpec]:
    """Trials to run before the search has its say; none where whole trials are quick anyway.

    Their numbers are below zero: the search neither asks for them nor hears of them, because what a sample teaches
    about a configuration is not what all rows do.
    """
    if shape.n_rows <= BIG_TABLE:
        return []
    sampled = replace(shape, n_rows=SAMPLE)
    order = sorted(algorithms, key=lambda one: _CHEAP.index(one.name) if one.name in _CHEAP else len(_CHEAP))
    fitting = [algorithm for algorithm in order if _is_for(algorithm, sampled)][:_LOOKS]
    return [
        TrialSpec(
            number=index - len(fitting),
            algorithm=algorithm.name,
            params=_quick(algorithm, shape),
            origin="first",
            max_rows=SAMPLE,
        )
        for index, algorithm in enumerate(fitting)
    ]


def _quick(algorithm: Algorithm, shape: TaskShape) -> Mapping[str, Any]:
    """What is best on such a table, in fewer rounds: what is best on so few rows may take many."""
    params = algorithm.first_configurations(shape)[0]
    return algorithm.hurried(params, _HURRY) or params


def _is_for(algorithm: Algorithm, shape: TaskShape) -> bool:
    try:
        algorithm.check(shape)
    except NotApplicable:
        return False
    return True
