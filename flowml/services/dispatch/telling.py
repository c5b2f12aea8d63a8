"""What those who watch are told: events of jobs, of trials and of the system."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flowml.domain.events import Event
from flowml.domain.jobs import Job
from flowml.domain.models import Model
from flowml.domain.trials import Trial
from flowml.domain.workers import Worker
from flowml.store.store import Store


def job_room(job_id: str) -> str:
    """Where everything about one job is told."""
    return f"job:{job_id}"


def tell_job(store: Store, job: Job, now: float) -> None:
    """A `job_update` for whoever watches this job, and for the overview."""
    store.events.append(job_room(job.id), "job_update", {"job": asdict(job)}, now)


def tell_trial(store: Store, trial: Trial, now: float) -> None:
    """A `trial_update` for whoever watches the job."""
    # As `asdict`, which copies all that is in it.
    told = {**vars(trial.shown), "needs": vars(trial.needs)}
    del told["to_look_at"]
    store.events.append(job_room(trial.job_id), "trial_update", {"trial": told}, now)


def tell_worker(store: Store, worker: Worker, now: float) -> None:
    """A `worker_status` for whoever watches the workers."""
    store.events.append("workers", "worker_status", {"worker": asdict(worker)}, now)


def tell_system(store: Store, level: str, title: str, detail: str, now: float) -> None:
    """A `system_event`: something that concerns everybody. `level`: info, success, warning or error."""
    store.events.append("system", "system_event", {"level": level, "title": title, "detail": detail}, now)


def tell_renamed(store: Store, kind: str, identifier: str, name: str, now: float) -> None:
    """A `renamed`, to everybody who may have the name on show; `kind` is dataset or job."""
    store.events.append("system", "renamed", {"kind": kind, "id": identifier, "name": name}, now)


def tell_log(store: Store, job_id: str, level: str, message: str, now: float) -> None:
    """A line in the job's log."""
    _tell_and_keep(store, job_id, "log", {"level": level, "message": message}, now)


def tell_champion(store: Store, model: Model, now: float, steady: float) -> None:
    """A `champion`: this is the best model of its job from now on, in its `elapsed_seconds`."""
    data = {
        "model_id": model.id,
        "algorithm": model.algorithm,
        "score": model.score,
        "elapsed_seconds": store.jobs.elapsed(model.job_id, steady),
    }
    _tell_and_keep(store, model.job_id, "champion", data, now)


def _tell_and_keep(store: Store, job_id: str, type: str, data: Mapping[str, Any], now: float) -> None:
    with store.transaction():
        identifier = store.events.append(job_room(job_id), type, data, now)
        store.history.keep(job_id, Event(identifier, job_room(job_id), type, now, data))


def title_of(algorithm: str) -> str:
    """What people know it by; one of another version's keeps its name."""
    from flowml.automl import algorithms

    return next((known.title for known in algorithms.all() if known.name == algorithm), algorithm)
