"""A run without a server: it finds something good, ends in time, and does the same twice."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pytest

from flowml.automl.model.batch import add_predictions
from flowml.automl.run.conduct import reserve_seconds
from flowml.automl.task.task import Task
from flowml.automl.trial.outcome import Outcome
from flowml.domain.datasets import Role
from flowml.domain.errors import DeadlineReached, InvalidInput
from flowml.domain.models import FIRST_LINEAR, FIRST_TREE
from flowml.domain.trials import TrialSpec
from flowml.library.process_runner import ThreadRunner
from flowml.library.run import Progress, train
from flowml.machine.child import CannotStart
from tests.automl.tables import flowers

QUICK = ["decision_tree", "gaussian_nb", "knn", "lightgbm", "logistic_regression", "ridge", "svm"]


def quick(target: str) -> list[str]:
    """Families that are trained in a moment, for either kind of target."""
    left_out = {"kind": {"ridge"}, "price": {"gaussian_nb", "logistic_regression"}}[target]
    return [name for name in QUICK if name not in left_out]


def houses(rows: int = 240) -> tuple[pl.DataFrame, dict[str, Role]]:
    generator = np.random.default_rng(1)
    size = generator.uniform(30, 200, rows)
    town = generator.integers(0, 4, rows)
    price = 1000 * size + 20_000 * town + generator.normal(0, 4000, rows)
    frame = pl.DataFrame({"size": size, "town": [f"t{index}" for index in town], "price": price})
    return frame, {"size": Role.NUMERIC, "town": Role.CATEGORICAL, "price": Role.NUMERIC}


def test_a_classifier_is_found_and_ranked() -> None:
    frame, roles = flowers()
    run = train(
        frame, roles, target="kind", time_budget_seconds=120, max_trials=6, n_jobs=2, algorithm_names=quick("kind")
    )
    assert run.task.classes == ("a", "b", "c")
    assert run.leaderboard[0].score > 0.85
    scores = [entry.score for entry in run.leaderboard]
    assert scores == sorted(scores, reverse=True)
    assert [entry.rank for entry in run.leaderboard] == list(range(1, len(scores) + 1))
    fresh, _ = flowers(seed=9)
    answers = run.model.predict(fresh).argmax(axis=1)
    assert (np.array(run.task.classes)[answers] == fresh["kind"].to_numpy()).mean() > 0.8


def test_a_regressor_is_found_where_less_is_better() -> None:
    frame, roles = houses()
    run = train(
        frame,
        roles,
        target="price",
        metric="rmse",
        time_budget_seconds=120,
        max_trials=5,
        algorithm_names=quick("price"),
    )
    scores = [entry.score for entry in run.leaderboard]
    assert scores == sorted(scores) and scores[0] < 8000
    scored, notes = add_predictions(run.model, frame.drop("price"))
    assert scored.columns == ["size", "town", "prediction", "prediction_low", "prediction_high"] and not notes
    inside = (frame["price"] >= scored["prediction_low"]) & (frame["price"] <= scored["prediction_high"])
    assert inside.mean() > 0.8  # type: ignore[operator]


def test_predictions_of_classes_come_with_a_probability_each() -> None:
    frame, roles = flowers()
    run = train(frame, roles, target="kind", time_budget_seconds=20, max_trials=2)
    scored, notes = add_predictions(run.model, frame.drop("colour").rename({"length": "prediction"}))
    assert scored.columns[-4:] == ["prediction_", "probability_a", "probability_b", "probability_c"]
    assert len(notes) == 2 and "colour" in notes[0] and "prediction_" in notes[1]
    total = scored.select(pl.sum_horizontal("^probability_.*$")).to_series()
    assert total.to_numpy() == pytest.approx(1)


def test_the_same_seed_and_number_of_trials_give_the_same_leaderboard() -> None:
    frame, roles = flowers(120)
    runs = [
        train(
            frame,
            roles,
            target="kind",
            time_budget_seconds=120,
            max_trials=10,
            n_jobs=jobs,
            seed=3,
            algorithm_names=quick("kind"),
        )
        for jobs in (1, 2)
    ]
    boards = [[(entry.algorithm, dict(entry.params), entry.score) for entry in run.leaderboard] for run in runs]
    assert boards[0] == boards[1]


def test_it_ends_in_time_and_tells_how_far_it_is() -> None:
    frame, roles = flowers(600)
    heard: list[Progress] = []
    started = time.monotonic()
    run = train(frame, roles, target="kind", time_budget_seconds=4, n_jobs=2, on_progress=heard.append)
    assert time.monotonic() - started < 6
    assert run.leaderboard and heard[-1].trials_finished >= 1
    assert [progress.elapsed_seconds for progress in heard] == sorted(progress.elapsed_seconds for progress in heard)


def test_it_can_be_stopped_and_keeps_what_it_has() -> None:
    frame, roles = flowers()
    finished: list[int] = []

    def note(progress: Progress) -> None:
        finished.append(progress.trials_finished)

    started = time.monotonic()
    run = train(
        frame,
        roles,
        target="kind",
        time_budget_seconds=600,
        on_progress=note,
        stopped=lambda: bool(finished) and finished[-1] >= 1,
    )
    assert time.monotonic() - started < 60 and run.leaderboard


def test_only_the_chosen_algorithms_are_tried() -> None:
    frame, roles = flowers()
    run = train(
        frame, roles, target="kind", time_budget_seconds=120, max_trials=4, algorithm_names=["decision_tree", "knn"]
    )
    assert {entry.algorithm for entry in run.leaderboard} <= {"decision_tree", "knn", "ensemble", "baseline"}
    with pytest.raises(InvalidInput, match="ridge"):
        train(frame, roles, target="kind", algorithm_names=["ridge"])


def test_with_no_time_for_any_trial_there_is_a_baseline() -> None:
    frame, roles = flowers()
    run = train(frame, roles, target="kind", time_budget_seconds=0.0, algorithm_names=quick("kind"))
    assert [entry.algorithm for entry in run.leaderboard] == ["baseline"]
    shares = frame["kind"].value_counts(normalize=True).sort("kind")["proportion"].to_list()
    assert run.model.predict(frame.head(2)).tolist() == [pytest.approx(shares)] * 2


def test_what_came_before_a_run_counts_but_what_is_made_at_once_is_made() -> None:
    frame, roles = flowers()
    began = time.monotonic() - 60.0
    run = train(frame, roles, target="kind", time_budget_seconds=60.0, began=began)
    assert {entry.algorithm for entry in run.leaderboard} == {"baseline", FIRST_LINEAR, FIRST_TREE}
    assert run.elapsed_seconds > 60.0 and run.first_model_seconds is not None and run.first_model_seconds > 60.0
    assert run.leaderboard[0].score > 0.8


def test_where_every_algorithm_fails_there_is_a_baseline_with_the_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the flux capacitor is empty")

    frame, roles = flowers()
    monkeypatch.setattr("flowml.library.run.engine_process", no_processes)
    monkeypatch.setattr("flowml.automl.algorithms.gaussian_nb.GaussianNaiveBayes.fit", broken)
    with pytest.warns(RuntimeWarning, match="threads"):
        run = train(frame, roles, target="kind", max_trials=2, algorithm_names=["gaussian_nb"])
    assert [entry.algorithm for entry in run.leaderboard] == ["baseline"] and run.unfinished == ()
    assert "the flux capacitor is empty" in run.failures["gaussian_nb"]


def no_processes() -> None:
    raise CannotStart("None here.")


def test_the_end_of_the_time_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(self: object, params: object, train: object, target: object, *rest: object) -> None:
        time.sleep(0.3)
        raise DeadlineReached("There was no time left for it.")

    frame, roles = flowers()
    monkeypatch.setattr("flowml.library.run.engine_process", no_processes)
    monkeypatch.setattr("flowml.automl.algorithms.gaussian_nb.GaussianNaiveBayes.fit", slow)
    with pytest.warns(RuntimeWarning, match="threads"):
        run = train(frame, roles, target="kind", max_trials=2, algorithm_names=["gaussian_nb"])
    assert run.unfinished == ("gaussian_nb",) and run.failures == {}


class LateRunner(ThreadRunner):
    """Not ready before ten seconds by the clock that it turns, as where the engine takes long to be imported."""

    now = 0.0

    def __init__(self, task: Task, slots: int, clock: Callable[[], float]):
        super().__init__(task, slots, lambda: self.now)

    def ready(self) -> bool:
        return self.now >= 10.0

    def submit(self, spec: TrialSpec, deadline: float) -> None:
        # Whoever is asked too early has it lie there.
        assert self.ready()
        super().submit(spec, deadline)

    def wait(self, timeout: float) -> Sequence[Outcome]:
        type(self).now += 0.0 if self._open else 1.0
        return super().wait(timeout)


@pytest.mark.parametrize(("budget", "finished"), [(30.0, True), (5.0, False)])
def test_a_slow_start_takes_no_time_from_the_trials(
    monkeypatch: pytest.MonkeyPatch, budget: float, finished: bool
) -> None:
    frame, roles = flowers()
    monkeypatch.setattr(LateRunner, "now", 0.0)
    monkeypatch.setattr("flowml.library.run._runner", LateRunner)
    run = train(
        frame,
        roles,
        target="kind",
        max_trials=2,
        algorithm_names=["gaussian_nb"],
        time_budget_seconds=budget,
        clock=lambda: LateRunner.now,
    )
    assert ("gaussian_nb" in {entry.algorithm for entry in run.leaderboard}) is finished
    assert run.unfinished == (() if finished else ("gaussian_nb",)) and run.failures == {}


@pytest.mark.parametrize("budget", [1.0, 5.0, 60.0, 3600.0])
def test_the_reserve_leaves_most_of_the_budget(budget: float) -> None:
    assert 0 < reserve_seconds(budget) <= 0.25 * budget


def test_a_run_says_what_to_expect_and_has_a_fast_twin() -> None:
    frame, roles = flowers(400)
    # Two kinds: of three the student would have three times as much to learn.
    frame = frame.filter(pl.col("kind") != "c")
    options = {"time_budget_seconds": 60, "max_trials": 4, "n_jobs": 2, "algorithm_names": ["lightgbm", "knn"]}
    runs = [train(frame, roles, target="kind", metric="log_loss", **options) for _ in range(2)]
    run = runs[0]
    assert run.estimate is not None and run.estimate.low < run.estimate.score < run.estimate.high
    assert run.twin is not None
    assert [len(member.parts) for member in run.twin.model.members] == [1]
    fresh, _ = flowers(300, seed=9)
    assert run.twin.model.predict(fresh).shape == (300, 2)
    titles = [entry.title for entry in run.leaderboard]
    assert titles.count("Fast twin") == (0 if run.twin.existing else 1)
    boards = [[(entry.title, entry.score) for entry in one.leaderboard] for one in runs]
    assert boards[0] == boards[1] and runs[0].estimate == runs[1].estimate


def test_a_rare_class_is_predicted_where_the_metric_counts_it() -> None:
    generator = np.random.default_rng(0)
    score = generator.standard_normal(1_500)
    rare = generator.random(1_500) < 1 / (1 + np.exp(3 - 1.5 * score))
    frame = pl.DataFrame({"x": score, "z": generator.standard_normal(1_500), "y": np.where(rare, "yes", "no")})
    roles = {"x": Role.NUMERIC, "z": Role.NUMERIC, "y": Role.CATEGORICAL}
    found = {}
    for metric in ("accuracy", "balanced_accuracy", "f1"):
        run = train(
            frame,
            roles,
            target="y",
            metric=metric,
            time_budget_seconds=120,
            max_trials=1,
            algorithm_names=["logistic_regression"],
        )
        scored, _ = add_predictions(run.model, frame)
        found[metric] = (scored["prediction"] == "yes").mean()
        assert run.leaderboard[0].score == pytest.approx(run.leaderboard[0].metrics[metric] or 0.0, abs=0.05)
    assert found["accuracy"] < 0.05 < found["f1"] < found["balanced_accuracy"]  # type: ignore[operator]
