"""This machine as a worker of a server: it joins, has trainers here, keeps in touch, and leaves."""

import logging
import random
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import TypeAdapter

from flowml.domain.errors import FlowMLError, Forbidden, NotFound, NotReady, WrongState
from flowml.domain.protocol import PROTOCOL
from flowml.domain.workers import Share
from flowml.machine import capabilities
from flowml.machine.facts import free_memory_bytes, own_bytes
from flowml.training.conductors import RunningJob
from flowml.training.supervisor import Supervisor
from flowml.worker.channel import HttpChannel, checked, said
from flowml.worker.relay import Relay

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Welcome:
    worker_id: str
    name: str
    heartbeat_seconds: float


_WELCOME = TypeAdapter(_Welcome)

_BUSY_BEAT_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
_WATCH_SECONDS = 25.0
_FAREWELL_SECONDS = 3.0
# Of the memory that is free: other programs come and go.
_OFFERED_SHARE = 0.9
_FOREVER = 1e9


class Membership:
    """`channel` goes to the server by `client`. `queues`: the only ones that it offers, where somebody said so;
    `train`: the main function of a trainer's process."""

    def __init__(
        self,
        client: httpx.Client,
        channel: HttpChannel,
        *,
        name: str,
        instance: str,
        share: Share,
        train: Callable[..., None],
        home: str,
        queues: tuple[str, ...] | None = None,
        say: Callable[[str], None] = log.info,
    ):
        self._client = client
        self._name = name
        self._instance = instance
        self._share = share
        self._only = queues
        self._say = say
        self._channel = channel
        self._channel.life = secrets.token_hex(8)
        self._stopping = threading.Event()
        self._again = threading.Event()
        self._fatal: Exception | None = None
        self._joined = False
        self._is_cut_off = False
        self._memory_bytes = share.memory_bytes
        self._heartbeat_seconds = 30.0
        self._home = Path(home)
        self._capabilities = capabilities.probe(details=True, home=self._home)
        self._relay = Relay(
            self._channel, free_bytes=self._free_bytes, machine=self._machine, trouble=self._on_trouble, say=say
        )
        self._supervisor = Supervisor(
            _NoJobs(),
            self._relay,
            share,
            _conducts_nothing,
            train,
            (home, *self._relay.door),
            boot=secrets.token_hex(4),
            idle_seconds=_FOREVER,
            conductors_memory_bytes=0,
        )

    def run(self) -> None:
        """Until `stop`. Raises Forbidden and WrongState when the server does not take this worker."""
        # Beside this thread, which would else wait for a server that takes a call and never answers it.
        threading.Thread(target=self._take_part, name="take-part", daemon=True).start()
        try:
            self._stopping.wait()
        finally:
            self._end()
        if self._fatal is not None:
            raise self._fatal

    def _take_part(self) -> None:
        try:
            self._join()
            self._supervisor.start()
            self._supervisor.warm_up()
            threading.Thread(target=self._watch, name="watch", daemon=True).start()
            if self._capabilities["gpus"]:
                threading.Thread(target=self._try_gpus, name="try-gpus", daemon=True).start()
            while not self._stopping.is_set():
                self._beat()
                self._again.wait(_BUSY_BEAT_SECONDS if self._relay.beats() else self._heartbeat_seconds)
                self._again.clear()
        except Exception as problem:
            self._fatal = self._fatal or problem
        finally:
            self._stopping.set()

    def stop(self) -> None:
        """Give back what is being worked on, and end."""
        self._stopping.set()
        self._again.set()

    def _end(self) -> None:
        self._stopping.set()
        self._relay.close()
        self._supervisor.stop()
        if self._joined and self._fatal is None:
            try:
                body = {"worker_id": self._channel.worker_id}
                checked(self._client.post("/api/workers/leave", json=body, timeout=_FAREWELL_SECONDS))
                self._say("Left the server. What was being worked on here is tried elsewhere.")
            except (FlowMLError, httpx.TransportError) as problem:
                self._say(f"The server could not be told that this worker ends ({problem}); it will notice.")

    def _join(self) -> None:
        """Register, again and again until the server is there."""
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                self._register()
                return
            except NotReady as problem:
                self._say(f"The server does not answer ({problem.detail}). Trying again.")
            except httpx.TransportError as problem:
                self._say(f"The server at {self._client.base_url} cannot be reached ({problem}). Trying again.")
            self._stopping.wait(random.uniform(pause / 2, pause))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _register(self) -> None:
        if self._stopping.is_set():
            # It has left, or is about to.
            return
        self._memory_bytes = self._memory_of_a_trial()
        body: dict[str, Any] = {
            "name": self._name,
            "instance": self._instance,
            "life": self._channel.life,
            "capabilities": self._capabilities,
            "queues": self._machine()[0],
            "slots": self._share.slots,
            "threads": self._share.threads,
            "memory_bytes": self._memory_bytes,
            "protocol": PROTOCOL,
        }
        answer = said(self._client.post("/api/workers/register", json=body), _WELCOME)
        self._channel.worker_id = answer.worker_id
        self._heartbeat_seconds = answer.heartbeat_seconds
        if not self._joined:
            at_once = "1 trial at a time" if self._share.slots == 1 else f"{self._share.slots} trials at once"
            self._say(f"Joined {self._client.base_url} as {answer.name}, {at_once}.")
            self._say_what_is_missing(body["queues"])
        self._joined = True

    def _free_bytes(self) -> int:
        """Memory that a trial could have: what nobody uses, and what trainers hold that have nothing to do."""
        waiting = [process["pid"] for process in self._supervisor.processes() if process.get("trial_id") is None]
        return free_memory_bytes() + sum(own_bytes(pid or 0) for pid in waiting)

    def _memory_of_a_trial(self) -> int:
        free = int(_OFFERED_SHARE * self._free_bytes()) // max(1, self._share.slots)
        return min(self._share.memory_bytes, free)

    def _has_other_memory(self) -> bool:
        """Whether it is less, or more again, than the server plans with: a trial that needs all of it would wait."""
        now = self._memory_of_a_trial()
        return _OFFERED_SHARE * self._memory_bytes > now or now * _OFFERED_SHARE > self._memory_bytes

    def _say_what_is_missing(self, offered: Collection[str]) -> None:
        if missing := sorted(set(self._only or ()) - set(offered)):
            rest = f"takes trials of {', '.join(offered)} alone" if offered else "gets no trial"
            self._say(f"This machine has nothing for {', '.join(missing)}, so it {rest} (flowml worker --probe).")

    def _machine(self) -> tuple[tuple[str, ...], Mapping[str, Any]]:
        offered = capabilities.queues(self._capabilities)
        if self._only is not None:
            offered = tuple(queue for queue in offered if queue in self._only)
        return offered, self._capabilities

    def _try_gpus(self) -> None:
        try:
            self._capabilities = capabilities.probe(fit_on_gpu=True, details=True, home=self._home)
            self._register()
        except Exception:
            log.exception("the GPUs could not be tried; training goes on without them")

    def _beat(self) -> None:
        beats = self._relay.beats()
        try:
            self._relay.lose(beats, self._channel.beat(beats))
            if not beats and self._has_other_memory():
                self._register()
        except (httpx.TransportError, NotReady) as problem:
            if not self._is_cut_off:
                self._say(f"The server is not reached ({problem}). What is being worked on goes on; trying again.")
            self._is_cut_off = True
            return
        except FlowMLError as problem:
            self._on_trouble(problem)
        except Exception:
            log.exception("the server could not be told how far the trials are")
        if self._is_cut_off:
            self._say("The server is reached again.")
        self._is_cut_off = False

    def _watch(self) -> None:
        """Hear at once what is to stop."""
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                is_news = self._relay.stop(self._channel.watch(self._relay.known(), _WATCH_SECONDS))
                # Who answers at once and says nothing new would be asked again and again.
                if is_news or time.monotonic() - began >= pause:
                    pause = _FIRST_PAUSE_SECONDS
                    continue
            except httpx.TransportError:
                pass
            except FlowMLError as problem:
                self._on_trouble(problem)
            except Exception:
                log.exception("what is to stop could not be heard of")
            self._stopping.wait(random.uniform(0, pause))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _on_trouble(self, problem: FlowMLError) -> None:
        """What the server says of this worker and not of a trial."""
        if isinstance(problem, Forbidden | WrongState):
            self._fatal = problem
            self.stop()
        elif isinstance(problem, NotFound):
            # It does not know this worker any more: its database is another one.
            try:
                self._register()
            except (Forbidden, WrongState) as refused:
                self._on_trouble(refused)
            except (FlowMLError, httpx.TransportError) as again:
                log.warning("joining again did not work yet: %s", again)
        elif not isinstance(problem, NotReady):
            log.warning("the server does not take what this worker says: %s", problem)


class _NoJobs:
    """A worker conducts nothing: its server does."""

    def running_jobs(self) -> list[RunningJob]:
        return []

    def started(self, job_id: str) -> int:
        raise AssertionError

    def overdue(self, job_id: str) -> None:
        raise AssertionError

    def failed(self, job_id: str, reason: str) -> None:
        raise AssertionError


def _conducts_nothing() -> None:
    raise AssertionError
