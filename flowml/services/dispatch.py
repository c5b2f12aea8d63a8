"""Who does what next: the store behind the protocols through which conductors and trainers work.

Trainers of this machine use `StoreChannel` directly; over HTTP the same calls will stand behind the worker endpoints.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from flowml.domain.channel import JobBrief
from flowml.domain.jobs import Job, JobStatus
from flowml.domain.models import Model
from flowml.domain.trials import (
    DID_NOT_STOP,
    NOTHING_MORE,
    OUT_OF_TIME,
    Lease,
    Trial,
    TrialReport,
    TrialSpec,
    TrialStatus,
)
from flowml.store.store import Store
from flowml.training.supervisor import RunningJob

LOCAL_WORKER = "this machine"
_LEASE_SECONDS = 60.0


def job_room(job_id: str) -> str:
    """Where everything about one job is told."""
    return f"job:{job_id}"


def tell_job(store: Store, job: Job, now: float) -> None:
    """A `job_update` for whoever watches this job, and for the overview."""
    store.events.append(job_room(job.id), "job_update", {"job": asdict(job)}, now)


def tell_trial(store: Store, trial: Trial, now: float) -> None:
    """A `trial_update` for whoever watches the job."""
    store.events.append(job_room(trial.job_id), "trial_update", {"trial": asdict(trial)}, now)


def tell_system(store: Store, level: str, title: str, detail: str, now: float) -> None:
    """A `system_event`: something that concerns everybody. `level`: info, success, warning or error."""
    store.events.append("system", "system_event", {"level": level, "title": title, "detail": detail}, now)


def brief_of(store: Store, job: Job) -> JobBrief:
    """What there is to know about a job to build its task."""
    dataset = store.datasets.get(job.dataset_id)
    return JobBrief(
        job_id=job.id,
        spec=job.spec,
        table=dataset.table,
        columns=dataset.columns,
        recipe=dataset.recipe,
        root_table=dataset.root_table,
        notations=dataset.how_read.notations,
    )


class StoreChannel:
    """A trainer's channel, straight to the tables."""

    def __init__(self, store: Store, *, owner: str, worker_id: str, worker_name: str):
        self._store = store
        self._owner = owner
        self._worker_id = worker_id
        self._worker_name = worker_name
        self._version = -1

    def lease(self, now: float) -> Lease | None:
        # Looking costs a write lock; nothing can have come in while nobody has stored anything.
        version = self._store.data_version()
        if version == self._version:
            return None
        lease = self._store.trials.claim(self._owner, self._worker_id, self._worker_name, _LEASE_SECONDS, now)
        if lease is None:
            if not self._store.trials.waiting():
                self._version = version
            return None
        tell_trial(self._store, self._store.trials.get(lease.trial_id), now)
        return lease

    def brief(self, job_id: str) -> JobBrief:
        return brief_of(self._store, self._store.jobs.get(job_id))

    def table(self, sha256: str) -> Path:
        return self._store.files.path(sha256)

    def heartbeat(self, lease: Lease, fold_scores: Sequence[float], now: float) -> bool:
        kept = self._store.trials.renew(lease, fold_scores, _LEASE_SECONDS, now)
        if kept and fold_scores:
            tell_trial(self._store, self._store.trials.get(lease.trial_id), now)
        return kept

    def report(self, lease: Lease, report: TrialReport, now: float) -> bool:
        out_of_fold = None if report.out_of_fold is None else self._store.files.put_bytes(report.out_of_fold)
        model_file = None if report.model is None else self._store.files.put_bytes(report.model)
        with self._store.transaction():
            if not self._store.trials.finish(lease, report, out_of_fold, model_file, now):
                return False
            tell_trial(self._store, self._store.trials.get(lease.trial_id), now)
            if report.status is TrialStatus.FINISHED and report.error:
                remark = {"level": "info", "message": f"{_title(lease.algorithm)}: {report.error}"}
                self._store.events.append(job_room(lease.job_id), "log", remark, now)
        return True


