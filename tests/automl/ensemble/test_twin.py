"""The fast twin: one small model beside the best one."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.automl import algorithms
from flowml.automl.algorithms import lightgbm
from flowml.automl.ensemble.champion import Champion, finish
from flowml.automl.ensemble.selection import blend, pooling_of
from flowml.automl.ensemble.twin import Twin, distil, single_part
from flowml.automl.model.model import combine
from flowml.automl.scoring.decision import objective
from flowml.automl.task.task import Task, prepare_task
from flowml.automl.trial.evaluate import EncodedFolds, evaluate
from flowml.automl.trial.outcome import Outcome
from flowml.domain.datasets import Role
from flowml.domain.trials import TrialSpec, TrialStatus

CHEAP = {
    "learning_rate": 0.1,
    "num_leaves": 8,
    "min_data_in_leaf": 5,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "lambda_l2": 1.0,
    "extra_trees": False,
}


@pytest.fixture(autouse=True, scope="module")
def short_boosting() -> Iterator[None]:
    """What is said here holds after a few hundred rounds as after two thousand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lightgbm, "MAX_ROUNDS", 400)
        yield


def waves(rows: int, kind: str, seed: int = 0) -> tuple[pl.DataFrame, dict[str, Role]]:
    """A curved target of two numbers and a town; `kind`: two classes, three, or values."""
    generator = np.random.default_rng(seed)
    left, right = generator.uniform(-2, 2, rows), generator.uniform(-2, 2, rows)
    town = generator.integers(0, 3, rows)
    value = np.sin(2 * left) + right * (town == 1) + 0.5 * generator.standard_normal(rows)
    target = {
        "two": np.where(value > 0, "yes", "no"),
        "three": np.array(["a", "b", "c"])[np.digitize(value, [-0.5, 0.5])],
        "values": value,
    }[kind]
    frame = pl.DataFrame({"left": left, "right": right, "town": [f"t{index}" for index in town], "y": target})
    roles = {"left": Role.NUMERIC, "right": Role.NUMERIC, "town": Role.CATEGORICAL}
    return frame, {**roles, "y": Role.NUMERIC if kind == "values" else Role.CATEGORICAL}


def forever() -> float:
    return 1_000.0


def task_of(kind: str, metric: str, rows: int = 500) -> Task:
    frame, roles = waves(rows, kind)
    return prepare_task(
        frame,
        roles,
        target="y",
        problem_type="regression" if kind == "values" else "classification",
        metric=metric,
        cv_folds=3,
    )


def champion_of(task: Task, names: tuple[str, ...] = ("lightgbm", "extra_trees")) -> tuple[Champion, list[Outcome]]:
    """A blend of these families, or the one of them, and the trials behind it."""
    folds, evaluations = EncodedFolds(task), []
    for name in names:
        algorithm = algorithms.get(name)
        params = CHEAP if name == "lightgbm" else algorithm.first_configurations(task.shape)[0]
        evaluations.append(evaluate(task, folds, algorithm, params, seed=0, threads=1, time_left=forever))
    weights = {index: 1.0 / len(names) for index in range(len(names))}
    said = blend([one.out_of_fold for one in evaluations], weights, task.problem_type)
    models = [one.model for one in evaluations]
    single = len(names) == 1
    model = models[0] if single else combine(models, [1.0] * len(names), pooling=pooling_of(task.problem_type))
    champion = finish(task, 0 if single else None, model, evaluations[0].out_of_fold if single else said, None)
    options = [
        Outcome(
            TrialSpec(index, name, {}),
            TrialStatus.FINISHED,
            one.score,
            one.fold_scores,
            one.metrics,
            load_predictions=_give(one.out_of_fold),
            load_model=_give(one.model),
        )
        for index, (name, one) in enumerate(zip(names, evaluations, strict=True))
    ]
    metric = objective(task.metric)
    return champion, sorted(options, key=lambda option: -metric.gain(option.score or 0.0))


@cache
def known(
    kind: str = "two", metric: str = "roc_auc", names: tuple[str, ...] = ("lightgbm", "extra_trees")
) -> tuple[Task, Champion, list[Outcome]]:
    """A task with its champion and trials, made once: nothing here changes them."""
    task = task_of(kind, metric)
    return task, *champion_of(task, names)


