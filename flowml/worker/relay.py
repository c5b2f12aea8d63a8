"""Between the trainers of a worker and its server.

Each trainer is a process of its own, and asks its worker instead of the server, through a socket that only processes of
this worker can open. So trainers know no credential; one heartbeat speaks for all trials; and what nobody wants any
more is heard of at once.
"""

import contextlib
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Any

from flowml.domain.channel import JobBrief
from flowml.domain.errors import FlowMLError, Forbidden, InvalidInput, LeaseLost, NotFound, NotReady, WrongState
from flowml.domain.logs import LogLine
from flowml.domain.trials import DID_NOT_STOP, Beat, Lease, Offer, TrialReport, TrialStatus
from flowml.worker.channel import HttpChannel

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0
_KNOCK_SECONDS = 30.0
_LONGEST_REST_SECONDS = 60.0
_FAULTS_IN_A_ROW = 3
# The server names what was ended for a minute, also to whoever has stopped it meanwhile.
_REMEMBERED_SECONDS = 120.0


class _Asking:
    """A channel whose every call is asked of a relay."""

    def lease(self, offer: Offer) -> Lease | None:
        return self._ask("lease", offer)  # type: ignore[no-any-return]

    def brief(self, lease: Lease) -> JobBrief:
        return self._ask("brief", lease)  # type: ignore[no-any-return]

    def get(self, lease: Lease, sha256: str) -> Path:
        return self._ask("get", lease, sha256)  # type: ignore[no-any-return]

    def put(self, lease: Lease, content: bytes) -> str:
        return self._ask("put", lease, content)  # type: ignore[no-any-return]

    def heartbeat(self, beats: Sequence[Beat]) -> frozenset[str]:
        return self._ask("heartbeat", beats)  # type: ignore[no-any-return]

    def report(self, lease: Lease, report: TrialReport) -> bool:
        return self._ask("report", lease, report)  # type: ignore[no-any-return]

    def queues(self) -> tuple[str, ...]:
        """Whose trials the worker takes now."""
        return self._ask("queues")  # type: ignore[no-any-return]

    def capabilities(self) -> Mapping[str, Any]:
        """What was found on this machine."""
        return self._ask("capabilities")  # type: ignore[no-any-return]

    def tell(self, lines: list[LogLine]) -> None:
        """What this trainer's log says goes on to the worker's."""
        self._ask("tell", lines)

    def give_back(self, lease: Lease, reason: str | None = None) -> None:
        self._ask("give_back", lease, reason)

    def _ask(self, what: str, *arguments: Any) -> Any:
        raise NotImplementedError


class DirectChannel(_Asking):
    """The channel of who works in the worker's own process. `owner`: another one for each who holds a lease."""

    def __init__(self, relay: "Relay", owner: str):
        self._relay = relay
        self._owner = owner

    def close(self) -> None:
        """No more trials are asked for; one that was given out with the last report is given back."""
        self._relay.forget(self._owner)

    def _ask(self, what: str, *arguments: Any) -> Any:
        return self._relay.answer(self._owner, what, arguments)


class RelayedChannel(_Asking):
    """A trainer's channel, to the relay of its worker. Safe to use from several threads."""

    def __init__(self, address: str, key: bytes, owner: str):
        self._connection = Client(address, authkey=key)
        self._connection.send(owner)
        self._lock = threading.Lock()

    def _ask(self, what: str, *arguments: Any) -> Any:
        with self._lock:
            self._connection.send((what, arguments))
            is_answer, value = self._connection.recv()
        if not is_answer:
            raise value
        return value


class _Knocking:
    """The connection of somebody who has not shown yet that they have the key: they are not waited for without end."""

    def __init__(self, connection: "Connection[Any, Any]"):
        self._connection = connection
        self.send_bytes = connection.send_bytes

    def recv_bytes(self, most: int) -> bytes:
        if not self._connection.poll(_KNOCK_SECONDS):
            raise TimeoutError("nothing was said")
        return self._connection.recv_bytes(most)


