"""What conductors, trainers and the supervisor do to the tables, and what watchers hear of it."""

from pathlib import Path
from typing import Any

import pytest

from flowml.domain.datasets import Column, Dataset, Role
from flowml.domain.errors import LeaseLost
from flowml.domain.jobs import JobSpec, JobStatus, ProblemType
from flowml.domain.models import Model, ModelDetails
from flowml.domain.trials import (
    DID_NOT_STOP,
    NOTHING_MORE,
    OUT_OF_TIME,
    Needs,
    Offer,
    TrialReport,
    TrialSpec,
    TrialStatus,
)
from flowml.services.dispatch.channel import StoreChannel
from flowml.services.dispatch.desks import StoreConductorDesk, StoreTrainerDesk
from flowml.services.dispatch.ledger import StoreLedger
from flowml.services.dispatch.recovery import recover
from flowml.store.files import Files
from flowml.store.store import Store
from tests.clocks import clock_at


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path, now=1.0)
    table = store.files.put_bytes(b"a table")
    columns = (Column("x", "Int64", Role.NUMERIC), Column("t", "String", Role.CATEGORICAL))
    store.datasets.add(Dataset("d", "d", "d.csv", "csv", 1, 2, 7, "0" * 64, table, None, 1.0, columns), ())
    return store


@pytest.fixture
def job_id(store: Store) -> str:
    store.jobs.add(JobSpec("d", "t"), "job", 1.0)
    job = store.jobs.claim(1, 2.0, 2.0)
    assert job is not None
    return job.id


def channel(store: Store, owner: str = "me", now: float = 4.0) -> StoreChannel:
    return StoreChannel(store, owner=owner, worker_id="w", worker_name="here", clock=clock_at(now))


def model(job_id: str, identifier: str, score: float) -> Model:
    return Model(
        identifier, job_id, identifier, "Ridge", "ridge", ProblemType.REGRESSION, "t", "r2", score, {"r2": score},
        (score,), {}, ("x",), None, 1.0, 0.1, 10, "0" * 64, 3.0, ModelDetails(),
    )  # fmt: skip


def types(store: Store, room: str) -> list[str]:
    return [event.type for event in store.events.since(0, [room])]


def test_a_finished_job_leaves_nothing_open_and_tells_everyone(store: Store, job_id: str) -> None:
    ledger = StoreLedger(store, job_id)
    ledger.enqueue(TrialSpec(0, "ridge", {}), Needs(), 60.0, 3.0, 3.0)
    best = ledger.publish_model(model(job_id, "m1", 0.8), 0.8, b"content")
    ledger.champion(best, None, 4.0, 4.0)
    job = ledger.finish(JobStatus.COMPLETED, 5.0)
    assert (job.status, job.best_model_id, job.best_score, job.progress) == (JobStatus.COMPLETED, "m1", 0.8, 100.0)
    assert ledger.file(best.file).read_bytes() == b"content"
    assert [trial.status for trial in ledger.trials()] == [TrialStatus.CANCELLED]
    assert types(store, f"job:{job_id}")[-2:] == ["job_update", "training_completed"]
    assert types(store, "system") == ["system_event"]
    assert ledger.finish(JobStatus.FAILED, 6.0).status is JobStatus.COMPLETED, "an end is the end"


def test_a_job_whose_conductor_keeps_dying_keeps_its_models(store: Store, job_id: str) -> None:
    desk, ledger = StoreConductorDesk(store, clock_at(9.0)), StoreLedger(store, job_id)
    assert [desk.started(job_id) for _ in range(2)] == [1, 2]
    ledger.champion(ledger.publish_model(model(job_id, "m1", 0.8), 0.8, None), None, 4.0, 4.0)
    desk.failed(job_id, "it keeps crashing")
    job = store.jobs.get(job_id)
    assert (job.status, job.error) == (JobStatus.COMPLETED, "it keeps crashing")
    assert desk.running_jobs() == []


def test_without_a_model_such_a_job_has_failed(store: Store, job_id: str) -> None:
    StoreConductorDesk(store, clock_at(9.0)).failed(job_id, "it keeps crashing")
    assert store.jobs.get(job_id).status is JobStatus.FAILED