class Countdown:
    """Time that passes by being asked for."""

    def __init__(self, start: float):
        self.start, self.asked = start, 0

    def __call__(self) -> float:
        self.asked += 1
        return self.start - self.asked


@cache
def distilled(kind: str = "two", metric: str = "roc_auc") -> tuple[Twin, int]:
    """The twin of the known champion, and how often the time was asked for meanwhile."""
    task, champion, _ = known(kind, metric)
    time_left = Countdown(1e6)
    twin = distil(task, champion, time_left=time_left, timed=False)
    assert twin is not None
    return twin, time_left.asked


def _give(found: Any) -> Callable[[], Any]:
    return lambda: found


@pytest.mark.parametrize(("kind", "metric"), [("two", "roc_auc"), ("three", "log_loss"), ("values", "rmse")])
def test_a_twin_is_one_part_and_as_good_as_it_says(kind: str, metric: str) -> None:
    _, champion, _ = known(kind, metric)
    twin, _ = distilled(kind, metric)
    assert [len(member.parts) for member in twin.model.members] == [1]
    assert len(champion.model.members) == 2 and not twin.existing
    frame, _ = waves(3_000, kind, seed=5)
    fresh = task_of(kind, metric, 10)
    target = frame["y"].to_numpy()
    if fresh.classes is not None:
        target = np.array([fresh.classes.index(value) for value in target])
    score = objective(metric)
    real = score.gain(score.score(target, champion.model.predict(frame))) - score.gain(
        score.score(target, twin.model.predict(frame))
    )
    assert twin.loss_of_quality == pytest.approx(real, abs={"roc_auc": 0.04, "log_loss": 0.1, "rmse": 0.06}[metric])
    assert score.gain(twin.score) <= score.gain(champion.score)


def test_the_measure_does_not_leak() -> None:
    """Where there is nothing to learn, a twin of models that have learned noise must not look skilled."""
    frame, roles = waves(400, "two")
    noise = np.random.default_rng(0).integers(0, 2, 400)
    task = prepare_task(
        frame.with_columns(pl.Series("y", np.where(noise == 1, "yes", "no"))),
        roles,
        target="y",
        metric="roc_auc",
        cv_folds=5,
    )
    champion, _ = champion_of(task)
    twin = distil(task, champion, time_left=forever, timed=False)
    assert twin is not None
    assert 200 < np.isfinite(twin.out_of_fold[:, 0]).sum() < 300
    # The rows that measure it have stopped its teachers, which by luck suits them: no more is made of it than of these.
    assert twin.score <= champion.score < 0.55
    assert twin.loss_of_quality > -0.02


def test_the_same_twin_twice() -> None:
    task, champion, _ = known()
    first, _ = distilled()
    second = distil(task, champion, time_left=forever, timed=False)
    assert second is not None and second is not first
    frame, _ = waves(50, "two", seed=3)
    assert np.array_equal(first.model.predict(frame), second.model.predict(frame))


def test_without_time_there_is_no_distillation_but_a_part() -> None:
    task, champion, options = known()
    assert distil(task, champion, time_left=lambda: 0.0) is None
    part = single_part(champion, options, objective("roc_auc"))
    assert part is not None and not part.existing and part.number == options[0].spec.number
    assert sum(len(member.parts) for member in part.model.members) == 1
    assert part.score == options[0].score
    assert part.loss_of_quality == pytest.approx(champion.score - options[0].score)


def test_with_little_time_fewer_folds_measure_it() -> None:
    task, champion, _ = known()
    _, needed = distilled()
    twin = distil(task, champion, time_left=Countdown(0.7 * needed))
    assert twin is not None and 1 <= len(twin.fold_scores) < task.n_folds
    assert np.isnan(twin.out_of_fold).any()


def test_a_best_model_of_one_part_is_its_own_twin() -> None:
    _, champion, options = known(names=("logistic_regression",))
    twin = single_part(champion, options, objective("roc_auc"))
    assert twin is not None and twin.existing and twin.number == 0 and twin.loss_of_quality == 0.0
    assert twin.model is champion.model


def test_members_that_have_seen_every_row_do_not_teach() -> None:
    task, champion, _ = known(names=("logistic_regression",))
    assert distil(task, champion, time_left=forever, timed=False) is None


def test_neighbours_are_no_fast_twin() -> None:
    _, champion, options = known(names=("knn",))
    assert single_part(champion, options, objective("roc_auc")) is None
