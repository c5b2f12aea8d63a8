"""What is tried, in which order, and when it is enough."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from flowml.automl import algorithms
from flowml.automl.algorithms.base import Algorithm, ChoiceParameter, FloatParameter, IntParameter
from flowml.automl.search.forecast import Forecast
from flowml.automl.search.portfolio import most_trials, portfolio
from flowml.automl.search.search import WAIT, Search
from flowml.automl.search.tpe import propose
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType
from flowml.domain.trials import Trial, TrialSpec, TrialStatus

LARGE = TaskShape(ProblemType.CLASSIFICATION, 30_000, 20, 2)
MIDDLE = TaskShape(ProblemType.CLASSIFICATION, 1_000, 10, 2)
HOURS = 36_000.0

Scorer = Callable[[TrialSpec], float | None]


def families(shape: TaskShape, *names: str) -> list[Algorithm]:
    chosen = [algorithms.get(name) for name in names] if names else list(algorithms.all())
    return [algorithm for algorithm in chosen if shape.problem_type in algorithm.problem_types]


def make_search(shape: TaskShape = LARGE, *names: str, max_trials: int | None = None, seed: int = 0) -> Search:
    return Search(shape, families(shape, *names), metric="accuracy", seed=seed, max_trials=max_trials)


def score(spec: TrialSpec) -> float:
    """A world in which LightGBM is best, and the better the nearer its learning rate is to .05."""
    if spec.algorithm == "lightgbm":
        return 0.9 - abs(float(spec.params["learning_rate"]) - 0.05)
    return {"xgboost": 0.894, "catboost": 0.896, "knn": 0.5}.get(spec.algorithm, 0.7)


def run(search: Search, n_trials: int, *, left: float = HOURS, scorer: Scorer = score) -> list[TrialSpec]:
    """One trial after the other."""
    done: list[TrialSpec] = []
    while len(done) < n_trials:
        spec = search.ask(left, 1)
        if not isinstance(spec, TrialSpec):
            break
        gain = scorer(spec)
        search.tell(spec.number, gain, 1.0, TrialStatus.FINISHED if gain is not None else TrialStatus.FAILED)
        done.append(spec)
    return done


def same(first: Sequence[TrialSpec], second: Sequence[TrialSpec]) -> bool:
    return [(one.algorithm, dict(one.params)) for one in first] == [(one.algorithm, dict(one.params)) for one in second]


def test_a_linear_model_and_lightgbm_come_first() -> None:
    assert [spec.algorithm for spec in run(make_search(MIDDLE), 2)] == ["logistic_regression", "lightgbm"]
    values = TaskShape(ProblemType.REGRESSION, 3_000, 20, 1)
    assert [spec.algorithm for spec in run(make_search(values), 2)] == ["ridge", "lightgbm"]
    # A first look has been taken there.
    assert [spec.algorithm for spec in run(make_search(LARGE), 2)] == ["lightgbm", "catboost"]


@pytest.mark.parametrize("shape", [MIDDLE, LARGE], ids=["middle", "large"])
def test_every_family_gets_its_chance_before_any_search(shape: TaskShape) -> None:
    search = make_search(shape)
    done = run(search, 45)
    expected = {algorithm.name for algorithm in families(shape)} - set(search.not_applicable)
    assert {spec.algorithm for spec in done if spec.origin == "portfolio"} == expected
    origins = [spec.origin for spec in done]
    assert origins == sorted(origins)


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


def test_what_nearly_fits_into_the_time_is_made_to_fit() -> None:
    search = make_search(LARGE, "lightgbm")
    needed = 5 * algorithms.get("lightgbm").seconds_per_fit(LARGE)
    usual = told(search, 0.9, needed)
    hurried = search.ask(0.6 * needed, 1)
    assert isinstance(hurried, TrialSpec)
    assert hurried.params["learning_rate"] > 1.5 * usual.params["learning_rate"]
    assert hurried.params["num_leaves"] == usual.params["num_leaves"]
    nothing = search.ask(0.1 * needed, 1)
    assert not isinstance(nothing, TrialSpec)


def told(search: Search, first_fold: float, seconds: float = 1.0) -> TrialSpec:
    spec = search.ask(HOURS, 1)
    assert isinstance(spec, TrialSpec)
    search.tell(spec.number, first_fold, seconds, TrialStatus.FINISHED, first_fold=first_fold)
    return spec


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


def test_the_search_finds_the_best_rate() -> None:
    done = [spec for spec in run(make_search(LARGE, "lightgbm"), 45) if spec.origin == "search"]
    assert min(abs(float(spec.params["learning_rate"]) - 0.05) for spec in done[-20:]) < 0.004


def test_what_does_not_fit_into_the_time_is_not_proposed() -> None:
    search = make_search()
    forecasts = {one.name: 5 * one.seconds_per_fit(LARGE) for one in families(LARGE)}
    seen: set[str] = set()
    for spec in run(search, 60, left=10.0):
        if spec.algorithm in seen:
            # By then it is known how long it really takes.
            continue
        seen.add(spec.algorithm)
        usual = algorithms.get(spec.algorithm).first_configurations(LARGE)[0]
        hurry = spec.params["learning_rate"] / usual["learning_rate"] if forecasts[spec.algorithm] > 10.0 else 1.0
        assert forecasts[spec.algorithm] / hurry <= 10.0
    assert {"lightgbm", "catboost"} <= seen
    assert make_search(LARGE, "catboost").ask(1.0, 1) is not None


def test_forecasts_learn_from_what_trials_took() -> None:
    search = make_search(LARGE, "lightgbm", "xgboost")
    spec = search.ask(HOURS, 1)
    assert isinstance(spec, TrialSpec)
    assert spec.algorithm == "lightgbm"
    search.tell(spec.number, 0.8, 500.0, TrialStatus.FINISHED)
    following = search.ask(60.0, 1)
    assert following is None


def test_the_first_trial_is_proposed_whatever_the_time() -> None:
    spec = make_search().ask(0.001, 2)
    assert isinstance(spec, TrialSpec)


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


def test_small_tables_get_few_trials() -> None:
    for rows, most in ((100, 4), (500, 8), (2_500, 15)):
        shape = TaskShape(ProblemType.CLASSIFICATION, rows, 5, 2)
        search = make_search(shape)
        done = run(search, 500)
        assert len(done) <= len(families(shape)) + most
        assert search.ask(HOURS, 1) is None
    assert most_trials(LARGE, 10) is None


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


def as_trial(spec: TrialSpec, status: TrialStatus) -> Trial:
    done = status is TrialStatus.FINISHED
    return Trial(
        id=str(spec.number),
        job_id="job",
        number=spec.number,
        algorithm=spec.algorithm,
        params=dict(spec.params),
        origin=spec.origin,
        status=status,
        score=1 - score(spec) if done else None,
        fit_seconds=1.0 if done else None,
    )


def test_a_resumed_search_goes_on_as_the_first_would_have() -> None:
    def error(spec: TrialSpec) -> float:
        return score(spec) - 1

    first, resumed = (Search(LARGE, families(LARGE), metric="rmse", seed=0, max_trials=60) for _ in range(2))
    whole = run(first, 60, scorer=error)
    resumed.resume([as_trial(spec, TrialStatus.FINISHED) for spec in reversed(whole[:50])])
    assert same(run(resumed, 60, scorer=error), whole[50:])


def test_open_trials_of_an_earlier_life_are_waited_for() -> None:
    whole = run(make_search(max_trials=60), 60)
    resumed = make_search(max_trials=60)
    resumed.resume(
        [as_trial(spec, TrialStatus.LEASED if spec.number == 45 else TrialStatus.FINISHED) for spec in whole[:50]]
    )
    assert resumed.ask(HOURS, 2) is WAIT
    resumed.tell(45, score(whole[45]), 1.0, TrialStatus.FINISHED)
    assert isinstance(resumed.ask(HOURS, 2), TrialSpec)


def test_a_number_that_was_never_asked_is_ignored() -> None:
    search = make_search()
    search.tell(7, 0.9, 1.0, TrialStatus.FINISHED)
    spec = search.ask(HOURS, 1)
    assert isinstance(spec, TrialSpec)
    assert spec.number == 0


def test_the_portfolio_holds_every_first_configuration_once() -> None:
    chosen = families(LARGE)
    total = sum(len(algorithm.first_configurations(LARGE)) for algorithm in chosen)
    candidates = portfolio(chosen, LARGE)
    assert len(candidates) == total
    assert len({(one.algorithm, str(one.params)) for one in candidates}) == total


CLASSES, VALUES = ProblemType.CLASSIFICATION, ProblemType.REGRESSION


@pytest.mark.parametrize(
    ("shape", "first"),
    [
        pytest.param(TaskShape(CLASSES, 1_000, 20, 2), ["logistic_regression", "lightgbm"], id="small"),
        pytest.param(TaskShape(CLASSES, 30_000, 20, 2), ["lightgbm"], id="many rows"),
        pytest.param(TaskShape(CLASSES, 5_000, 2_000, 2), ["lightgbm"], id="many cells, no more columns than rows"),
        pytest.param(TaskShape(VALUES, 5_000, 2_000, 1), ["lightgbm"], id="many cells of values"),
        pytest.param(TaskShape(CLASSES, 60, 2_000, 2), ["logistic_regression", "lightgbm"], id="wide"),
        pytest.param(TaskShape(VALUES, 60, 2_000, 1), ["ridge", "elastic_net", "lasso", "lightgbm"], id="wide values"),
        pytest.param(TaskShape(CLASSES, 1_000, 20_000, 2), ["logistic_regression", "lightgbm"], id="wide and big"),
    ],
)
def test_what_comes_first_depends_on_rows_and_columns(shape: TaskShape, first: list[str]) -> None:
    order = [candidate.algorithm for candidate in portfolio(families(shape), shape)]
    assert order[: len(first)] == first


def test_a_proposal_stays_in_its_space_and_keeps_away_from_open_ones() -> None:
    space = (
        FloatParameter("rate", 0.001, 1.0, log=True),
        IntParameter("depth", 2, 9),
        ChoiceParameter("kind", ("a", "b")),
    )
    finished = [({"rate": 0.1, "depth": 4, "kind": "a"}, 0.8), ({"rate": 0.5, "depth": 8, "kind": "b"}, 0.2)]
    outside = ({"rate": 7.0, "depth": 4, "kind": "a"}, 0.9)
    seen = [propose(space, [*finished, outside], [finished[0][0]], seed) for seed in range(10)]
    for params in seen:
        assert 0.001 <= params["rate"] <= 1.0
        assert params["depth"] in range(2, 10)
        assert params["kind"] in ("a", "b")
    assert propose(space, finished, [], 3) == propose(space, finished, [], 3)
    assert len({str(params) for params in seen}) > 5


def test_a_forecast_follows_the_machine_and_the_family() -> None:
    forecast = Forecast({"a": 10.0, "b": 1.0})
    assert forecast.seconds("a") == 10.0
    for _ in range(3):
        forecast.saw("a", 40.0)
    assert 25.0 < forecast.seconds("a") <= 40.0
    assert 1.5 < forecast.seconds("b") <= 4.0
    forecast.saw("b", 0.5)
    assert forecast.seconds("b") < 2.0
    forecast.saw_at_least("b", 9.0)
    assert forecast.seconds("b") > 2.0


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


def test_what_was_cancelled_is_tried_again_under_a_new_number() -> None:
    def new() -> Search:
        return Search(
            TaskShape(ProblemType.CLASSIFICATION, 500, 5, 2, 200),
            [algorithms.get("lightgbm")],
            metric="accuracy",
            seed=0,
        )

    first = new().ask(3600.0, 1)
    assert isinstance(first, TrialSpec)
    trial = Trial("t", "j", 0, first.algorithm, first.params, first.origin, TrialStatus.CANCELLED)
    search = new()
    search.resume([trial])
    again = search.ask(3600.0, 1)
    assert isinstance(again, TrialSpec)
    assert (again.number, again.params) == (1, first.params)