def test_a_dead_trainers_trial_waits_again_and_the_log_says_why(store: Store, job_id: str) -> None:
    StoreLedger(store, job_id).enqueue(TrialSpec(0, "ridge", {}), Needs(), 60.0, 3.0, 3.0)
    assert channel(store, now=4.0).lease(Offer()) is not None
    StoreTrainerDesk(store, clock_at(9.0)).died("me", "it crashed", True, None)
    assert channel(store, "other", 10.0).lease(Offer()) is not None
    logs = [event.data["message"] for event in store.events.since(0) if event.type == "log"]
    assert logs == ["Ridge regression: it crashed"]


def test_a_trial_that_was_not_finished_in_time_has_not_failed(store: Store, job_id: str) -> None:
    ledger = StoreLedger(store, job_id)
    for number in range(2):
        ledger.enqueue(TrialSpec(number, "ridge", {}), Needs(), 60.0, 3.0, 3.0)
    lease = channel(store, now=4.0).lease(Offer())
    assert lease is not None
    StoreTrainerDesk(store, clock_at(9.0)).died("me", DID_NOT_STOP, False, lease.trial_id)
    assert channel(store, "other", 10.0).lease(Offer()) is not None
    ledger.finish(JobStatus.COMPLETED, 12.0)
    ends = [(trial.status, trial.error) for trial in ledger.trials()]
    assert ends == [(TrialStatus.CANCELLED, DID_NOT_STOP), (TrialStatus.CANCELLED, OUT_OF_TIME)]
    assert "log" not in types(store, f"job:{job_id}")


def test_the_time_of_a_job_taken_up_at_once_counts_from_its_request(store: Store) -> None:
    for asked, taken_up, counts_from in ((100.0, 101.5, 100.0), (200.0, 230.0, 230.0)):
        store.jobs.add(JobSpec(dataset_id="d1", target="y", time_budget_seconds=60.0), "job", asked)
        job = store.jobs.claim(100, taken_up, taken_up)
        assert job is not None and job.deadline_at == counts_from + 60


def test_only_the_trial_a_trainer_was_killed_for_is_blamed(store: Store, job_id: str) -> None:
    ledger = StoreLedger(store, job_id)
    trial = ledger.enqueue(TrialSpec(0, "ridge", {}), Needs(), 60.0, 3.0, 3.0)
    assert channel(store, now=4.0).lease(Offer()) is not None
    StoreTrainerDesk(store, clock_at(9.0)).died("me", "too slow", False, "another trial")
    (after,) = ledger.trials()
    assert (after.id, after.status, after.error) == (trial.id, TrialStatus.QUEUED, None)


def test_after_a_restart_the_rest_of_the_time_begins_anew(store: Store, job_id: str) -> None:
    ledger, desk = StoreLedger(store, job_id), StoreConductorDesk(store, clock_at(9.0))
    store.jobs.update(job_id, time_budget_seconds=60.0, elapsed_seconds=20.0)
    ledger.enqueue(TrialSpec(0, "ridge", {}), Needs(), 10.0, 3.0, 3.0)
    assert channel(store, now=4.0).lease(Offer()) is not None
    for _ in range(3):
        desk.started(job_id)
    recover(store, "w", 1000.0, 1000.0)
    job = store.jobs.get(job_id)
    assert (job.deadline_at, job.conductor_starts) == (1040.0, 0)
    lease = channel(store, "next", 1001.0).lease(Offer())
    assert lease is not None and lease.seconds_left == 39.0


@pytest.mark.parametrize(
    ("best", "cancel", "status"),
    [
        (False, False, JobStatus.FAILED),
        (True, False, JobStatus.COMPLETED),
        (True, True, JobStatus.CANCELLED),
        (False, True, JobStatus.CANCELLED),
    ],
)
def test_a_job_that_is_over_its_time_ends_with_what_it_has(
    store: Store, job_id: str, best: bool, cancel: bool, status: JobStatus
) -> None:
    ledger, desk = StoreLedger(store, job_id), StoreConductorDesk(store, clock_at(99.0))
    if best:
        ledger.champion(ledger.publish_model(model(job_id, "m1", 0.8), 0.8, None), None, 4.0, 4.0)
    store.jobs.update(job_id, cancel_requested=cancel)
    desk.overdue(job_id)
    assert store.jobs.get(job_id).status is status and desk.running_jobs() == []


