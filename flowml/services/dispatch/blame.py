"""What becomes of a machine on which trial after trial goes wrong."""

from dataclasses import replace

from flowml.domain.workers import WorkerStatus
from flowml.services.dispatch.telling import tell_system, tell_trial, tell_worker
from flowml.store.store import Store

_ANOTHER_CHANCE = "To give it another chance, have it take trials again on the page Workers."


def failed_on(store: Store, worker_id: str, trial_id: str, reason: str, now: float) -> None:
    """A trial went wrong on a worker; who fails again and again what others can do gets no more."""
    if told := store.blame.failed(worker_id, trial_id, reason, now):
        tell_set_aside(store, worker_id, told, now)


def tell_set_aside(store: Store, worker_id: str, reason: str, now: float) -> None:
    """A worker has just been set aside: what it has leased waits again, and everybody hears why."""
    worker = store.workers.find(worker_id)
    if worker is None:
        return
    for left in store.trials.abandon_all_leases(worker_id, now):
        tell_trial(store, left, now)
    tell_worker(store, replace(worker, status=WorkerStatus.DRAINING, set_aside=reason), now)
    told = f"{reason.rstrip('.')}. {_ANOTHER_CHANCE}"
    tell_system(store, "warning", f"Worker {worker.name} is given no more trials", told, now)
