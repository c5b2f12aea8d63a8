"""What becomes of a machine on which trial after trial goes wrong."""

from dataclasses import replace

from flowml.domain.metrics import greater_is_better
from flowml.domain.trials import Lease, TrialReport, TrialStatus
from flowml.domain.workers import WorkerStatus
from flowml.services.dispatch.telling import tell_system, tell_trial, tell_worker
from flowml.store.store import Store

_ANOTHER_CHANCE = "To give it another chance, have it take trials again on the page Workers."


def failed_on(
    store: Store, worker_id: str, trial_id: str, reason: str, now: float, *, needed_bytes: float | None = None
) -> None:
    """A trial went wrong on a worker, which may be too small for it (`needed_bytes`); who fails again and again what
    others can do gets no more."""
    if told := store.blame.failed(worker_id, trial_id, reason, now, needed_bytes=needed_bytes):
        tell_set_aside(store, worker_id, told, now)


def doubt_about(store: Store, lease: Lease, report: TrialReport, steady: float) -> TrialReport | None:
    """What is to be made of a report by which there is nothing of a trial, when nobody else says otherwise; None of
    one that stands for itself. A machine may be broken, or lie."""
    if report.status is TrialStatus.FAILED:
        return report
    if report.status is TrialStatus.CANCELLED and store.trials.is_early(lease, steady):
        return _failed(report, "It was given up for want of time long before its time was over.")
    if report.status is TrialStatus.PRUNED:
        if not report.fold_scores:
            # For what shows before the first fold has a score.
            return report
        metric = store.jobs.get(lease.job_id).metric
        if lease.bar is None or metric is None or not _is_short(report.fold_scores[0], lease.bar, metric):
            return _failed(report, "It was given up after its first fold, which did well enough.")
    return None


def _is_short(score: float | None, bar: float, metric: str) -> bool:
    return score is not None and (score < bar if greater_is_better(metric) else score > bar)


def _failed(report: TrialReport, reason: str) -> TrialReport:
    return TrialReport(TrialStatus.FAILED, error=reason, fit_seconds=report.fit_seconds)


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
