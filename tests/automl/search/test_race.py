"""What a trial's first fold has to reach for the others to be worth their time."""

import pytest

from flowml.automl.search.search import Search
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType
from flowml.domain.trials import TrialSpec, TrialStatus
from tests.automl.search.searching import HOURS, LARGE, families, make_search, told


def test_a_trial_is_told_what_its_first_fold_has_to_reach() -> None:
    search = make_search(LARGE, "lightgbm")
    assert told(search, 0.90).bar is None
    bars = [told(search, 0.91).bar for _ in range(3)]
    assert bars[0] is not None
    assert bars[1] is not None
    assert 0.87 < bars[0] < 0.9 < bars[1] < 0.91
    # Of its own family only: a newcomer may be further behind.
    both = make_search(LARGE, "logistic_regression", "lightgbm")
    told(both, 0.9)
    newcomer = told(both, 0.9).bar
    assert newcomer is not None
    assert newcomer < bars[0]


def test_bars_are_in_the_metrics_own_direction() -> None:
    shape = TaskShape(ProblemType.REGRESSION, 30_000, 20, 1)
    search = Search(shape, families(shape, "lightgbm"), metric="rmse", seed=0)
    told(search, -2.0)
    bar = told(search, -2.0).bar
    assert bar is not None
    assert 2.0 < bar < 2.2


@pytest.mark.parametrize(("n_rows", "n_folds"), [(1_000, 5), (300_000, 1)])
def test_there_is_no_race_where_it_saves_nothing(n_rows: int, n_folds: int) -> None:
    shape = TaskShape(ProblemType.CLASSIFICATION, n_rows, 20, 2)
    search = Search(shape, families(shape, "lightgbm"), metric="accuracy", seed=0, n_folds=n_folds)
    assert [told(search, 0.9).bar for _ in range(4)] == [None] * 4


def test_what_was_pruned_counts_neither_as_failure_nor_as_success() -> None:
    search = make_search(LARGE, "lightgbm")
    told(search, 0.9)
    for _ in range(6):
        spec = search.ask(HOURS, 1)
        assert isinstance(spec, TrialSpec)
        search.tell(spec.number, None, 1.0, TrialStatus.PRUNED, first_fold=0.5)
    assert isinstance(search.ask(HOURS, 1), TrialSpec)
