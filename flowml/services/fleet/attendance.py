"""Which workers on other machines are there: a thread looks after them for as long as there are any.

Each is heard of by its calls. One that keeps a connection open, and whose connection ends, is missed within seconds;
one whose network is gone says nothing, and is given up after a while. What it had leased waits again then.

Whether it has died with what it worked on cannot be known before it is heard of again: as the same process, then it has
lived and nothing is held against its trials; as another one, then it has died. Until then, and for ever if it does not
come back, it is held to have died (`store.blame`). Who says that it leaves, or is removed, has not; nor has one
whose token has ended.
"""

import logging
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from flowml.domain.clock import Clock
from flowml.domain.faults import fault_of
from flowml.domain.trials import Trial
from flowml.domain.workers import LOCAL_ID, Load, WorkerStatus
from flowml.services.dispatch.blame import failed_on
from flowml.services.dispatch.channel import LEASE_SECONDS
from flowml.services.dispatch.recovery import expire_leases
from flowml.services.dispatch.telling import tell_system, tell_trial, tell_worker
from flowml.store.fleet.strikes import Blow
from flowml.store.store import Store

log = logging.getLogger(__name__)

OFFLINE_AFTER_SECONDS = 90.0
_HUNG_UP_SECONDS = 5.0
# A worker asks what is to stop every 25 seconds.
_ALIVE_SECONDS = 40.0
_TICK_SECONDS = 1.0
# A trial may be late by a share of its time (`automl.trial.limits`), and its report is on its way for a while: whoever
# has it after twice that share more does not mean to end.
_LATE_SHARE, _LATE_SECONDS = 0.3, 60.0
# Ids of workers that are in no table any more are forgotten when there are so many more than there were.
_FORGET_FROM = 100
# So many that were removed are remembered, the latest.
_MOST_REMOVED = 10_000
# What has been stored of when a worker was last heard of may be so old.
_NOTE_EVERY_SECONDS = 10.0
_HELD_ON = "It held on to a trial far beyond the trial's time."


