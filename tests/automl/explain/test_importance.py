"""Permutation importance: what decides comes first, what does not stays near zero, and the time is kept."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from flowml.automl.algorithms.base import Final
from flowml.automl.explain.additive import ModelExplainer
from flowml.automl.explain.importance import permutation_importance
from flowml.automl.explain.summary import shap_importance
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
    # Shuffled once, they have no spread.
    assert {item.std for item in items} == {None}


def test_behind_a_recipe_what_is_made_of_one_column_counts_as_that_column() -> None:
    task = people_task(300)
    model = fit(task)
    recipe: Any = SimpleNamespace(single_sources={"age": "person", "town": "person"})
    behind = replace(model, schema=replace(model.schema, recipe=recipe))
    shuffled = permutation_importance(task, behind, METRICS["roc_auc"], seed=0, time_left=lambda: 60.0)
    added = shap_importance(task, behind, seed=0, time_left=lambda: 60.0, max_rows=20)
    left = set(task.frame.columns) - {"age", "town"}
    assert {item.feature for item in shuffled} == {item.feature for item in added} == left | {"person"}
    assert shuffled[0].feature == added[0].feature == "person"
    # Both are shuffled in the same order, and what they add is summed up before its size is taken.
    explainer = ModelExplainer(model)
    places = [explainer.names.index(name) for name in ("age", "town")]
    rows = np.random.default_rng(0).permutation(task.validated)[:20]
    sums = [np.abs(explainer.explain(row).added[places].sum(axis=0)).mean() for row in task.frame[rows].to_dicts()]
    assert added[0].importance == pytest.approx(np.mean(sums))
