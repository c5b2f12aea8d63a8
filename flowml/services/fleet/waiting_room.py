"""Workers on other machines that wait for a trial, or to hear which of theirs are to stop: one thread looks for all of
them, and each hears at once.

A look costs a few questions to the tables however many wait, and nothing while nobody has stored anything. Who has the
table of a run in memory is served first, and of those alike whoever has waited longest. One that is drained or set
aside may stand here, too: it gets nothing, and a trial as soon as it may have one again.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

from flowml.domain.clock import Clock
from flowml.domain.faults import fault_of
from flowml.domain.trials import Lease, Needs, Offer
from flowml.services.dispatch.channel import LEASE_SECONDS
from flowml.services.dispatch.telling import tell_trial
from flowml.store.store import Store

log = logging.getLogger(__name__)

# What another process has stored is seen so soon; who comes to wait is looked after at once, but several together.
_LOOK_SECONDS = 0.01
_BETWEEN_SECONDS = 0.002
# Of many who wait, the first begin before there is something for the last: so they do not all come back at once either.
_LEAST_AT_ONCE = 4
_PARTS = 16
# What waits for somebody else for a moment is looked at again without anything being stored.
_LOOK_AGAIN_SECONDS = 0.05
_RETRY_SECONDS = 1.0
# Whoever was away for longer hears of it by its heartbeat.
_STOPPED_SECONDS = 60.0


@dataclass(eq=False)
class Waiter:
    """One who waits; `come` is called, in any thread, when there is something for it."""

    worker_id: str
    worker_name: str
    offer: Offer
    come: Callable[[], object]
    lease: Lease | None = None


@dataclass(eq=False)
class Watcher:
    """One who waits to hear which of its trials are to stop, besides those that it knows of."""

    worker_id: str
    known: frozenset[str]
    come: Callable[[], object]
    stop: frozenset[str] = frozenset()


class WaitingRoom:
    """`clock`: the dispatcher's. Its thread runs while somebody waits."""

    def __init__(self, store: Store, clock: Clock):
        self._store = store
        self._clock = clock
        self._waiters: dict[Waiter, None] = {}
        self._watchers: set[Watcher] = set()
        self._lock = threading.Lock()
        self._has_come = threading.Event()
        self._thread: threading.Thread | None = None
        self._version: int | None = None
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._waiters)

    def stand(self, worker_id: str, worker_name: str, offer: Offer, come: Callable[[], object]) -> Waiter:
        """Wait for a trial that needs no more than this; to be ended with `leave`."""
        waiter = Waiter(worker_id, worker_name, offer, come)
        with self._lock:
            if self._is_closed:
                come()
                return waiter
            self._waiters[waiter] = None
            self._look_anew()
        return waiter

    def watch(self, worker_id: str, known: Collection[str], come: Callable[[], object]) -> Watcher:
        """Wait until something of this worker's is to stop; to be ended with `unwatch`."""
        watcher = Watcher(worker_id, frozenset(known), come)
        with self._lock:
            if self._is_closed:
                come()
                return watcher
            self._watchers.add(watcher)
            self._look_anew()
        return watcher

    def unwatch(self, watcher: Watcher) -> frozenset[str]:
        """Wait no longer; the ids of the trials that are to stop."""
        with self._lock:
            self._watchers.discard(watcher)
        return watcher.stop

    def _look_anew(self) -> None:
        # What is there may be for nobody but who has just come.
        self._version = None
        self._has_come.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="waiting-room", daemon=True)
            self._thread.start()

    def take(self, worker_id: str, worker_name: str, offer: Offer) -> Lease | None:
        """What waits for somebody with so much, at once and in the transaction that stands around this."""
        if self._is_closed:
            return None
        now, steady = self._clock.now(), self._clock.steady()
        lease = self._store.trials.claim(worker_id, worker_id, worker_name, offer, LEASE_SECONDS, now, steady)
        if lease is not None:
            tell_trial(self._store, self._store.trials.get(lease.trial_id), now)
        return lease

    def dismiss(self, worker_id: str) -> None:
        """This worker is gone: nothing is given to it any more."""
        with self._lock:
            everybody: list[Waiter | Watcher] = [*self._waiters, *self._watchers]
            theirs = [one for one in everybody if one.worker_id == worker_id]
            for one in theirs:
                if isinstance(one, Waiter):
                    del self._waiters[one]
                else:
                    self._watchers.discard(one)
        for one in theirs:
            one.come()

    def leave(self, waiter: Waiter) -> Lease | None:
        """Wait no longer; the lease that there is for it by now, which nobody else knows of."""
        with self._lock:
            self._waiters.pop(waiter, None)
            lease, waiter.lease = waiter.lease, None
        return lease

    def give_back(self, lease: Lease) -> None:
        """Have a trial wait again that never reached its worker: nobody's fault."""
        with self._store.transaction():
            for trial in self._store.trials.abandon(lease, self._clock.now()):
                tell_trial(self._store, trial, self._clock.now())

    def close(self) -> None:
        """Everybody leaves with nothing."""
        with self._lock:
            self._is_closed = True
            everybody: list[Waiter | Watcher] = [*self._waiters, *self._watchers]
            self._waiters, self._watchers = {}, set()
        self._has_come.set()
        for one in everybody:
            one.come()

    def _watch(self) -> None:
        again_at = 0.0
        while True:
            with self._lock:
                if not self._waiters and not self._watchers:
                    self._thread = None
                    return
            pause = _LOOK_SECONDS
            self._has_come.clear()
            try:
                version = self._store.data_version()
                if version != self._version or self._clock.steady() >= again_at:
                    self._version = version
                    self._tell_to_stop()
                    again_at = self._clock.steady() + (_LOOK_AGAIN_SECONDS if self._serve() else float("inf"))
            except Exception as error:
                fault = fault_of(error)
                log.warning("no trial can be given out: %s", fault.detail if fault else error, exc_info=fault is None)
                pause = _RETRY_SECONDS
            time.sleep(_BETWEEN_SECONDS)
            if pause > _BETWEEN_SECONDS:
                self._has_come.wait(pause - _BETWEEN_SECONDS)

    def _tell_to_stop(self) -> None:
        with self._lock:
            watchers = list(self._watchers)
        if not watchers:
            return
        to_stop = self._store.trials.to_stop(self._clock.now() - _STOPPED_SECONDS)
        for watcher in watchers if to_stop else ():
            news = to_stop.get(watcher.worker_id, set()) - watcher.known
            if news:
                watcher.stop = frozenset(news)
                with self._lock:
                    self._watchers.discard(watcher)
                watcher.come()

    def _serve(self) -> bool:
        """Give out what waits; whether something is left that somebody here could take in a moment."""
        while True:
            is_left, is_over = self._serve_some()
            if is_over:
                return is_left

    def _serve_some(self) -> tuple[bool, bool]:
        """The same for a part of those who wait; and whether it was all of them."""
        with self._lock:
            waiters = list(self._waiters)
        if not waiters:
            return False, True
        waiting = self._store.trials.waiting_needs()
        if not waiting:
            return False, True
        wanted = {waiter: frozenset(needs for needs in waiting if fits(needs, waiter.offer)) for waiter in waiters}
        able = [waiter for waiter in waiters if wanted[waiter]]
        ids = {waiter.worker_id for waiter in able}
        # Who is drained, set aside or gone, or has all that it has places for, stands for nobody else.
        free = self._store.workers.free_places(ids) if able else {}
        able = [waiter for waiter in able if waiter.worker_id in free]
        if not able:
            return False, True
        most = max(_LEAST_AT_ONCE, len(able) // _PARTS)
        given: list[tuple[Waiter, Lease]] = []
        refused = _Refused()
        # What they do not get may be for others.
        not_for_all = self._store.trials.broke_down_with()
        # What is left to them for a moment is theirs.
        at_home = self._store.trials.at_home(ids)
        able.sort(key=lambda waiter: waiter.worker_id not in at_home)
        has_more = True
        with self._store.transaction():
            # Others may have been writing until now: that time is not the trial's.
            now, steady = self._clock.now(), self._clock.steady()
            for waiter in able:
                kind = _Kind(frozenset(waiter.offer.queues), at_home.get(waiter.worker_id, frozenset()))
                if not free[waiter.worker_id] or refused.covers(kind, wanted[waiter]):
                    continue
                lease = self._store.trials.claim(
                    waiter.worker_id, waiter.worker_id, waiter.worker_name, waiter.offer, LEASE_SECONDS, now, steady
                )
                if lease is not None:
                    tell_trial(self._store, self._store.trials.get(lease.trial_id), now)
                    given.append((waiter, lease))
                    free[waiter.worker_id] -= 1
                    if len(given) == most:
                        break
                elif has_more := bool(self._store.trials.waiting_needs()):
                    # It may have been drained just now.
                    if waiter.worker_id not in not_for_all and self._store.workers.free_places({waiter.worker_id}):
                        refused.add(kind, wanted[waiter])
                else:
                    break
        waited = self._clock.steady() - steady
        unwanted = []
        for waiter, lease in given:
            lease = replace(lease, seconds_left=lease.seconds_left - waited, lease_seconds=lease.lease_seconds - waited)
            with self._lock:
                still_waits = waiter in self._waiters
                if still_waits:
                    del self._waiters[waiter]
                    waiter.lease = lease
            if still_waits:
                waiter.come()
            else:
                unwanted.append(lease)
        for lease in unwanted:
            self.give_back(lease)
        return has_more and len(given) < len(able), len(given) < most


def fits(needs: Needs, offer: Offer) -> bool:
    """Whether a machine has what a trial needs; the claim in the trials table decides by the same."""
    return needs.queue in offer.queues and needs.memory_bytes <= offer.memory_bytes and needs.vram_gb <= offer.vram_gb


class _Kind(NamedTuple):
    """What decides, besides its room, whether something is left to others than a worker: its queues, and the jobs
    whose table it has."""

    queues: frozenset[str]
    jobs: frozenset[str]


class _Refused:
    """What was not given to somebody, although there was room for it: others of its kind do not get it either."""

    def __init__(self) -> None:
        self._needs: dict[_Kind, frozenset[Needs]] = {}

    def add(self, kind: _Kind, needs: frozenset[Needs]) -> None:
        self._needs[kind] = self._needs.get(kind, frozenset()) | needs

    def covers(self, kind: _Kind, needs: frozenset[Needs]) -> bool:
        """Whether one of this kind would get none of these."""
        return any(
            kind.queues <= other.queues and kind.jobs <= other.jobs and needs <= refused
            for other, refused in self._needs.items()
        )