@pytest.mark.parametrize("finished", [False, True])
def test_a_job_that_had_to_be_ended_says_how_long_it_took_and_what_it_had_no_time_for(
    store: Store, job_id: str, finished: bool
) -> None:
    ledger = StoreLedger(store, job_id)
    ledger.champion(ledger.publish_model(model(job_id, "m1", 0.0), 0.0, None), None, 4.0, 4.0)
    ledger.enqueue(TrialSpec(0, "ridge", {}), Needs(), 60.0, 5.0, 5.0)
    if finished:
        lease = channel(store, now=6.0).lease(Offer())
        assert lease is not None and channel(store).report(lease, TrialReport(TrialStatus.FINISHED, score=0.5))
        ledger.looked_at(ledger.trial(0), 6.0)
    before = store.jobs.get(job_id)
    assert before.deadline_at is not None
    StoreConductorDesk(store, clock_at(before.deadline_at + 1.5)).overdue(job_id)
    job = store.jobs.get(job_id)
    assert job.elapsed_seconds == before.time_budget_seconds + 1.5
    assert job.message == ("Finished with 1 model" if finished else f"Finished with 1 model. {NOTHING_MORE}")


def test_the_ensemble_replaces_itself(store: Store, job_id: str) -> None:
    ledger = StoreLedger(store, job_id)
    ledger.publish_model(model(job_id, "e", 0.7), 0.7, b"one")
    ledger.publish_model(model(job_id, "e", 0.9), 0.9, b"two")
    ledger.publish_model(model(job_id, "m", 0.8), 0.8, b"three")
    assert [(item.id, item.score) for item in ledger.models()] == [("e", 0.9), ("m", 0.8)]


def test_a_run_that_fails_with_a_model_ends_with_it_and_the_reason(store: Store, job_id: str) -> None:
    ledger = StoreLedger(store, job_id)
    ledger.champion(ledger.publish_model(model(job_id, "m1", 0.8), 0.8, b"a model"), None, 4.0, 4.0)
    job = ledger.finish(JobStatus.FAILED, 5.0, "A file is damaged.")
    assert (job.status, job.error, job.message) == (
        JobStatus.COMPLETED,
        "A file is damaged.",
        "Finished with 1 model",
    )


def test_what_is_stored_for_a_row_to_come_outlives_the_runs_that_have_the_same(
    store: Store, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs of one table come to the same files; one is deleted while the other hands them over."""
    trainer, ledger = channel(store), StoreLedger(store, job_id)
    ledger.enqueue(TrialSpec(0, "ridge", {}), Needs(), 60.0, 3.0, 3.0)
    lease = trainer.lease(Offer())
    assert lease is not None

    def same_elsewhere(content: bytes) -> str:
        other = store.jobs.add(JobSpec("d", "t"), "another", 3.0).id
        StoreLedger(store, other).publish_model(model(other, f"m{other}", 0.8), 0.8, content)
        return other

    other = same_elsewhere(b"a model")
    put = [trainer.put(lease, b"a model"), trainer.put(lease, b"of no use")]
    store.delete(lambda: store.jobs.delete(other))
    assert trainer.report(lease, TrialReport(TrialStatus.FINISHED, 0.5, model=put[0]))
    assert store.files.remove_unused(older_than=1.0) == 1, "no longer handed over, and of no trial"
    assert store.files.path(put[0]).read_bytes() == b"a model"
    with pytest.raises(LeaseLost):
        trainer.put(lease, b"too late")
    assert store.files.strays().files == () and not store.files.has(put[1])

    other = same_elsewhere(b"an ensemble")
    put_bytes = Files.put_bytes

    def put_and_delete(*given: Any) -> str:
        sha256 = put_bytes(*given)
        store.delete(lambda: store.jobs.delete(other))
        return sha256

    monkeypatch.setattr(Files, "put_bytes", put_and_delete)
    kept = ledger.publish_model(model(job_id, "e", 0.9), 0.9, b"an ensemble")
    assert store.files.has(kept.file)
