"""Permutation importance: what decides comes first, what does not stays near zero, and the time is kept."""

import numpy as np
import pytest

from flowml.automl.algorithms.base import Final
from flowml.automl.explain.importance import permutation_importance
from flowml.automl.model.model import combine
from flowml.automl.scoring.metrics import METRICS
from tests.automl.model.fitting import fit
from tests.automl.tables import people_task


@pytest.mark.parametrize("final", Final)
def test_the_columns_that_decide_come_first(final: Final) -> None:
    task = people_task(500)
    items = permutation_importance(task, fit(task, final), METRICS["roc_auc"], seed=0, time_left=lambda: 60.0)
    assert [item.feature for item in items[:2]] == ["age", "town"]
    assert {item.feature for item in items} == set(task.frame.columns)
    assert items[0].importance > 0.1 and abs(items[-1].importance) < 0.02
    assert all(item.std is not None and item.std >= 0 for item in items)


def test_a_metric_of_which_less_is_better_gives_the_same_order() -> None:
    task = people_task(500, metric="log_loss")
    model = combine([fit(task), fit(task, Final.REFIT)], [1, 1])
    items = permutation_importance(task, model, METRICS["log_loss"], seed=0, time_left=lambda: 60.0)
    assert items[0].feature == "age" and items[0].importance > 0


def test_the_seed_decides() -> None:
    task = people_task()
    model = fit(task)
    first, second = (
        permutation_importance(task, model, METRICS["accuracy"], seed=4, time_left=lambda: 60.0) for _ in range(2)
    )
    assert first == second


def test_without_time_there_is_no_answer() -> None:
    task = people_task()
    assert permutation_importance(task, fit(task), METRICS["accuracy"], seed=0, time_left=lambda: 0.0) == []


def test_with_little_time_fewer_rows_answer() -> None:
    task = people_task(600)
    model = fit(task)
    looks = iter(np.concatenate([[10.0, 9.0, 9.0], np.full(100, 5.0)]))
    items = permutation_importance(task, model, METRICS["roc_auc"], seed=0, time_left=lambda: float(next(looks)))
    assert items and items[0].feature == "age"