class Attendance:
    """`clock`: the dispatcher's. `dismiss` has nobody wait on behalf of a worker any more."""

    def __init__(self, store: Store, clock: Clock, dismiss: Callable[[str], None] = lambda worker_id: None):
        self._store = store
        self._clock = clock
        self._dismiss = dismiss
        self._lock = threading.Lock()
        self._heard: dict[str, float] = {}
        self._known: dict[str, float] = {}
        self._noted: dict[str, float] = {}
        self._beats: dict[str, float] = {}
        self._loads: dict[str, Load] = {}
        self._hung_up: dict[str, float] = {}
        self._lives = store.workers.lives()
        self._suspected = store.blame.suspects()
        self._forget_from = max(_FORGET_FROM, 2 * len(self._lives))
        self._lines = count(1)
        self._open: dict[str, set[int]] = {}
        self._answered: dict[str, int] = {}
        self._left: set[str] = set()
        self._removed: dict[str, None] = {}
        self._thread: threading.Thread | None = None
        self._is_wanted = False
        self._closed = threading.Event()

    def heard(self, worker_id: str) -> None:
        """It has called. When that was is stored by and by, for many at once."""
        steady = self._clock.steady()
        with self._lock:
            self._heard[worker_id] = steady
            self._hung_up.pop(worker_id, None)
        self.start()

    def lived(self, worker_id: str) -> None:
        """The process that it was has called: it did not die with what it was held to have died with."""
        with self._lock:
            is_suspected = worker_id in self._suspected
            self._suspected.discard(worker_id)
        if is_suspected:
            self._forgive(worker_id)

    def _forgive(self, worker_id: str) -> None:
        now = self._clock.now()
        with self._store.transaction():
            for trial_id in self._store.blame.forgive(worker_id):
                tell_trial(self._store, self._store.trials.get(trial_id), now)

    def back(self, worker_id: str) -> None:
        """It has called, and had been given up."""
        if self._store.workers.back(worker_id, self._clock.now()):
            self._tell(worker_id, "is back")

    def _note(self, now: float, steady: float) -> None:
        with self._lock:
            due = {
                worker_id: heard
                for worker_id, heard in self._heard.items()
                if heard > (noted := self._noted.get(worker_id, -math.inf)) and steady - noted >= _NOTE_EVERY_SECONDS
            }
            self._noted |= dict.fromkeys(due, steady)
        if due:
            self._store.workers.seen(
                {worker_id: (now - (steady - heard), self._loads.get(worker_id)) for worker_id, heard in due.items()}
            )

    def joined(self, worker_id: str, life: str | None) -> None:
        """It has registered. `life` names its process: what an earlier one had leased waits again."""
        steady = self._clock.steady()
        with self._lock:
            self._heard[worker_id] = self._noted[worker_id] = steady
            self._hung_up.pop(worker_id, None)
            self._left.discard(worker_id)
            before = self._lives.get(worker_id)
            if life is not None:
                self._lives[worker_id] = life
            is_suspected = worker_id in self._suspected
            self._suspected.discard(worker_id)
            is_many = len(self._lives) + len(self._left) + len(self._suspected) > self._forget_from
        if is_many:
            self._forget_others()
        if life is not None and before != life:
            self._store.workers.set_life(worker_id, life)
            if before is not None:
                self._dismiss(worker_id)
                self._give_back_all(worker_id, "It ended while it worked on this", is_known=True)
                self._store.blame.convict(worker_id)
        elif is_suspected:
            self._forgive(worker_id)
        self.start()

    def _forget_others(self) -> None:
        """Know nothing more of those who are in no table any more."""
        here = self._store.workers.ids()
        with self._lock:
            for worker_id in self._lives.keys() - here:
                del self._lives[worker_id]
            self._left &= here
            self._suspected &= here
            self._forget_from = max(_FORGET_FROM, 2 * (len(self._lives) + len(self._left) + len(self._suspected)))

    def is_of(self, worker_id: str, life: str) -> bool:
        """Whether this worker is the process of that life: one that nobody was before, the first that says so."""
        with self._lock:
            return self._lives.setdefault(worker_id, life) == life

    def alive(self, other_than: str | None) -> set[str]:
        """The workers whose process is there, and is another one than this life's."""
        steady = self._clock.steady()
        with self._lock:
            return {
                worker_id
                for worker_id, life in self._lives.items()
                if life != other_than
                and worker_id not in self._hung_up
                and steady - self._heard.get(worker_id, -_ALIVE_SECONDS) < _ALIVE_SECONDS
            }

    def beat(self, worker_id: str, arrived: float, load: Load | None = None) -> float | None:
        """A heartbeat has arrived at this time of the steady clock, and says how busy its machine is; when the one
        before did."""
        with self._lock:
            before = self._beats.get(worker_id)
            self._beats[worker_id] = max(arrived, before or arrived)
            if load is not None:
                self._loads[worker_id] = load
        return before

    @contextmanager
    def line(self, worker_id: str) -> Iterator[Callable[[], None]]:
        """A connection that a worker keeps open while it is there. What is given is called when it ends from its side:
        then it is missed, unless it has another, or has ended a later one as usual."""
        with self._lock:
            number = next(self._lines)
            self._open.setdefault(worker_id, set()).add(number)
        has_left = threading.Event()
        try:
            yield has_left.set
        finally:
            with self._lock:
                others = self._open.get(worker_id, set())
                others.discard(number)
                if not has_left.is_set():
                    self._answered[worker_id] = max(number, self._answered.get(worker_id, 0))
                elif not others and number > self._answered.get(worker_id, 0):
                    self._hung_up[worker_id] = self._clock.steady()

    def start(self) -> None:
        """Look after whoever is in the tables."""
        with self._lock:
            self._is_wanted = True
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._watch, name="attendance", daemon=True)
                self._thread.start()

    def close(self) -> None:
        self._closed.set()

    def gone(self, worker_id: str, why: str, *, has_died: bool = False) -> None:
        """It is offline from now on, and what it had leased waits again. `has_died`: as far as anybody knows."""
        kept: tuple[dict[str, Any], ...] = (
            self._heard,
            self._known,
            self._noted,
            self._loads,
            self._beats,
            self._hung_up,
            self._open,
            self._answered,
        )
        # Before its trials go back, or one of them would be leased to it again.
        self._dismiss(worker_id)
        with self._store.transaction():
            self._store.workers.set_status(worker_id, WorkerStatus.OFFLINE)
            self._give_back_all(worker_id, f"It {why} while it worked on this" if has_died else None)
        # Not before that is stored: where it cannot be it is tried again.
        with self._lock:
            for known in kept:
                known.pop(worker_id, None)
        self._tell(worker_id, why)

    def leave(self, worker_id: str) -> None:
        """It has said that it ends. What it has asked for before may still arrive."""
        with self._lock:
            self._left.add(worker_id)
        self.gone(worker_id, "has left")

    def has_left(self, worker_id: str) -> bool:
        """Whether it has said that it ends, and not joined since."""
        return worker_id in self._left

    def _give_back_all(self, worker_id: str, died: str | None, *, is_known: bool = False) -> None:
        """What it had leased waits again. `died`: why it is held to have broken down with that, in words."""
        now = self._clock.now()
        with self._store.transaction():
            blow = None if died is None else self._blow(worker_id, died, is_known)
            trials = self._store.trials.abandon_all_leases(worker_id, now, blow)
            self._tell_taken_back(worker_id, trials, died, now)

    def _blow(self, worker_id: str, died: str, is_known: bool) -> Blow:
        if not is_known:
            with self._lock:
                self._suspected.add(worker_id)
        reason = f"{died}: the worker {{worker}}. Another one was lost with it before."
        return Blow(reason, is_suspected=not is_known, is_quiet=True)

    def _tell_taken_back(self, worker_id: str, trials: Sequence[Trial], died: str | None, now: float) -> None:
        for trial in trials:
            tell_trial(self._store, trial, now)
        if died is not None and trials:
            # However many it worked on, it has gone once.
            failed_on(self._store, worker_id, trials[0].id, f"{died}.", now)

    def remove(self, worker_id: str) -> None:
        """Forget it; it hears that it is not wanted when it calls again."""
        with self._lock:
            self._removed[worker_id] = None
            if len(self._removed) > _MOST_REMOVED:
                del self._removed[next(iter(self._removed))]
        self.gone(worker_id, "was removed")
        self._store.workers.remove(worker_id)

    def was_removed(self, worker_id: str) -> bool:
        """Whether somebody has removed it since the server started."""
        return worker_id in self._removed

    def look(self) -> bool:
        """Give up who is not there any more; whether there is anybody, or anything of somebody's. What goes wrong with
        one of them concerns no other."""
        now, steady = self._clock.now(), self._clock.steady()
        refused = self._store.workers.refused(now)
        for worker_id in refused:
            # It is ended by that, and has not died with what it works on.
            self._try(self.gone, worker_id, "is refused, as its token has ended")
        remote = self._store.workers.remote()
        for worker_id in {worker_id for worker_id, _, _ in remote}.difference(refused):
            self._try(self._look_after, worker_id, now, steady)
        self._try(expire_leases, self._store, now, steady)
        self._try(self._take_back_overdue, now, steady)
        self._try(self._fail_held, now)
        self._try(self._note, now, steady)
        # What is still leased to somebody expires, and what is held for somebody fails.
        return bool(remote) or self._store.trials.any_elsewhere(LOCAL_ID) or self._store.trials.any_held()

    def _look_after(self, worker_id: str, now: float, steady: float) -> None:
        with self._lock:
            # Who is in the tables from before this server's start has as long as everybody; and has not been heard of.
            heard = self._heard.get(worker_id)
            silent = steady - (self._known.setdefault(worker_id, steady) if heard is None else heard)
            hung_up = steady - self._hung_up.get(worker_id, steady)
        if silent > OFFLINE_AFTER_SECONDS:
            self.gone(worker_id, f"was not heard of for {OFFLINE_AFTER_SECONDS:g} seconds", has_died=True)
        elif hung_up > _HUNG_UP_SECONDS:
            self.gone(worker_id, "has gone", has_died=True)
        elif silent > LEASE_SECONDS and self._store.trials.any_expired(steady):
            with self._store.transaction():
                died = "It fell silent while it worked on this"
                blow = self._blow(worker_id, died, is_known=False)
                expired = self._store.trials.expire_of(worker_id, blow, now, steady)
                self._tell_taken_back(worker_id, expired, died, now)

    def _take_back_overdue(self, now: float, steady: float) -> None:
        """Who holds on to a trial far beyond its time, and says again and again that it works on it, loses it."""
        late = (LOCAL_ID, _LATE_SHARE, _LATE_SECONDS, steady)
        if not self._store.trials.any_overdue(*late):
            return
        with self._store.transaction():
            for trial in self._store.trials.end_overdue(*late, now):
                tell_trial(self._store, trial, now)
                if trial.worker_id is not None:
                    failed_on(self._store, trial.worker_id, trial.id, _HELD_ON, now)

    def _fail_held(self, now: float) -> None:
        if self._store.trials.any_held():
            with self._store.transaction():
                for trial in self._store.trials.fail_held(now):
                    tell_trial(self._store, trial, now)

    def _try(self, do: Callable[..., object], *given: Any) -> None:
        try:
            do(*given)
        except Exception as error:
            fault = fault_of(error)
            log.warning("workers are not looked after: %s", fault or error, exc_info=fault is None)

    def _watch(self) -> None:
        while not self._closed.wait(_TICK_SECONDS) and not self._store.is_closed:
            with self._lock:
                self._is_wanted = False
            try:
                is_over = not self.look()
            except Exception as error:
                fault, is_over = fault_of(error), False
                log.warning("the workers are not looked after: %s", fault or error, exc_info=fault is None)
            with self._lock:
                # Whoever has come meanwhile has seen this thread, and started no other.
                if is_over and not self._is_wanted:
                    self._thread = None
                    return

    def _tell(self, worker_id: str, what: str) -> None:
        worker = self._store.workers.find(worker_id)
        if worker is not None:
            log.info("worker %s (%s) %s", worker.name, worker.id, what)
            now = self._clock.now()
            tell_worker(self._store, worker, now)
            tell_system(self._store, "info", f"Worker {worker.name} {what}", "", now)
