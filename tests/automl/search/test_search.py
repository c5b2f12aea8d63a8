"""What is tried, in which order, and when it is enough."""

from typing import Any

import pytest

from flowml.automl import algorithms
from flowml.automl.search.search import WAIT, Search
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType
from flowml.domain.trials import TrialSpec, TrialStatus
from tests.automl.search.searching import HOURS, LARGE, families, make_search, run, same, score


def test_numbers_count_up_and_nothing_is_tried_twice() -> None:
    done = run(make_search(), 80)
    assert [spec.number for spec in done] == list(range(80))
    keys = {(spec.algorithm, str(sorted(spec.params.items()))) for spec in done}
    assert len(keys) == 80


def test_the_search_goes_where_it_pays_and_starves_nobody_who_is_near() -> None:
    done = [spec for spec in run(make_search(), 110) if spec.origin == "search"]
    counts = {name: sum(spec.algorithm == name for spec in done) for name in ("lightgbm", "catboost", "xgboost", "knn")}
    assert counts["lightgbm"] > 10
    assert counts["lightgbm"] > counts["catboost"] >= 1
    assert counts["xgboost"] >= 1
    assert counts["knn"] <= counts["lightgbm"] // 3


def test_families_of_the_ensemble_are_searched_even_where_others_are_better_alone() -> None:
    def searched(shares: bool) -> int:
        search = make_search(LARGE, "lightgbm", "mlp")
        done: list[TrialSpec] = []
        for _ in range(40):
            spec = search.ask(HOURS, 1)
            assert isinstance(spec, TrialSpec)
            search.tell(spec.number, {"lightgbm": 0.9, "mlp": 0.8}[spec.algorithm], 1.0, TrialStatus.FINISHED)
            done.append(spec)
            numbers = {name: spec.number for spec in done for name in [spec.algorithm]}
            if shares and "mlp" in numbers:
                search.blended({numbers["lightgbm"]: 0.6, numbers["mlp"]: 0.4})
        return sum(spec.algorithm == "mlp" and spec.origin == "search" for spec in done)

    assert searched(shares=True) > searched(shares=False)


def test_an_algorithm_that_fails_twice_in_a_row_is_left_alone() -> None:
    done = run(make_search(), 60, scorer=lambda spec: None if spec.algorithm == "xgboost" else score(spec))
    assert sum(spec.algorithm == "xgboost" for spec in done) == 2


def test_an_algorithm_that_is_not_for_this_table_is_left_alone() -> None:
    search = make_search()
    assert "svm" in search.not_applicable
    assert "10,000" in search.not_applicable["svm"]
    tried = 0
    for _ in range(60):
        spec = search.ask(HOURS, 1)
        assert isinstance(spec, TrialSpec)
        assert spec.algorithm != "svm"
        knn = spec.algorithm == "knn"
        tried += knn
        status = TrialStatus.FAILED if knn else TrialStatus.FINISHED
        search.tell(spec.number, None if knn else score(spec), 1.0, status, applicable=not knn)
    assert tried == 1


def test_a_trial_that_was_cut_off_says_nothing_against_its_family() -> None:
    search = make_search(LARGE, "lightgbm")
    for _ in range(3):
        spec = search.ask(HOURS, 1)
        assert isinstance(spec, TrialSpec)
        search.tell(spec.number, None, 1.0, TrialStatus.CANCELLED)
    assert isinstance(search.ask(HOURS, 1), TrialSpec)


def test_all_failing_ends_the_search() -> None:
    done = run(make_search(), 200, scorer=lambda spec: None)
    assert 0 < len(done) <= 2 * len(families(LARGE))


def test_a_small_table_on_which_nothing_gains_any_more_is_done() -> None:
    shape = TaskShape(ProblemType.CLASSIFICATION, 9_000, 5, 2)
    done = run(make_search(shape, "lightgbm", "xgboost"), 500, scorer=lambda spec: 0.5)
    assert sum(spec.origin == "search" for spec in done) == 15


def test_max_trials_is_exactly_that() -> None:
    shape = TaskShape(ProblemType.CLASSIFICATION, 100, 5, 2)
    assert len(run(make_search(shape, max_trials=37), 500)) == 37
    assert len(run(make_search(shape, max_trials=3), 500)) == 3


def test_waiting_and_having_nothing_are_told_apart() -> None:
    search = make_search(LARGE, "gaussian_nb")
    open_trials: list[Any] = []
    while isinstance(spec := search.ask(HOURS, 50), TrialSpec):
        open_trials.append(spec)
        if len(open_trials) == 2:
            break
    # Both first configurations run; a search has nothing to go by yet.
    assert search.ask(HOURS, 50) is WAIT
    for trial in open_trials:
        search.tell(trial.number, None, 1.0, TrialStatus.FAILED)
    assert search.ask(HOURS, 50) is None


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_with_max_trials_order_and_slots_do_not_matter(slots: int) -> None:
    expected = run(make_search(max_trials=60, seed=5), 60)

    search = make_search(max_trials=60, seed=5)
    asked: list[TrialSpec] = []
    open_trials: list[TrialSpec] = []
    waited = False
    while len(asked) < 60 or open_trials:
        spec = search.ask(HOURS, slots) if len(open_trials) < slots else None
        if isinstance(spec, TrialSpec):
            asked.append(spec)
            open_trials.append(spec)
            continue
        waited = waited or spec is WAIT
        # The last to begin is the first to end, and takes another time than before.
        done = open_trials.pop()
        search.tell(done.number, score(done), 0.1 + 7 * (done.number % 3), TrialStatus.FINISHED)
    assert same(asked, expected)
    assert waited is (slots > 1)


def test_another_seed_searches_elsewhere() -> None:
    assert not same(run(make_search(max_trials=60), 60), run(make_search(max_trials=60, seed=1), 60))


def test_one_family_alone_uses_all_the_trials_it_was_given() -> None:
    search = Search(
        TaskShape(ProblemType.CLASSIFICATION, 500, 5, 2, 200),
        [algorithms.get("decision_tree")],
        metric="accuracy",
        seed=0,
        max_trials=12,
    )
    asked = []
    while (spec := search.ask(3600.0, 1)) is not None:
        assert isinstance(spec, TrialSpec)
        asked.append(spec.number)
        search.tell(spec.number, 0.5 + 0.01 * spec.number, 0.1, TrialStatus.FINISHED)
    assert asked == list(range(12))
