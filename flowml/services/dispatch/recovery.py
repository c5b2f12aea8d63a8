"""Going on after an interruption: of this server, or of a machine that was not heard of again."""

from flowml.domain.trials import TrialStatus
from flowml.services.dispatch.channel import LEASE_SECONDS
from flowml.services.dispatch.telling import tell_trial
from flowml.store.fleet.strikes import Blow
from flowml.store.store import Store

LOCAL_WORKER = "this machine"
_ENDED_TWICE = "Two times the machine that worked on it came to an end, this server's own the second time."


def recover(store: Store, worker_id: str, now: float, steady: float) -> None:
    """At start-up: what this machine had leased when its last server ended waits again, and jobs that were running
    have the rest of their time from now on. Their conductors did not fail; they were ended with the server. The steady
    clock may have begun anew meanwhile, so that nothing stored in it is kept. A server that ends in order leaves
    nothing leased (`stop_working`): with what there is this machine has broken down."""
    with store.transaction():
        for job in store.jobs.running():
            deadline = steady + job.time_budget_seconds - job.elapsed_seconds
            store.jobs.update(job.id, deadline_at=deadline, conductor_starts=0)
            store.trials.redate(job.id, deadline, LEASE_SECONDS, steady)
        for trial in store.trials.abandon_all_leases(worker_id, now, Blow(_ENDED_TWICE, is_quiet=True)):
            tell_trial(store, trial, now)


def stop_working(store: Store, worker_id: str, now: float) -> None:
    """This machine works on nothing any more: what it had leased waits again."""
    with store.transaction():
        for trial in store.trials.abandon_all_leases(worker_id, now):
            tell_trial(store, trial, now)


def expire_leases(store: Store, now: float, steady: float) -> int:
    """Give back what machines that were not heard of again had leased; returns how many."""
    if not store.trials.any_expired(steady):
        return 0
    with store.transaction():
        trials = store.trials.expire(now, steady)
        for trial in trials:
            tell_trial(store, trial, now)
    return sum(trial.status is TrialStatus.QUEUED for trial in trials)
