"""Trials in processes: whatever one does costs that one, with its reason; and nothing is left behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from flowml.automl.trial.outcome import Outcome
from flowml.domain.trials import TrialSpec, TrialStatus
from flowml.library.engine_process import CannotStart, EngineProcess
from flowml.library.process_runner import ProcessRunner, ThreadRunner
from flowml.library.run import train
from tests.automl.tables import ROLES, people, people_task
from tests.processes import has_ended

GUARDLESS = """
import sys
import numpy as np
from flowml import AutoMLClassifier
X = np.random.default_rng(0).normal(size=(60, 2))
model = AutoMLClassifier(max_trials=1, algorithms=["gaussian_nb"], n_jobs=1).fit(X, X[:, 0] > 0)
print("scored", model.score(X, X[:, 0] > 0) > 0.8, *(name for name in ("sklearn.svm",) if name in sys.modules))
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineProcess]:
    started = EngineProcess("tests.engine_with_doubles")
    yield started
    started.close()


@pytest.fixture
def runner(engine: EngineProcess) -> Iterator[ProcessRunner]:
    started = ProcessRunner(people_task(60), 2, time.monotonic, engine=engine, memory_bytes=700_000_000)
    started.start()
    yield started
    started.close()


def run_all(runner: ProcessRunner, *names: str, seconds: float = 60) -> list[Outcome]:
    """One trial of each, all submitted at once; in the order of their numbers."""
    for number, name in enumerate(names):
        runner.submit(TrialSpec(number, name, {"penalty": 1.0}), time.monotonic() + seconds)
    outcomes: list[Outcome] = []
    until = time.monotonic() + 90
    while runner.open():
        assert time.monotonic() < until, "the trials do not end"
        outcomes += runner.wait(0.2)
    return sorted(outcomes, key=lambda outcome: outcome.spec.number)


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("name", "seconds", "reason"),
    [("aborts", 60.0, "SIGABRT"), ("sleeps", 1.0, "did not stop"), ("eats_memory", 60.0, "0.7 GB")],
)
def test_what_misbehaves_costs_one_trial_with_its_reason(
    runner: ProcessRunner, name: str, seconds: float, reason: str
) -> None:
    bad, good = run_all(runner, name, "prints_garbage", seconds=seconds)
    late = name == "sleeps"
    assert bad.status is (TrialStatus.CANCELLED if late else TrialStatus.FAILED)
    assert bad.error is not None and reason in bad.error
    assert runner.failures == ({} if late else {name: bad.error})
    assert good.status in (TrialStatus.FINISHED, TrialStatus.CANCELLED)
    # Its place is taken by a new process at once.
    after, beside = run_all(runner, "prints_garbage", "prints_garbage")
    assert after.status is beside.status is TrialStatus.FINISHED


def test_what_cannot_be_kept_fails_in_words_and_costs_no_process(runner: ProcessRunner) -> None:
    assert run_all(runner, "prints_garbage")[0].status is TrialStatus.FINISHED
    before = {process.pid for process in runner._processes.values()}
    assert runner._folder is not None
    # A full disk says it in the same way.
    shutil.rmtree(runner._folder)
    lost = run_all(runner, "prints_garbage")[0]
    assert lost.status is TrialStatus.FAILED and lost.error is not None and "TMPDIR" in lost.error
    assert before == {process.pid for process in runner._processes.values()}


def test_a_trial_gives_the_same_in_a_process_as_in_a_thread(runner: ProcessRunner) -> None:
    task = people_task(60)
    here = ThreadRunner(task, 1, time.monotonic)
    here.start()
    outcomes = []
    for one in (runner, here):
        one.submit(TrialSpec(0, "logistic_regression", {"penalty": "l2", "C": 1.0}), time.monotonic() + 60)
        while one.open():
            outcomes += one.wait(1.0)
    there, local = outcomes
    assert there.status is TrialStatus.FINISHED, there.error
    assert there.score == local.score and there.fold_scores == local.fold_scores and there.metrics == local.metrics
    assert np.array_equal(there.predictions(), local.predictions())
    assert there.load_model is not None and local.load_model is not None
    assert np.array_equal(there.load_model().predict(task.frame), local.load_model().predict(task.frame))
    here.close()