class StoreLedger:
    """A conductor's ledger for one job, straight to the tables."""

    def __init__(self, store: Store, job_id: str):
        self._store = store
        self._job_id = job_id

    def version(self) -> int:
        return self._store.data_version()

    def job(self) -> Job:
        return self._store.jobs.get(self._job_id)

    def brief(self) -> JobBrief:
        return brief_of(self._store, self.job())

    def table(self, sha256: str) -> Path:
        return self._store.files.path(sha256)

    def file(self, sha256: str) -> Path:
        return self._store.files.path(sha256)

    def trials(self) -> list[Trial]:
        return self._store.trials.of_job(self._job_id)

    def models(self) -> list[Model]:
        return self._store.models.of_job(self._job_id)

    def enqueue(self, spec: TrialSpec, deadline_at: float, now: float) -> Trial:
        with self._store.transaction():
            trial = self._store.trials.add(self._job_id, spec, deadline_at, now)
            tell_trial(self._store, trial, now)
        return trial

    def cancel_trials(self, trial_ids: Sequence[str], now: float) -> None:
        with self._store.transaction():
            self._store.trials.cancel(trial_ids, now)
            for trial_id in trial_ids:
                tell_trial(self._store, self._store.trials.get(trial_id), now)

    def publish_model(self, model: Model, gain: float, content: bytes | None) -> Model:
        if content is not None:
            model = replace(model, file=self._store.files.put_bytes(content))
        self._store.models.put(model, gain)
        return model

    def set_details(self, model_id: str, details: Mapping[str, Any]) -> None:
        self._store.models.set_details(model_id, details)

    def champion(self, model: Model, expected: Mapping[str, Any] | None, now: float) -> None:
        with self._store.transaction():
            job = self._store.jobs.update(
                self._job_id,
                best_score=model.score if expected is None else expected["score"],
                estimate=expected,
                best_model_id=model.id,
            )
            self._store.events.append(
                job_room(self._job_id),
                "champion",
                {"model_id": model.id, "algorithm": model.algorithm, "score": model.score},
                now,
            )
            tell_job(self._store, job, now)

    def expect(self, expected: Mapping[str, Any], now: float) -> None:
        self.update(now, best_score=expected["score"], estimate=expected)

    def update(self, now: float, **changes: Any) -> Job:
        with self._store.transaction():
            job = self._store.jobs.update(self._job_id, **changes)
            tell_job(self._store, job, now)
        return job

    def log(self, level: str, message: str, now: float) -> None:
        self._store.events.append(job_room(self._job_id), "log", {"level": level, "message": message}, now)

    def finish(self, status: JobStatus, now: float, error: str | None = None, remark: str | None = None) -> Job:
        return finish_job(self._store, self._job_id, status, now, error, remark)


def finish_job(
    store: Store, job_id: str, status: JobStatus, now: float, error: str | None = None, remark: str | None = None
) -> Job:
    """End a job: nothing of it waits or runs any more, and everyone who watches hears of it."""
    with store.transaction():
        reason = OUT_OF_TIME if status is JobStatus.COMPLETED else None
        for trial_id in store.trials.cancel_open(job_id, now, reason):
            tell_trial(store, store.trials.get(trial_id), now)
        before = store.jobs.get(job_id)
        if before.status.ended:
            return before
        models = len(store.models.of_job(job_id))
        job = store.jobs.update(
            job_id,
            status=str(status),
            stage="done",
            progress=100.0 if status is JobStatus.COMPLETED else before.progress,
            message=". ".join(filter(None, (_closing_words(status, models, error), remark))),
            error=error,
            finished_at=now,
        )
        tell_job(store, job, now)
        store.events.append(
            job_room(job_id),
            "training_completed",
            {
                "job_id": job_id,
                "models_count": models,
                "best_score": job.best_score,
                "best_score_low": job.best_score_low,
                "best_score_high": job.best_score_high,
                "baseline_score": job.baseline_score,
            },
            now,
        )
        level = {JobStatus.COMPLETED: "success", JobStatus.FAILED: "error"}.get(status, "info")
        tell_system(store, level, f"{job.name}: {status}", job.message, now)
    return job


