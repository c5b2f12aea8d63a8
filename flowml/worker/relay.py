"""Between the trainers of a worker and its server.

Each trainer is a process of its own, and asks its worker instead of the server, through a socket that only processes of
this worker can open. So there is one credential, in one process; one heartbeat speaks for all trials; and what nobody
wants any more is heard of at once.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from flowml.domain.channel import JobBrief
from flowml.domain.errors import FlowMLError, LeaseLost, NotReady
from flowml.domain.trials import DID_NOT_STOP, Beat, Lease, Offer, TrialReport, TrialStatus
from flowml.worker.channel import HttpChannel

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0


class RelayedChannel:
    """A trainer's channel, to the relay of its worker. Safe to use from several threads."""

    def __init__(self, address: str, key: bytes, owner: str):
        self._connection = Client(address, authkey=key)
        self._connection.send(owner)
        self._lock = threading.Lock()

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

    def _ask(self, what: str, *arguments: Any) -> Any:
        with self._lock:
            self._connection.send((what, arguments))
            is_answer, value = self._connection.recv()
        if not is_answer:
            raise value
        return value


class Relay:
    """The worker's side. `free_bytes`: the memory of this machine that nobody uses; `machine` gives the queues and the
    capabilities of this worker; `trouble` hears of what the server says that is no answer for a trainer."""

    def __init__(
        self,
        channel: HttpChannel,
        *,
        free_bytes: Callable[[], int],
        machine: Callable[[], tuple[tuple[str, ...], Mapping[str, Any]]],
        trouble: Callable[[FlowMLError], None],
    ):
        self._channel = channel
        self._free_bytes = free_bytes
        self._machine = machine
        self._trouble = trouble
        self._key = os.urandom(32)
        self._listener = Listener(authkey=self._key)
        self._lock = threading.Lock()
        self._held: dict[str, Lease] = {}
        self._scores: dict[str, tuple[float, ...]] = {}
        self._unwanted: set[str] = set()
        self._closed = threading.Event()
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    @property
    def door(self) -> tuple[str, bytes]:
        """The address for trainers, and the key to it."""
        return str(self._listener.address), self._key

    def close(self) -> None:
        """Nothing is leased any more."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.close()

    def beats(self) -> list[Beat]:
        """What is worked on, and how far that is."""
        with self._lock:
            return [Beat(lease, self._scores.get(lease.trial_id, ())) for lease in self._held.values()]

    def stop(self, trial_ids: Collection[str]) -> None:
        """Nobody wants these any more."""
        with self._lock:
            self._unwanted |= set(trial_ids)

    def known(self) -> frozenset[str]:
        """Those that are being stopped, as long as somebody works on them."""
        with self._lock:
            self._unwanted &= {lease.trial_id for lease in self._held.values()}
            return frozenset(self._unwanted)

    def unwanted(self, held: Mapping[str, str]) -> set[str]:
        """As `training.trainers.TrainerDesk`."""
        with self._lock:
            return {owner for owner, trial_id in held.items() if trial_id in self._unwanted}

    def died(self, owner: str, reason: str, retry: bool, trial_id: str | None) -> None:
        """As `training.trainers.TrainerDesk`: the server hears of it beside the watch over the others."""
        with self._lock:
            lease = self._held.pop(owner, None)
        if lease is None:
            return
        blamed = trial_id in (None, lease.trial_id)

        def tell() -> None:
            with contextlib.suppress(FlowMLError):
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
                # Closed; or somebody knocked without the key.
                continue
            except Exception:
                log.warning("somebody who is no trainer of this worker knocked", exc_info=True)
                continue
            threading.Thread(target=self._serve, args=(connection,), name="trainer", daemon=True).start()

    def _serve(self, connection: "Connection[Any, Any]") -> None:
        with connection, contextlib.suppress(EOFError, OSError):
            owner = str(connection.recv())
            while True:
                what, arguments = connection.recv()
                try:
                    connection.send((True, self._answer(owner, what, arguments)))
                except FlowMLError as error:
                    connection.send((False, error))
                except Exception as error:
                    log.exception("what a trainer asked could not be asked of the server")
                    connection.send((False, NotReady(f"{type(error).__name__}: {error}")))

    def _answer(self, owner: str, what: str, arguments: tuple[Any, ...]) -> Any:
        match what:
            case "lease":
                return self._lease(owner, *arguments)
            case "heartbeat":
                return self._heartbeat(*arguments)
            case "report":
                return self._report(owner, *arguments)
            case "queues":
                return self._machine()[0]
            case "capabilities":
                return self._machine()[1]
            case "brief" | "get" | "put":
                return getattr(self._channel, what)(*arguments)
        raise ValueError(what)

    def _lease(self, owner: str, offer: Offer) -> Lease | None:
        # A trainer asks for its next trial when it is through with the last one.
        with self._lock:
            lost = self._held.pop(owner, None)
        if lost is not None:
            self._give_back(lost)
        if self._closed.is_set():
            self._closed.wait(_PAUSE_SECONDS)
            return None
        try:
            lease = self._channel.lease(replace(offer, memory_bytes=min(offer.memory_bytes, self._free_bytes())))
        except FlowMLError as problem:
            self._trouble(problem)
            self._closed.wait(_PAUSE_SECONDS)
            return None
        if lease is not None and self._closed.is_set():
            self._give_back(lease)
            return None
        if lease is not None:
            with self._lock:
                self._held[owner] = lease
                self._scores.pop(lease.trial_id, None)
        return lease

    def _heartbeat(self, beats: Sequence[Beat]) -> frozenset[str]:
        with self._lock:
            held = {lease.trial_id for lease in self._held.values()}
            for beat in beats:
                self._scores[beat.lease.trial_id] = beat.fold_scores
            asked = {beat.lease.trial_id for beat in beats}
            return frozenset(asked & self._unwanted | asked - held)

    def _report(self, owner: str, lease: Lease, report: TrialReport) -> bool:
        try:
            return self._channel.report(lease, report)
        finally:
            with self._lock:
                if self._held.get(owner) == lease:
                    del self._held[owner]
                self._scores.pop(lease.trial_id, None)

    def _give_back(self, lease: Lease) -> None:
        # It was abandoned, or never begun; nobody's fault.
        with contextlib.suppress(LeaseLost, NotReady):
            self._channel.give_back(lease, None)