def test_the_end_of_a_run_waits_for_nobody(engine: EngineProcess) -> None:
    runner = ProcessRunner(people_task(60), 2, time.monotonic, engine=engine, memory_bytes=700_000_000)
    runner.start()
    until(lambda: len(runner._processes) == 2)
    folders = list(engine.scratch().iterdir())
    for number in range(3):
        runner.submit(TrialSpec(number, "sleeps", {"penalty": 1.0}), time.monotonic() + 60)
    time.sleep(0.5)
    pids = [process.pid for process in runner._processes.values()]
    started = time.monotonic()
    runner.cancel()
    runner.close()
    assert time.monotonic() - started < 2
    assert len(pids) == 2
    until(lambda: all(map(has_ended, pids)))
    assert folders and not any(folder.exists() for folder in folders)


def test_everything_ends_with_the_program_however_it_ends(tmp_path: Path) -> None:
    program = (
        "import time\n"
        "from flowml.library.engine_process import engine_process\n"
        "engine = engine_process()\n"
        "child = engine.fork()\n"
        "print(engine._process.pid, child.pid, engine.scratch(), flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    engine, child, scratch = process.stdout.readline().split()
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: has_ended(int(engine)) and has_ended(int(child)) and not Path(scratch).exists())


@pytest.mark.parametrize("way", ["file", "-c", "stdin"])
def test_it_works_from_any_program_without_a_guard(way: str, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(GUARDLESS)
    arguments = {"file": [str(file)], "-c": ["-c", GUARDLESS], "stdin": ["-"]}[way]
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", *arguments],
        input=GUARDLESS if way == "stdin" else None,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    # Once, and without the engine's libraries in the program itself.
    assert done.stdout == "scored True\n"


def test_where_no_process_can_be_started_threads_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.library.engine_process._shared", None)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(CannotStart):
        EngineProcess()
    with pytest.warns(RuntimeWarning, match="threads of this program"):
        run = train(people(80), ROLES, target="y", max_trials=1, algorithm_names=["gaussian_nb"])
    assert run.leaderboard


def test_where_the_engine_does_not_come_up_the_trials_are_evaluated_here() -> None:
    engine = EngineProcess("flowml.no_such_module")
    runner = ProcessRunner(people_task(60), 2, time.monotonic, engine=engine, memory_bytes=700_000_000)
    with pytest.warns(RuntimeWarning, match="no_such_module"):
        runner.start()
        runner.submit(TrialSpec(0, "logistic_regression", {"C": 1.0}), time.monotonic() + 60)
        outcomes: list[Outcome] = []
        until(lambda: outcomes.extend(runner.wait(0.2)) or outcomes, 60)
    assert outcomes[0].status is TrialStatus.FINISHED, outcomes[0].error
    runner.close()
    engine.close()


def test_nobody_waits_for_an_engine_that_is_not_there_yet() -> None:
    engine = EngineProcess("tests.library.slow_engine")
    runner = ProcessRunner(people_task(60), 2, time.monotonic, engine=engine, memory_bytes=700_000_000)
    runner.start()
    runner.submit(TrialSpec(0, "logistic_regression", {"C": 1.0}), time.monotonic() + 60)
    began = time.monotonic()
    assert runner.wait(0.05) == []
    runner.cancel()
    runner.close()
    engine.close()
    assert time.monotonic() - began < 5


def test_an_engine_that_does_not_come_up_says_why() -> None:
    engine = EngineProcess("flowml.no_such_module")
    with pytest.raises(CannotStart, match="no_such_module"):
        engine.fork()
    engine.close()
