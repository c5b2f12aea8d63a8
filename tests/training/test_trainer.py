"""What a trainer records: what it refuses for want of memory, what a GPU could not do, and who gets the next trial."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flowml.domain.clock import CLOCK, Clock
from flowml.domain.jobs import JobSpec
from flowml.domain.trials import Lease, Needs, Offer, Trial, TrialSpec, TrialStatus
from flowml.domain.workers import Share
from flowml.services.dispatch.channel import StoreChannel
from flowml.services.dispatch.ledger import StoreLedger
from flowml.store.store import Store
from flowml.store.waiting_trials import LEFT_SECONDS
from flowml.training.gpus import GPUs
from flowml.training.ledger_runner import LedgerRunner
from flowml.training.tasks import load_task
from flowml.training.trainer import Trainer
from flowml.training.trainer_status import Busy
from tests.clocks import clock_at, clock_of
from tests.services.trained import store_table

ROOMY = Share(1, 1, 10**10)


class OneGPU(GPUs):
    """Gives everything the GPU, which nobody has here."""

    def __init__(self) -> None:
        super().__init__(dict, lambda index: pytest.fail("not asked for"))

    @contextmanager
    def device_for(
        self, lease: Lease, algorithm: Any, shape: Any, queue: str, remark: Callable[[str], None]
    ) -> Iterator[str]:
        yield "cuda:0"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path, now=1.0)
    store_table(store)
    return store


def job_of(store: Store) -> str:
    store.jobs.add(JobSpec("d1", "bought", exclude_columns=("spent",), cv_folds=3), "a run", 1.0)
    job = store.jobs.claim(9, 2.0, 2.0)
    assert job is not None
    return job.id


def channel_of(store: Store, owner: str, clock: Clock = CLOCK) -> StoreChannel:
    return StoreChannel(store, owner=owner, worker_id="w", worker_name="here", clock=clock)


def trained(store: Store, machine: Share = ROOMY, gpus: GPUs | None = None) -> tuple[Trial, list[Busy | None]]:
    """One trial of XGBoost, and what the trainer said of itself."""
    job_id, said = job_of(store), list[Busy | None]()
    params = {
        "learning_rate": 0.3, "max_depth": 3, "min_child_weight": 1.0, "subsample": 0.9, "colsample_bynode": 0.9,
        "reg_lambda": 1.0, "wide": False,
    }  # fmt: skip
    StoreLedger(store, job_id).enqueue(TrialSpec(0, "xgboost", params), Needs(), 1e12, 3.0, 3.0)
    channel = channel_of(store, "me")
    Trainer(channel, machine=machine, gpus=gpus, tell=said.append).step()
    return store.trials.of_job(job_id)[0], said


def test_a_table_that_is_lost_fails_the_trial_at_once_and_says_so(store: Store) -> None:
    store.files.path(store.datasets.get("d1").table).unlink()
    trial, _ = trained(store)
    assert trial.status is TrialStatus.FAILED
    assert trial.error == "The file behind this is no longer on this server."


def test_a_trial_that_needs_too_much_memory_is_refused_in_plain_words_and_its_family_with_it(store: Store) -> None:
    trial, _ = trained(store, Share(1, 1, 1_000_000))
    assert trial.status is TrialStatus.FAILED
    assert trial.error == "It would need about 0.4 GB, and this machine has 0.0 GB for one trial."
    ledger = StoreLedger(store, trial.job_id)
    task = load_task(ledger.brief(), ledger.table)
    outcome = LedgerRunner(ledger, task, clock_at(9.0)).outcome(trial)
    assert not outcome.applicable and outcome.error == trial.error


def test_what_the_gpu_could_not_do_is_in_the_record_and_in_the_log(store: Store) -> None:
    trial, _ = trained(store, gpus=OneGPU())
    assert trial.status is TrialStatus.FINISHED and trial.score is not None
    assert trial.error is not None and trial.error.startswith("XGBoost was fitted on the CPU")
    assert trial.error.count("XGBoost was fitted") == 1, "once, not once a fold"
    logs = [event.data["message"] for event in store.events.since(0) if event.type == "log"]
    assert logs == [f"XGBoost: {trial.error}"]


def test_a_model_that_cannot_be_written_costs_its_trial_and_not_the_trainer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr("flowml.automl.model.modelfile.write", full)
    trial, _ = trained(store)
    assert (trial.status, trial.error) == (TrialStatus.FAILED, "There was not enough memory for it.")


def test_nobody_is_late_while_a_table_is_read_and_encoded(store: Store) -> None:
    trial, said = trained(store)
    assert trial.status is TrialStatus.FINISHED and trial.error is None
    assert [item.seconds_left == float("inf") for item in said if item] == [True, False] + [True, False] * 3
    assert said[-1] is None
    assert all(item.memory_bytes == ROOMY.memory_bytes for item in said if item)


def test_out_of_fold_predictions_come_back_where_they_belong(store: Store) -> None:
    trial, _ = trained(store)
    ledger = StoreLedger(store, trial.job_id)
    task = load_task(ledger.brief(), ledger.table)
    outcome = LedgerRunner(ledger, task, clock_at(9.0)).outcome(trial)
    said = outcome.predictions()
    assert said.dtype == "float32" and not said.flags.owndata, "only what is looked at is read"
    hits = said[task.validated].argmax(axis=1) == task.target[task.validated]
    assert hits.mean() > 0.9


def test_a_trial_is_left_for_a_moment_to_whoever_has_the_table(store: Store) -> None:
    trial, _ = trained(store)
    ledger = StoreLedger(store, trial.job_id)
    ledger.enqueue(TrialSpec(1, "ridge", {}), Needs(), 1e12, 100.0, 100.0)
    now = [100.0 + 0.5 * LEFT_SECONDS]
    stranger = channel_of(store, "other", clock_of(lambda: now[0]))
    assert stranger.lease(Offer()) is None
    now[0] = 100.0 + LEFT_SECONDS
    late = stranger.lease(Offer())
    assert late is not None, "and it has looked again although nothing was stored"


def test_a_trial_is_not_left_to_whoever_is_busy(store: Store) -> None:
    trial, _ = trained(store)
    ledger = StoreLedger(store, trial.job_id)
    for number in (1, 2):
        ledger.enqueue(TrialSpec(number, "ridge", {}), Needs(), 1e12, 100.0, 100.0)
    mine = channel_of(store, "me", clock_at(100.0)).lease(Offer())
    theirs = channel_of(store, "other", clock_at(100.0)).lease(Offer())
    assert mine is not None and theirs is not None and mine.trial_id != theirs.trial_id
