"""What a trial needs is known before it starts; one that will not fit is not begun, and says so in plain words."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from flowml.automl import algorithms
from flowml.automl.algorithms import memory
from flowml.automl.features.encoded import View
from flowml.automl.search.search import Search
from flowml.automl.task.shape import TaskShape
from flowml.automl.trial.attempt import Means, attempt
from flowml.automl.trial.evaluate import EncodedFolds, evaluate
from flowml.automl.trial.sharing import BIG_CELLS, share_for
from flowml.domain.jobs import ProblemType
from flowml.domain.trials import TrialSpec, TrialStatus
from flowml.domain.workers import Share
from tests.automl.tables import people_task

GB = 10**9
MILLION = TaskShape(ProblemType.CLASSIFICATION, 1_000_000, 30, 2)


@pytest.mark.parametrize("algorithm", algorithms.all(), ids=lambda algorithm: algorithm.name)
def test_more_rows_and_more_columns_need_more_memory(algorithm: Any) -> None:
    kind = algorithm.problem_types[0]
    shape = TaskShape(kind, 10_000, 20, 2 if kind is ProblemType.CLASSIFICATION else 1)
    params = algorithm.first_configurations(shape)[0]
    small = algorithm.memory_per_fit(shape, params)
    assert 0 < small < GB
    assert algorithm.memory_per_fit(replace(shape, n_rows=1_000_000), params) > small
    assert algorithm.memory_per_fit(replace(shape, n_rows=1_000_000, n_features=200), params) > small


@pytest.mark.skipif(sys.platform != "linux", reason="the highest resident memory is told by Linux")
@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost", "logistic_regression"])
def test_what_a_fit_takes_is_what_was_said(name: str) -> None:
    command = [sys.executable, "-m", "benchmarks.memory", "--one", f"{name},40000,40,2", "--seconds", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    matrix = 1.2 * 40_000 * 40 * 4
    # Within a copy of the table above, and the half of one below.
    assert found["took"] - 0.5 * matrix < found["said"] < 3 * found["took"] + 3 * matrix


def test_a_trial_that_will_not_fit_is_not_begun_and_says_why() -> None:
    task = people_task(400)
    folds, fitted = EncodedFolds(task), []
    ridge = algorithms.get("logistic_regression")

    class Watched(type(ridge)):  # type: ignore[misc]
        def memory_per_fit(self, shape: TaskShape, params: Any) -> int:
            return 9 * GB

        def fit(self, *given: Any) -> Any:
            fitted.append(given)
            return super().fit(*given)

    def run(memory_bytes: int | None) -> Any:
        params = ridge.first_configurations(MILLION)[0]
        return evaluate(
            task, folds, Watched(), params, seed=0, threads=1, time_left=lambda: 60.0, memory_bytes=memory_bytes
        )

    with pytest.raises(memory.WillNotFit) as refused:
        run(GB // 1000)
    assert fitted == [] and refused.value.needed_bytes > 9 * GB
    assert refused.value.detail == "It would need about 9.4 GB, and this machine has 0.0 GB for one trial."
    run(20 * GB)
    run(None)
    assert fitted


def test_it_is_recorded_and_its_family_not_proposed_again() -> None:
    task = people_task(400)
    spec = TrialSpec(0, "lightgbm", algorithms.get("lightgbm").first_configurations(MILLION)[0])
    outcome = attempt(lambda: Means(task, EncodedFolds(task), memory_bytes=1_000_000), spec, time_left=lambda: 60.0)
    assert outcome.status is TrialStatus.FAILED and not outcome.applicable
    assert outcome.error is not None and outcome.error.startswith("It would need about")

    search = Search(MILLION, [algorithms.get("lightgbm"), algorithms.get("xgboost")], metric="roc_auc", seed=0)
    proposed = []
    for _ in range(12):
        asked = search.ask(100_000.0, 1)
        assert isinstance(asked, TrialSpec)
        proposed.append(asked.algorithm)
        failed = asked.algorithm == "lightgbm"
        status = TrialStatus.FAILED if failed else TrialStatus.FINISHED
        gain = None if failed else 0.5 + 0.01 * len(proposed)
        search.tell(asked.number, gain, 1.0, status, applicable=not failed)
    assert proposed.count("lightgbm") == 1 and proposed.count("xgboost") == 11


def test_the_width_of_a_view_does_not_depend_on_what_was_encoded_before() -> None:
    task = people_task(400)
    fresh, used = EncodedFolds(task), EncodedFolds(task)
    used.fold(View.DENSE, 0)
    assert fresh.width(View.DENSE) == used.width(View.DENSE) > 0
    assert fresh.width(View.NATIVE) == fresh.fold(View.NATIVE, 0).train.values.shape[1]


def test_room_is_made_only_where_it_is_needed() -> None:
    task = people_task(400)
    encoded: list[bool] = []
    folds = EncodedFolds(task, on_encoding=encoded.append)
    folds.fold(View.DENSE, 0)
    folds.make_room(View.NATIVE, 10**9)
    folds.fold(View.DENSE, 0)
    assert encoded == [True, False], "it is still there"
    folds.make_room(View.NATIVE, 0)
    folds.fold(View.DENSE, 0)
    assert encoded == [True, False] * 2


@pytest.mark.parametrize(
    ("cores", "slots", "expected"), [(2, 2, (1, 2)), (4, 4, (1, 4)), (8, 4, (2, 4)), (15, 5, (3, 5)), (1, 1, (1, 1))]
)
def test_a_big_table_is_trained_by_fewer_trials_with_more_threads_each(
    cores: int, slots: int, expected: tuple[int, int]
) -> None:
    machine = Share(slots, cores // slots, 4 * GB)
    share = share_for(MILLION, machine)
    assert (share.slots, share.threads) == expected
    assert share.memory_bytes * share.slots <= machine.memory_bytes * machine.slots
    little = replace(MILLION, n_rows=BIG_CELLS // 30 - 1)
    assert share_for(little, machine) == machine


def test_with_little_memory_trials_take_turns() -> None:
    wide = TaskShape(ProblemType.CLASSIFICATION, 30_000, 250, 2)
    assert share_for(wide, Share(4, 1, 8 * GB)).slots == 4
    assert share_for(wide, Share(4, 1, GB // 2)) == Share(2, 2, GB)
    assert share_for(wide, Share(4, 1, GB // 4)) == Share(1, 4, GB)


def test_bytes_are_said_as_a_person_reads_them() -> None:
    assert [memory.gigabytes(count) for count in (8.9e9, 12.3e9, 2.2e8)] == ["8.9 GB", "12 GB", "0.2 GB"]


def test_on_a_big_table_the_strongest_comes_first_even_where_it_will_be_cut_short() -> None:
    search = Search(MILLION, algorithms.all(), metric="roc_auc", seed=0, n_folds=1)
    asked = search.ask(15.0, 1)
    assert isinstance(asked, TrialSpec) and asked.algorithm == "lightgbm"
    assert search.seconds("lightgbm") > 15.0