def _closing_words(status: JobStatus, models: int, error: str | None) -> str:
    trained = f"{models} model{'' if models == 1 else 's'}"
    if status is JobStatus.COMPLETED:
        return f"Finished with {trained}"
    if status is JobStatus.CANCELLED:
        return f"Stopped; {trained} kept" if models else "Stopped before the first model"
    return error or "Something went wrong"


def _title(algorithm: str) -> str:
    """What people know it by; one of another version's keeps its name."""
    from flowml.automl import algorithms

    return next((known.title for known in algorithms.all() if known.name == algorithm), algorithm)


class StoreDesk:
    """What the supervisor needs to know and to tell."""

    def __init__(self, store: Store, clock: Any):
        self._store = store
        self._clock = clock

    def running_jobs(self) -> list[RunningJob]:
        jobs, _ = self._store.jobs.page(1000, 0, JobStatus.RUNNING)
        return [
            RunningJob(job.id, job.deadline_at, job.cancel_requested, job.best_model_id is not None) for job in jobs
        ]

    def conductor_started(self, job_id: str) -> int:
        return self._store.jobs.update(
            job_id, conductor_starts=self._store.jobs.get(job_id).conductor_starts + 1
        ).conductor_starts

    def job_overdue(self, job_id: str) -> None:
        job = self._store.jobs.get(job_id)
        if job.deadline_at is not None:
            taken = self._clock() - job.deadline_at + job.time_budget_seconds
            job = self._store.jobs.update(job_id, elapsed_seconds=max(job.elapsed_seconds, taken))
        if job.cancel_requested:
            finish_job(self._store, job_id, JobStatus.CANCELLED, self._clock())
        elif job.best_model_id:
            remark = None if job.trials_finished else NOTHING_MORE
            finish_job(self._store, job_id, JobStatus.COMPLETED, self._clock(), remark=remark)
        else:
            reason = "The time was too short for a first model. Give it a larger time budget."
            finish_job(self._store, job_id, JobStatus.FAILED, self._clock(), reason)

    def conductor_failed(self, job_id: str, reason: str) -> None:
        job = self._store.jobs.get(job_id)
        # With a model there is something to show for it: that is a result, with the reason beside it.
        status = JobStatus.COMPLETED if job.best_model_id else JobStatus.FAILED
        finish_job(self._store, job_id, status, self._clock(), reason)

    def holds(self, owner: str, trial_id: str) -> bool:
        trial = self._store.trials.leased_by(owner)
        return trial is not None and trial.id == trial_id and not self._store.trials.unwanted(trial_id)

    def trainer_died(self, owner: str, reason: str, retry: bool, trial_id: str | None) -> None:
        now = self._clock()
        end = TrialStatus.CANCELLED if reason == DID_NOT_STOP else TrialStatus.FAILED
        with self._store.transaction():
            for trial in self._store.trials.give_back(owner, reason, now, retry=retry, blamed=trial_id, end=end):
                tell_trial(self._store, trial, now)
                if trial_id not in (None, trial.id) or end is TrialStatus.CANCELLED:
                    continue
                self._store.events.append(
                    job_room(trial.job_id),
                    "log",
                    {"level": "warning", "message": f"{_title(trial.algorithm)}: {reason}"},
                    now,
                )


def recover(store: Store, worker_id: str, now: float) -> None:
    """At start-up: what this machine had leased when its last server ended waits again, and jobs that were running
    have the rest of their time from now on. Their conductors did not fail; they were ended with the server."""
    with store.transaction():
        jobs, _ = store.jobs.page(1000, 0, JobStatus.RUNNING)
        for job in jobs:
            deadline = now + job.time_budget_seconds - job.elapsed_seconds
            store.jobs.update(job.id, deadline_at=deadline, conductor_starts=0)
            store.trials.redate(job.id, deadline)
        for trial in store.trials.abandon_all_leases(worker_id, now):
            tell_trial(store, trial, now)


def expire_leases(store: Store, now: float) -> int:
    """Give back what machines that were not heard of again had leased; returns how many."""
    with store.transaction():
        trials = store.trials.expire(now)
        for trial in trials:
            tell_trial(store, trial, now)
    return sum(trial.status is TrialStatus.QUEUED for trial in trials)
