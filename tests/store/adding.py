"""Jobs that run, and trials of theirs."""

from flowml.domain.jobs import JobSpec
from flowml.domain.trials import Needs, TrialSpec
from flowml.store.store import Store


def running_job(store: Store, priority: int = 0) -> str:
    job = store.jobs.add(JobSpec("d", "t", priority=priority), "job", 1.0)
    while (claimed := store.jobs.claim(100, 2.0, 2.0)) is not None:
        if claimed.id == job.id:
            break
    return job.id


def add_trial(store: Store, job_id: str, number: int = 0) -> str:
    return store.trials.add(job_id, TrialSpec(number, "ridge", {"alpha": 1.0}), Needs(), 60.0, 1.0).id
