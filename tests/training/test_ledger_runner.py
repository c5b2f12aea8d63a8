"""How many trials are open, what they ask for, and what an earlier life of the run has left that may be used."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from flowml.automl.task.task import Task
from flowml.automl.trial.outcome import Lost, Outcome
from flowml.automl.trial.sharing import BIG_CELLS
from flowml.domain.jobs import JobSpec
from flowml.domain.trials import Needs, Offer, Trial, TrialReport, TrialSpec, TrialStatus
from flowml.domain.workers import Share, WorkerStatus
from flowml.services.dispatch.channel import StoreChannel
from flowml.services.dispatch.ledger import StoreLedger
from flowml.store.store import Store
from flowml.training.ledger_runner import LedgerRunner
from flowml.training.tasks import load_task
from flowml.training.trainer import pack_array
from tests.clocks import clock_at
from tests.services.trained import store_table

GB = 10**9


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path, now=1.0)
    store_table(store)
    store.jobs.add(JobSpec("d1", "bought", exclude_columns=("spent",), cv_folds=3), "a run", 1.0)
    return store


@pytest.fixture
def ledger(store: Store) -> StoreLedger:
    job = store.jobs.claim(1, 2.0, 2.0)
    assert job is not None
    return StoreLedger(store, job.id)


@pytest.fixture
def task(ledger: StoreLedger) -> Task:
    return load_task(ledger.brief(), ledger.table)


def machine(store: Store, queues: tuple[str, ...] = ("cpu",), slots: int = 2, threads: int = 1) -> None:
    store.workers.register_local("here", queues, slots, {}, 3.0, threads=threads, memory_bytes=4 * GB)


def runner(ledger: StoreLedger, task: Task, queue: str = "cpu") -> LedgerRunner:
    return LedgerRunner(ledger, task, clock_at(5.0), queue)


def test_open_trials_follow_the_machines_that_are_online(store: Store, ledger: StoreLedger, task: Task) -> None:
    running = runner(ledger, task)
    assert running.slots == 1, "somebody may come"
    machine(store, slots=2)
    assert (running.slots, running.spare) == (2, 1)
    machine(store, slots=6)
    assert (running.slots, running.spare) == (6, 1)


def test_of_a_big_table_fewer_are_open_and_none_waits(
    store: Store, ledger: StoreLedger, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(store, slots=4, threads=1)
    shape = replace(task.shape, n_rows=BIG_CELLS)
    monkeypatch.setattr(Task, "shape", property(lambda self: shape))
    running = runner(ledger, task)
    assert (running.slots, running.spare) == (1, 0)
    assert [(share.slots, share.threads) for share in running.shares()] == [(1, 4)]


def test_a_trial_asks_for_what_there_is(store: Store, ledger: StoreLedger, task: Task) -> None:
    def needs(queue: str, algorithm: str) -> Needs:
        running = runner(ledger, task, queue)
        running.submit(TrialSpec(len(ledger.trials()), algorithm, {}), 60.0)
        return ledger.trials()[-1].needs

    machine(store)
    assert needs("gpu.vram12", "xgboost").queue == "cpu", "nobody has one: whoever takes it says so"
    machine(store, ("cpu", "gpu", "gpu.vram12"))
    found = needs("gpu.vram12", "xgboost")
    assert found.queue == "gpu.vram12" and 11.0 < found.vram_gb <= 12.0
    assert needs("gpu.vram12", "ridge").queue == "cpu", "it has nothing for a GPU"
    assert needs("auto", "xgboost").queue == "cpu"
    assert 0 < found.memory_bytes <= 8 * GB


def test_a_run_is_planned_with_those_who_take_its_trials(store: Store, ledger: StoreLedger, task: Task) -> None:
    machine(store, ("cpu", "priority"), slots=2)
    share = Share(3, 1, GB)
    store.workers.register("kept free", ("priority",), share, {}, 1.0, owner="o")
    assert runner(ledger, task).slots == 2
    running = runner(ledger, task, "priority")
    assert running.slots == 5
    running.submit(TrialSpec(0, "ridge", {}), 60.0)
    assert ledger.trials()[-1].needs.queue == "priority"


def test_a_trial_whose_machine_has_gone_is_taken_by_another(store: Store, ledger: StoreLedger, task: Task) -> None:
    machine(store, ("cpu", "gpu"))
    running = runner(ledger, task, "gpu")
    running.submit(TrialSpec(0, "xgboost", {}), 60.0)
    offer = Offer(("cpu",), memory_bytes=1_000)
    channel = StoreChannel(store, owner="me", worker_id="local", worker_name="here", clock=clock_at(6.0))
    assert ledger.trials()[0].needs.queue == "gpu" and channel.lease(offer) is None
    # Its GPU turns out to be of no use, or it comes back after a restart with less.
    store.workers.register_local("here", ("cpu",), 1, {}, 7.0, memory_bytes=1_000)
    assert running.slots == 1
    lease = channel.lease(offer)
    assert lease is not None and lease.needs == Needs("cpu", 1_000)


def finished(store: Store, ledger: StoreLedger, task: Task, tested_on: str | None) -> Trial:
    channel = StoreChannel(store, owner="me", worker_id="local", worker_name="here", clock=clock_at(6.0))
    ledger.enqueue(TrialSpec(len(ledger.trials()), "ridge", {}), Needs(), 60.0, 5.0, 5.0)
    lease = channel.lease(Offer())
    assert lease is not None
    out_of_fold = channel.put(lease, pack_array(task.target[task.validated].reshape(-1, 1)))
    model = channel.put(lease, b"a model")
    report = TrialReport(
        TrialStatus.FINISHED, 0.5, (0.5,) * 3, out_of_fold=out_of_fold, model=model, tested_on=tested_on
    )
    assert channel.report(lease, report)
    return ledger.trials()[-1]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not say what is open")
def test_finished_trials_hold_no_files_open(store: Store, ledger: StoreLedger, task: Task) -> None:
    running = runner(ledger, task)
    trials = [finished(store, ledger, task, task.fingerprint) for _ in range(5)]
    outcomes = [running.outcome(trial) for trial in trials]
    assert all((one.predictions()[task.validated, 0] == task.target[task.validated]).all() for one in outcomes)
    # Of these alone: what else the process has open, other tests leave and the collector ends.
    held = [os.path.realpath(entry) for entry in Path("/proc/self/fd").iterdir()]
    assert not [name for name in held if name.startswith(os.path.realpath(store.home.files))]


def test_only_what_was_tested_on_the_same_rows_and_folds_is_gone_on_from(
    store: Store, ledger: StoreLedger, task: Task
) -> None:
    running = runner(ledger, task)
    assert running.is_comparable(finished(store, ledger, task, task.fingerprint))
    # As many rows and folds, but other ones; and a version that did not write down which.
    others = replace(task, folds=task.folds[::-1].copy())
    assert not running.is_comparable(finished(store, ledger, task, others.fingerprint))
    assert not running.is_comparable(finished(store, ledger, task, None))
    before = LedgerRunner(ledger, task, clock_at(5.0), tested_before=task.validation)
    assert before.is_comparable(finished(store, ledger, task, None)), "the last version looked at that"


def test_what_is_damaged_or_gone_is_lost_when_it_is_first_read(store: Store, ledger: StoreLedger, task: Task) -> None:
    running, trial = runner(ledger, task), finished(store, ledger, task, task.fingerprint)
    assert running.is_there(trial) and trial.out_of_fold is not None and trial.model_file is not None
    for sha256, read in ((trial.out_of_fold, Outcome.predictions), (trial.model_file, Outcome.model)):
        file = store.files.path(sha256)
        whole = file.read_bytes()
        file.write_bytes(b"x" * len(whole))
        with pytest.raises(Lost, match="damaged") as caught:
            read(running.outcome(trial))
        assert caught.value.number == trial.number and running.is_there(trial)
        file.unlink()
        assert not running.is_there(trial)
        file.write_bytes(whole)


def test_the_same_task_made_twice_has_the_same_fingerprint(ledger: StoreLedger, task: Task) -> None:
    again = load_task(ledger.brief(), ledger.table)
    assert again.fingerprint == task.fingerprint
    assert replace(again, metric="f1").fingerprint != task.fingerprint
    assert replace(again, target=1 - again.target).fingerprint != task.fingerprint


def test_only_what_is_still_open_is_read_when_something_was_stored(
    store: Store, ledger: StoreLedger, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(store)
    running = runner(ledger, task)
    for number in range(2):
        running.submit(TrialSpec(number, "ridge", {}), 60.0)
    monkeypatch.setattr(ledger, "trials", lambda: pytest.fail("all trials were read"))
    store.trials.cancel([store.trials.of_job(ledger.job().id)[0].id], 6.0)
    assert [outcome.spec.number for outcome in running.wait(0)] == [0]
    assert running.wait(0) == [] and running.open() == 1


def test_open_trials_follow_the_places_of_other_machines_as_they_come_and_go(
    store: Store, ledger: StoreLedger, task: Task
) -> None:
    machine(store, slots=1)
    running = runner(ledger, task)
    assert running.slots == 1
    share = Share(20, 1, 4 * GB)
    first, second = (store.workers.register(name, ("cpu",), share, {}, 3.0, owner=name).id for name in ("a", "b"))
    assert (running.slots, running.spare) == (41, 1)
    # One that finishes what it has takes nothing new.
    store.workers.set_status(first, WorkerStatus.DRAINING)
    assert running.slots == 21
    store.workers.set_status(second, WorkerStatus.OFFLINE)
    assert running.slots == 1
    store.workers.set_status(first, WorkerStatus.ONLINE)
    assert running.slots == 21


def test_places_that_nobody_fills_are_not_counted_on(store: Store, ledger: StoreLedger, task: Task) -> None:
    machine(store, slots=1)
    share = Share(10_000, 1, GB)
    idle = store.workers.register("idle", ("cpu",), share, {}, 3.0, owner="somebody").id
    running = runner(ledger, task)
    assert running.slots > 10
    for number in range(4):
        running.submit(TrialSpec(number, "ridge", {}), 60.0)
    running._clock = clock_at(30.0)
    assert (running.slots, running.spare) == (2, 1), "one waits for it to show that it has a place"
    channel = StoreChannel(store, owner=idle, worker_id=idle, worker_name="idle", clock=clock_at(30.0))
    while channel.lease(Offer()):
        pass
    assert running.slots == 1 + 8 + 1, "it took all four"
