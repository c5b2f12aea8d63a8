"""The trainers' way to the tables. Over HTTP the same calls stand behind the worker endpoints."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from flowml.domain.channel import JobBrief
from flowml.domain.clock import Clock
from flowml.domain.errors import LeaseLost, NotFound
from flowml.domain.trials import NEEDED_BYTES, Beat, Lease, Offer, TrialReport, TrialStatus
from flowml.domain.workers import LOCAL_ID
from flowml.services.dispatch.blame import doubt_about, failed_on
from flowml.services.dispatch.ledger import brief_of
from flowml.services.dispatch.telling import tell_log, tell_trial, title_of
from flowml.store.store import Store

LEASE_SECONDS = 60.0
_NO_REASON = "No reason was given."


class StoreChannel:
    """A trainer's channel, straight to the tables. `clock`: the dispatcher's, the only one that counts."""

    def __init__(self, store: Store, *, owner: str, worker_id: str, worker_name: str, clock: Clock):
        self._store = store
        self._owner = owner
        self._worker_id = worker_id
        self._worker_name = worker_name
        self._clock = clock
        self._version = -1

    def lease(self, offer: Offer) -> Lease | None:
        # Looking costs a write lock; nothing can have come in while nobody has stored anything.
        version = self._store.data_version()
        if version == self._version:
            return None
        now, steady = self._clock.now(), self._clock.steady()
        lease = self._store.trials.claim(
            self._owner, self._worker_id, self._worker_name, offer, LEASE_SECONDS, now, steady
        )
        if lease is None:
            if not self._store.trials.waiting(offer):
                self._version = version
            return None
        tell_trial(self._store, self._store.trials.get(lease.trial_id), now)
        # Others may have written meanwhile, for which a claim waits: that time has gone by.
        waited = self._clock.steady() - steady
        return replace(lease, seconds_left=lease.seconds_left - waited, lease_seconds=lease.lease_seconds - waited)

    def brief(self, lease: Lease) -> JobBrief:
        self._check(lease)
        return brief_of(self._store, self._store.jobs.get(lease.job_id))

    def get(self, lease: Lease, sha256: str) -> Path:
        brief = self.brief(lease)
        if sha256 not in (brief.table, brief.root_table):
            raise NotFound("This file does not belong to the job.")
        return self._store.files.path(sha256)

    def put(self, lease: Lease, content: bytes) -> str:
        self._check(lease)
        return self._store.files.put_bytes(content, partial(hand_over, self._store, lease))

    def heartbeat(self, beats: Sequence[Beat]) -> frozenset[str]:
        stop = set[str]()
        for beat in beats:
            if not self._store.trials.renew(beat.lease, beat.fold_scores, LEASE_SECONDS, self._clock.steady()):
                stop.add(beat.lease.trial_id)
            elif beat.fold_scores:
                tell_trial(self._store, self._store.trials.get(beat.lease.trial_id), self._clock.now())
        return frozenset(stop)

    def give_back(self, lease: Lease, reason: str | None = None) -> None:
        now = self._clock.now()
        with self._store.transaction():
            returned = self._store.trials.abandon(lease, now, reason)
            for trial in returned:
                tell_trial(self._store, trial, now)
        if not returned:
            raise lease_lost()

    def report(self, lease: Lease, report: TrialReport) -> bool:
        for sha256 in filter(None, (report.out_of_fold, report.model)):
            self._store.files.path(sha256)
        now, steady = self._clock.now(), self._clock.steady()
        with self._store.transaction():
            if self._worker_id != LOCAL_ID and self._store.trials.holds(lease):
                doubtful = doubt_about(self._store, lease, report, steady)
                if doubtful is not None and self._is_left_to_another(lease, doubtful, now):
                    return True
                report = doubtful or report
            if not self._store.trials.finish(lease, report, now, steady):
                return False
            tell_trial(self._store, self._store.trials.get(lease.trial_id), now)
            self._judge(lease, report, now)
            if report.status is TrialStatus.FINISHED and report.error:
                tell_log(self._store, lease.job_id, "info", f"{title_of(lease.algorithm)}: {report.error}", now)
        return True

    def _is_left_to_another(self, lease: Lease, report: TrialReport, now: float) -> bool:
        """Whether this trial waits again, since nobody else has said yet that it cannot be done."""
        reason = report.error or _NO_REASON
        trial = self._store.trials.doubt(lease, reason, now)
        if trial is None:
            return False
        tell_trial(self._store, trial, now)
        by = f"on the worker {trial.worker_name}, and another machine is to try it: {reason}"
        tell_log(self._store, lease.job_id, "warning", f"{title_of(lease.algorithm)} failed {by}", now)
        self._count_against(lease, report, now)
        return True

    def _judge(self, lease: Lease, report: TrialReport, now: float) -> None:
        if report.status is TrialStatus.FINISHED:
            if self._worker_id != LOCAL_ID:
                self._store.blame.did_well(self._worker_id)
        elif report.status is not TrialStatus.CANCELLED and self._store.blame.confirmed(lease.trial_id):
            return
        elif report.status is TrialStatus.FAILED:
            self._count_against(lease, report, now)

    def _count_against(self, lease: Lease, report: TrialReport, now: float) -> None:
        needed = (report.metrics or {}).get(NEEDED_BYTES)
        reason = report.error or _NO_REASON
        failed_on(self._store, self._worker_id, lease.trial_id, reason, now, needed_bytes=needed)

    def _check(self, lease: Lease) -> None:
        if not self._store.trials.holds(lease):
            raise lease_lost()


def hand_over(store: Store, lease: Lease, sha256: str) -> None:
    """See to it that a file is kept for a trial until it is reported. Raises LeaseLost."""
    if not store.trials.hand_over(lease, sha256):
        raise lease_lost()


def lease_lost() -> LeaseLost:
    """What is said to whoever works on a trial that is not theirs."""
    return LeaseLost("Somebody else has this trial now, or nobody wants it any more.")