class Relay:
    """The worker's side. `free_bytes`: the memory that this owner's next trial could have; `machine` gives the queues
    and the capabilities of this worker; `trouble` hears of what the server says that is no answer for a trainer, `say`
    what people should, and `hear` the log of the trainers."""

    def __init__(
        self,
        channel: HttpChannel,
        *,
        free_bytes: Callable[[str], int],
        machine: Callable[[], tuple[tuple[str, ...], Mapping[str, Any]]],
        trouble: Callable[[FlowMLError], None],
        say: Callable[[str], None] = log.warning,
        hear: Callable[[list[LogLine]], None] = lambda lines: None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._channel = channel
        self._free_bytes = free_bytes
        self._machine = machine
        self._trouble = trouble
        self._say = say
        self._hear = hear
        self._clock = clock
        self._key = os.urandom(32)
        self._listener = Listener()
        self._address = str(self._listener.address)
        self._lock = threading.Lock()
        self._held: dict[str, Lease] = {}
        # What each trainer has offered last, and what was leased for it before it asks.
        self._offers: dict[str, Offer] = {}
        self._next: dict[str, Lease] = {}
        self._scores: dict[str, tuple[float, ...]] = {}
        # A trial that was stopped is never wanted again; one attempt at it may be while another has been lost.
        self._stopped: dict[str, float] = {}
        self._lost: set[tuple[str, int]] = set()
        self._dead: set[str] = set()
        self._n_faults = 0
        self._rests_until = -math.inf
        self._closed = threading.Event()
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    @property
    def door(self) -> tuple[str, bytes]:
        """The address for trainers, and the key to it."""
        return self._address, self._key

    def close(self) -> None:
        """Nothing is leased any more."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.close()

    def say(self, words: str) -> None:
        """What people should know."""
        self._say(words)

    def beats(self) -> list[Beat]:
        """What is worked on, and how far that is."""
        with self._lock:
            # One that was given back may be here again before that is known to be through.
            latest = {lease.trial_id: lease for lease in sorted(self._held.values(), key=_attempt)}
            return [Beat(lease, self._scores.get(trial_id, ())) for trial_id, lease in latest.items()]

    def stop(self, trial_ids: Collection[str]) -> bool:
        """Nobody wants these trials any more, whoever works on them; whether that is news."""
        until = self._clock() + _REMEMBERED_SECONDS
        with self._lock:
            news = set(trial_ids) - self._stopped.keys()
            self._stopped |= dict.fromkeys(trial_ids, until)
        return bool(news)

    def lose(self, beats: Sequence[Beat], trial_ids: Collection[str]) -> None:
        """Of these attempts those at these trials are not this worker's any more, or not wanted."""
        with self._lock:
            self._lost &= {_attempt(lease) for lease in self._held.values()}
            self._lost |= {_attempt(beat.lease) for beat in beats if beat.lease.trial_id in trial_ids}

    def known(self) -> frozenset[str]:
        """Those that nobody wants any more, for as long as the server may name them."""
        now = self._clock()
        with self._lock:
            self._stopped = {trial_id: until for trial_id, until in self._stopped.items() if until > now}
            return frozenset(self._stopped)

    def unwanted(self, held: Mapping[str, str]) -> set[str]:
        """As `training.trainers.TrainerDesk`."""
        with self._lock:
            leases = {owner: self._held.get(owner) for owner in held}
            return {
                owner
                for owner, lease in leases.items()
                if lease is not None and lease.trial_id == held[owner] and self._is_unwanted(lease)
            }

    def _is_unwanted(self, lease: Lease) -> bool:
        return lease.trial_id in self._stopped or _attempt(lease) in self._lost

    def died(self, owner: str, reason: str, retry: bool, trial_id: str | None) -> None:
        """As `training.trainers.TrainerDesk`: the server hears of it beside the watch over the others."""
        with self._lock:
            is_known = owner in self._dead
            self._dead.add(owner)
            lease = self._held.get(owner)
            is_untouched = self._next.pop(owner, None) is not None
        if lease is None or is_known:
            return
        blamed = trial_id in (None, lease.trial_id) and not is_untouched

        def tell() -> None:
            # It is held until the server knows what became of it: a heartbeat without it would have it tried again.
            with contextlib.suppress(FlowMLError), self._letting_go(owner, lease):
                if retry or not blamed:
                    self._channel.give_back(lease, reason if blamed else None)
                else:
                    status = TrialStatus.CANCELLED if reason == DID_NOT_STOP else TrialStatus.FAILED
                    self._channel.report(lease, TrialReport(status, error=reason))

        threading.Thread(target=tell, name="tell-of-death", daemon=True).start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection = self._listener.accept()
            except OSError:
                # Closed; or this process may have no more files, which nobody changes by asking at once.
                self._closed.wait(_PAUSE_SECONDS)
                continue
            threading.Thread(target=self._serve, args=(connection,), name="trainer", daemon=True).start()

    def _serve(self, connection: "Connection[Any, Any]") -> None:
        with connection, contextlib.suppress(EOFError, OSError):
            if not self._has_key(connection):
                log.warning("somebody who is no trainer of this worker knocked")
                return
            owner = str(connection.recv())
            try:
                self._serve_one(owner, connection)
            finally:
                self.forget(owner)

    def _has_key(self, connection: "Connection[Any, Any]") -> bool:
        knocking: Any = _Knocking(connection)
        try:
            deliver_challenge(knocking, self._key)
            answer_challenge(knocking, self._key)
        except (AuthenticationError, AssertionError, ValueError):
            # What is no challenge, or no answer to one, is refused by any of these.
            return False
        return True

    def _serve_one(self, owner: str, connection: "Connection[Any, Any]") -> None:
        while True:
            what, arguments = connection.recv()
            answer: tuple[bool, Any]
            try:
                answer = True, self.answer(owner, what, arguments)
            except FlowMLError as error:
                answer = False, error
            except Exception as error:
                log.exception("what a trainer asked could not be asked of the server")
                answer = False, NotReady(f"{type(error).__name__}: {error}")
            try:
                connection.send(answer)
            except OSError:
                # It has died while it waited, and never heard of what was leased for it.
                if isinstance(answer[1], Lease):
                    self._give_back(owner, answer[1])
                raise

    def forget(self, owner: str) -> None:
        """This trainer asks for nothing any more."""
        with self._lock:
            self._offers.pop(owner, None)
            untouched = self._next.pop(owner, None)
            if untouched is not None:
                # Its death has nothing to do with that one.
                self._held.pop(owner, None)
        if untouched is not None:
            self._give_back(owner, untouched)

    def answer(self, owner: str, what: str, arguments: tuple[Any, ...]) -> Any:
        """What a call of a trainer's channel returns, or raises."""
        match what:
            case "lease":
                return self._lease(owner, *arguments)
            case "heartbeat":
                return self._heartbeat(*arguments)
            case "give_back":
                return self._hand_back(owner, *arguments)
            case "report":
                return self._report(owner, *arguments)
            case "queues":
                return self._machine()[0]
            case "capabilities":
                return self._machine()[1]
            case "tell":
                return self._hear(*arguments)
            case "brief" | "get" | "put":
                return self._hold_on(owner, what, *arguments)
        raise ValueError(what)

    def _hold_on(self, owner: str, what: str, lease: Lease, *rest: Any) -> Any:
        try:
            answer = getattr(self._channel, what)(lease, *rest)
        except (NotFound, InvalidInput, Forbidden, WrongState):
            # The server's word on this trial.
            raise
        except Exception as problem:
            self._falter(problem)
            with self._lock:
                self._held.pop(owner, None)
            told = problem.detail if isinstance(problem, FlowMLError) else f"{type(problem).__name__}: {problem}"
            # A server that cannot be reached is no fault of this machine's that anybody could tell.
            fault = None if isinstance(problem, NotReady) else told
            threading.Thread(target=self._give_back, args=(owner, lease, fault), name="give-back", daemon=True).start()
            raise LeaseLost("This machine does not go on with it.") from problem
        if what != "brief":
            self._n_faults = 0
        return answer

    def _falter(self, problem: Exception) -> None:
        """Something here keeps trials from being worked on, which is not their fault: rest, longer each time."""
        with self._lock:
            self._n_faults += 1
            rest = min(2.0**self._n_faults, _LONGEST_REST_SECONDS)
            self._rests_until = self._clock() + rest
        log.warning("a trial is given back: %s", problem, exc_info=not isinstance(problem, FlowMLError | OSError))
        if self._n_faults == _FAULTS_IN_A_ROW:
            self._say(f"This machine gives back the trials that it takes: {problem}. It rests between them.")

    def _lease(self, owner: str, offer: Offer) -> Lease | None:
        # A trainer asks for its next trial when it is through with the last one.
        with self._lock:
            self._offers[owner] = offer
            following, held = self._next.pop(owner, None), self._held.get(owner)
        if following is not None and not self._closed.is_set():
            return following
        if held is not None:
            self._give_back(owner, held)
        if self._closed.is_set() or self._clock() < self._rests_until:
            time.sleep(_PAUSE_SECONDS)
            return None
        try:
            lease = self._channel.lease(self._of_what_is_free(owner, offer))
        except FlowMLError as problem:
            self._trouble(problem)
            time.sleep(_PAUSE_SECONDS)
            return None
        if lease is None:
            return None
        with self._lock:
            is_lost = self._closed.is_set() or owner in self._dead
            if not is_lost:
                self._held[owner] = lease
                self._scores.pop(lease.trial_id, None)
        if is_lost:
            self._give_back(owner, lease)
        return None if is_lost else lease

    def _heartbeat(self, beats: Sequence[Beat]) -> frozenset[str]:
        with self._lock:
            held = {_attempt(lease) for lease in self._held.values()}
            stop = set[str]()
            for beat in beats:
                if _attempt(beat.lease) not in held or self._is_unwanted(beat.lease):
                    stop.add(beat.lease.trial_id)
                else:
                    self._scores[beat.lease.trial_id] = beat.fold_scores
            return frozenset(stop)

    def _report(self, owner: str, lease: Lease, report: TrialReport) -> bool:
        with self._letting_go(owner, lease):
            try:
                is_accepted, following = self._channel.report_for_next(lease, report, self._offer_for_next(owner))
            except (NotFound, InvalidInput):
                raise
            except FlowMLError as problem:
                raise LeaseLost(f"It could not be handed in: {problem.detail}") from problem
            if following is not None:
                self._keep(owner, following)
        return is_accepted

    def _offer_for_next(self, owner: str) -> Offer | None:
        """What is offered for the trial after the one that is just handed in. What GPUs have free is measured when a
        trainer asks, so one that has any asks."""
        with self._lock:
            offer = self._offers.get(owner)
            is_gone = owner in self._dead
        if offer is None or is_gone or offer.vram_gb or self._closed.is_set() or self._clock() < self._rests_until:
            return None
        return self._of_what_is_free(owner, offer)

    def _of_what_is_free(self, owner: str, offer: Offer) -> Offer:
        return replace(offer, memory_bytes=min(offer.memory_bytes, self._free_bytes(owner)))

    def _keep(self, owner: str, following: Lease) -> None:
        with self._lock:
            is_lost = self._closed.is_set() or owner in self._dead
            if not is_lost:
                self._held[owner] = self._next[owner] = following
                self._scores.pop(following.trial_id, None)
        if is_lost:
            self._give_back(owner, following)

    def _hand_back(self, owner: str, lease: Lease, reason: str | None) -> None:
        with self._letting_go(owner, lease):
            self._channel.give_back(lease, reason)

    def _give_back(self, owner: str, lease: Lease, fault: str | None = None) -> None:
        # It was abandoned, or never begun: no fault of the trial's.
        with contextlib.suppress(FlowMLError), self._letting_go(owner, lease):
            self._channel.give_back(lease, None, fault)

    @contextlib.contextmanager
    def _letting_go(self, owner: str, lease: Lease) -> Iterator[None]:
        try:
            yield
        finally:
            with self._lock:
                if self._held.get(owner) == lease:
                    del self._held[owner]
                    self._scores.pop(lease.trial_id, None)


def _attempt(lease: Lease) -> tuple[str, int]:
    return lease.trial_id, lease.attempt
