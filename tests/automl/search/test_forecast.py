"""How long trials will take, and what still fits into the time."""

from flowml.automl import algorithms
from flowml.automl.search.forecast import Forecast
from flowml.domain.trials import TrialSpec, TrialStatus
from tests.automl.search.searching import HOURS, LARGE, families, make_search, run, told


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
