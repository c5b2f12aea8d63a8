"""Rows in the order of time are tested on later ones."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from flowml.automl.algorithms.base import Final
from flowml.automl.task.splits import time_folds
from flowml.automl.task.validation import moments_of
from flowml.automl.trial.evaluate import EncodedFolds, evaluate
from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ValidationKind
from tests.automl.tables import LeastSquares
from tests.automl.task.visits import GROUP, SHUFFLED, TIME, days, task_of, visits


def test_times_counted_in_nanoseconds_keep_their_order() -> None:
    first = 2**60
    moments = moments_of(pl.Series("ns", [first + 2, first, None, first + 1, first + 1]))
    assert np.argsort(moments[[0, 1, 3]]).tolist() == [1, 2, 0]
    assert moments[3] == moments[4] and np.isnan(moments[2])


def test_rows_in_the_order_of_their_days_are_tested_on_later_ones() -> None:
    for frame in (days(), days().reverse()):
        task = task_of(frame)
        assert (task.validation.kind, task.validation.column, task.n_folds) == (TIME, "day", 5)
        when = frame["day"].to_numpy()
        for fold in range(5):
            assert when[task.train_rows(fold)].max() < when[task.valid_rows(fold)].min()
    assert task_of(days().sample(fraction=1.0, shuffle=True, seed=1)).validation.kind is SHUFFLED
    few_days = days().with_columns(pl.lit(datetime.fromisoformat("2024-01-01")).alias("day"))
    assert task_of(few_days.with_columns(z=pl.col("x") * 2)).validation.kind is SHUFFLED


def test_a_class_that_only_the_last_days_have_cannot_be_tested_by_time() -> None:
    late = days().with_columns(y=pl.Series(["new" if index > 295 else "old" for index in range(300)]))
    assert task_of(late).validation.kind is ValidationKind.STRATIFIED
    assert "in the order of “day”, but" in task_of(late).validation.reason
    with pytest.raises(InvalidInput, match="no rows are left to test on"):
        task_of(late, cv="time:day")


def test_the_only_row_of_a_class_does_not_hold_up_time() -> None:
    once = days().with_columns(y=pl.Series(["once" if index == 290 else "ab"[index % 2] for index in range(300)]))
    task = task_of(once)
    assert (task.validation.kind, task.n_folds) == (TIME, 5)
    assert task.folds[290] == -1 and len(task.validated) > 240


@pytest.mark.parametrize("final", Final)
def test_by_time_the_last_model_knows_the_latest_rows(final: Final) -> None:
    task, algorithm = task_of(days()), LeastSquares(final)
    evaluation = evaluate(
        task, EncodedFolds(task), algorithm, {"penalty": 1.0}, seed=0, threads=1, time_left=lambda: 60.0
    )
    stops = final is Final.BAG
    expected = [(50 * fold, 50 * stops) for fold in range(1, 6)] + [(300, 0)]
    assert [fit[:2] for fit in algorithm.fits] == expected
    assert len(evaluation.model.members[0].parts) == 1
    tested = np.isfinite(evaluation.out_of_fold[:, 0])
    assert np.array_equal(np.flatnonzero(tested), task.validated) and tested.sum() == 250
    assert len(evaluation.fold_scores) == 5


def test_a_big_table_by_time_is_tested_on_its_last_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.automl.task.validation._ONE_FOLD_ABOVE", 200)
    task = task_of(days())
    assert (task.validation.kind, task.n_folds, len(task.validated)) == (TIME, 1, 30)
    grouped = task_of(visits())
    assert (grouped.validation.kind, grouped.n_folds) == (GROUP, 1)
    assert 20 < len(grouped.validated) < 60


def test_where_most_rows_share_the_last_moment_they_are_the_test() -> None:
    frame = days().with_columns(day=pl.Series([index // 30 if index < 200 else 9 for index in range(300)]))
    task = task_of(frame, cv="time:day", cv_folds=5)
    assert task.validation.kind is TIME
    folds = time_folds(np.array([0.0] * 70 + [1.0] * 130), 1)
    assert folds is not None and np.array_equal(np.flatnonzero(folds == 0), np.arange(70, 200))
