"""The conductors' way to the tables, and the end of a job."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from flowml.domain.channel import JobBrief, nothing
from flowml.domain.jobs import Job, JobStatus
from flowml.domain.models import Model
from flowml.domain.trials import OUT_OF_TIME, Needs, Trial, TrialSpec
from flowml.domain.workers import Machine
from flowml.services.dispatch.blame import tell_set_aside
from flowml.services.dispatch.telling import (
    job_room,
    tell_champion,
    tell_job,
    tell_log,
    tell_system,
    tell_trial,
    title_of,
)
from flowml.store.store import Store


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

    def trial(self, number: int) -> Trial:
        return self._store.trials.of_number(self._job_id, number)

    def ended(self, trial_ids: Collection[str]) -> list[Trial]:
        return self._store.trials.ended(trial_ids)

    def models(self) -> list[Model]:
        return self._store.models.of_job(self._job_id)

    def machines(self) -> list[Machine]:
        return self._store.workers.machines()

    def waiting_since(self) -> dict[str, float]:
        return self._store.trials.waiting_since(self._job_id)

    def lower_needs(self, queues: Sequence[str], memory_bytes: int) -> None:
        self._store.trials.lower_needs(self._job_id, queues, memory_bytes)

    def enqueue(self, spec: TrialSpec, needs: Needs, deadline_at: float, now: float, steady: float) -> Trial:
        with self._store.transaction():
            trial = self._store.trials.add(self._job_id, spec, needs, deadline_at, steady)
            tell_trial(self._store, trial, now)
        return trial

    def cancel_trials(self, trial_ids: Sequence[str], now: float) -> None:
        with self._store.transaction():
            self._store.trials.cancel(trial_ids, now)
            for trial_id in trial_ids:
                tell_trial(self._store, self._store.trials.get(trial_id), now)

    def looked_at(self, trial: Trial, now: float) -> None:
        with self._store.transaction():
            self._store.trials.looked_at(trial)
            tell_trial(self._store, self._store.trials.get(trial.id), now)

    def leave_out(self, trial: Trial, reason: str, now: float) -> None:
        with self._store.transaction():
            self._store.trials.leave_out(trial.id, reason)
            tell_trial(self._store, self._store.trials.get(trial.id), now)

    def refuse(self, trial: Trial, reason: str, now: float) -> Trial:
        store, worker_id = self._store, trial.worker_id or ""
        with store.transaction():
            refused = store.trials.refuse(trial.id, reason, now)
            tell_trial(store, refused, now)
            tell_log(store, self._job_id, "warning", f"{title_of(trial.algorithm)}: {reason}", now)
            told = f"{reason} Such things have come from it again and again."
            if store.workers.blame(worker_id, told):
                tell_set_aside(store, worker_id, told, now)
        return refused

    def publish_model(
        self, model: Model, gain: float, content: bytes | None, also: Callable[[Model], object] = nothing
    ) -> Model:
        def put(sha256: str) -> None:
            stored = replace(model, file=sha256)
            self._store.models.put(stored, gain)
            also(stored)

        if content is None:
            with self._store.transaction():
                put(model.file)
            return model
        return replace(model, file=self._store.files.put_bytes(content, put))

    def keep_out_of_fold(self, model_id: str, content: bytes) -> None:
        self._store.files.put_bytes(content, lambda sha256: self._store.models.set_out_of_fold(model_id, sha256))

    def keep_figure(self, name: str, stand: str, body: Mapping[str, Any]) -> None:
        self._store.models.keep_figure(self._job_id, name, stand, body)

    def set_details(self, model_id: str, details: Mapping[str, Any]) -> None:
        self._store.models.set_details(model_id, details)

    def champion(self, model: Model, expected: Mapping[str, Any] | None, now: float, steady: float) -> None:
        with self._store.transaction():
            job = self._store.jobs.update(
                self._job_id,
                best_score=model.score if expected is None else expected["score"],
                estimate=expected,
                best_model_id=model.id,
            )
            tell_champion(self._store, model, now, steady)
            tell_job(self._store, job, now)

    def expect(self, expected: Mapping[str, Any], now: float) -> None:
        self.update(now, best_score=expected["score"], estimate=expected)

    def update(self, now: float, **changes: Any) -> Job:
        with self._store.transaction():
            job = self._store.jobs.update(self._job_id, **changes)
            tell_job(self._store, job, now)
        return job

    def log(self, level: str, message: str, now: float) -> None:
        tell_log(self._store, self._job_id, level, message, now)

    def finish(self, status: JobStatus, now: float, error: str | None = None, remark: str | None = None) -> Job:
        return finish_job(self._store, self._job_id, status, now, error, remark)


def finish_job(
    store: Store, job_id: str, status: JobStatus, now: float, error: str | None = None, remark: str | None = None
) -> Job:
    """End a job: nothing of it waits or runs any more, and everyone who watches hears of it. With a model there is
    something to show for it: what failed then is completed, with the reason beside it."""
    with store.transaction():
        before = store.jobs.get(job_id)
        if status is JobStatus.FAILED and before.best_model_id:
            status = JobStatus.COMPLETED
        reason = OUT_OF_TIME if status is JobStatus.COMPLETED else None
        for trial_id in store.trials.cancel_open(job_id, now, reason):
            tell_trial(store, store.trials.get(trial_id), now)
        if before.status.ended:
            return before
        models = store.models.count(job_id)
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
