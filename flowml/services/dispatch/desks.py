"""What the supervisor of this machine needs to know of the tables, and tells them: of conductors and of trainers."""

from collections.abc import Mapping

from flowml.domain.clock import Clock
from flowml.domain.jobs import JobStatus
from flowml.domain.trials import DID_NOT_STOP, NOTHING_MORE, TrialStatus
from flowml.services.dispatch.ledger import finish_job
from flowml.services.dispatch.telling import tell_log, tell_trial, title_of
from flowml.store.store import Store
from flowml.training.conductors import RunningJob


class StoreConductorDesk:
    """Jobs that run, and what became of their conductors."""

    def __init__(self, store: Store, clock: Clock):
        self._store = store
        self._clock = clock

    def running_jobs(self) -> list[RunningJob]:
        return [
            RunningJob(job.id, job.deadline_at, job.cancel_requested, job.best_model_id is not None)
            for job in self._store.jobs.running()
        ]

    def started(self, job_id: str) -> int:
        return self._store.jobs.update(
            job_id, conductor_starts=self._store.jobs.get(job_id).conductor_starts + 1
        ).conductor_starts

    def overdue(self, job_id: str) -> None:
        job = self._store.jobs.get(job_id)
        if job.deadline_at is not None:
            taken = self._clock.steady() - job.deadline_at + job.time_budget_seconds
            job = self._store.jobs.update(job_id, elapsed_seconds=max(job.elapsed_seconds, taken))
        if job.cancel_requested:
            finish_job(self._store, job_id, JobStatus.CANCELLED, self._clock.now())
        elif job.best_model_id:
            remark = None if job.trials_finished else NOTHING_MORE
            finish_job(self._store, job_id, JobStatus.COMPLETED, self._clock.now(), remark=remark)
        else:
            reason = "The time was too short for a first model. Give it a larger time budget."
            finish_job(self._store, job_id, JobStatus.FAILED, self._clock.now(), reason)

    def failed(self, job_id: str, reason: str) -> None:
        finish_job(self._store, job_id, JobStatus.FAILED, self._clock.now(), reason)


class StoreTrainerDesk:
    """Trials that run, and what became of their trainers."""

    def __init__(self, store: Store, clock: Clock):
        self._store = store
        self._clock = clock

    def unwanted(self, held: Mapping[str, str]) -> set[str]:
        wanted = self._store.trials.wanted()
        return {owner for owner, trial_id in held.items() if (owner, trial_id) not in wanted}

    def died(self, owner: str, reason: str, retry: bool, trial_id: str | None) -> None:
        now = self._clock.now()
        end = TrialStatus.CANCELLED if reason == DID_NOT_STOP else TrialStatus.FAILED
        with self._store.transaction():
            for trial in self._store.trials.give_back(owner, reason, now, retry=retry, blamed=trial_id, end=end):
                tell_trial(self._store, trial, now)
                if trial_id not in (None, trial.id) or end is TrialStatus.CANCELLED:
                    continue
                tell_log(self._store, trial.job_id, "warning", f"{title_of(trial.algorithm)}: {reason}", now)
