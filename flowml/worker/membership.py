"""This machine as a worker of a server: it joins, has a crew that trains, keeps in touch, and leaves."""

import logging
import random
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import TypeAdapter

from flowml.domain.errors import FlowMLError, Forbidden, NotFound, NotReady, WrongState
from flowml.domain.jobs import LLM
from flowml.domain.protocol import PROTOCOL
from flowml.worker.answering import Answering
from flowml.worker.channel import HttpChannel, checked, said
from flowml.worker.crew import Crew
from flowml.worker.log_shipment import LogShipment
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
_LAST_LINES_SECONDS = 1.0
# What the server plans with may be a little off.
_NEAR_ENOUGH = 0.9


class Membership:
    """`channel` goes to the server by `client`; `crew` trains. `queues`: the only ones that it offers, where somebody
    said so."""

    def __init__(
        self,
        client: httpx.Client,
        channel: HttpChannel,
        *,
        name: str,
        instance: str,
        crew: Crew,
        queues: tuple[str, ...] | None = None,
        say: Callable[[str], None] = lambda words: None,
    ):
        self._client = client
        self._name = name
        self._instance = instance
        self._crew = crew
        self._only = queues
        self._shown = say
        self._channel = channel
        self._channel.life = secrets.token_hex(8)
        self._stopping = threading.Event()
        self._again = threading.Event()
        self._fatal: Exception | None = None
        self._joined = False
        self._is_cut_off = False
        self._offered = crew.share()
        self._told_found: Mapping[str, Any] | None = None
        self._heartbeat_seconds = 30.0
        self._log = LogShipment(client, lambda: self._channel.worker_id)
        self._answering = Answering(client, lambda: self._channel.worker_id, lambda: LLM in self._machine()[0])
        self._relay = Relay(
            self._channel,
            free_bytes=crew.free_bytes,
            machine=self._machine,
            trouble=self._on_trouble,
            say=self._say,
            hear=self._log.collector.add,
        )

    def run(self) -> None:
        """Until `stop`. Raises Forbidden and WrongState when the server does not take this worker."""
        self._log.start()
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
            self._crew.start(self._relay, news=self._again.set)
            threading.Thread(target=self._watch, name="watch", daemon=True).start()
            threading.Thread(target=self._try_gpus, name="try-gpus", daemon=True).start()
            self._answering.start()
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
        self._answering.close()
        self._relay.close()
        self._crew.stop()
        leaves = self._joined and self._fatal is None
        # Before it leaves: the server does not know it any more then.
        if leaves:
            self._log.say("Leaves the server. What is being worked on here is tried elsewhere.")
        self._log.close(_LAST_LINES_SECONDS if leaves else 0.0)
        if leaves:
            try:
                body = {"worker_id": self._channel.worker_id}
                checked(self._client.post("/api/workers/leave", json=body, timeout=_FAREWELL_SECONDS))
                self._shown("Left the server. What was being worked on here is tried elsewhere.")
            except (FlowMLError, httpx.TransportError) as problem:
                self._shown(f"The server could not be told that this worker ends ({problem}); it will notice.")

    def _say(self, words: str) -> None:
        self._shown(words)
        self._log.say(words)

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
        share, found = self._crew.share(), self._crew.capabilities()
        body: dict[str, Any] = {
            "name": self._name,
            "instance": self._instance,
            "life": self._channel.life,
            "capabilities": found,
            "queues": self._machine()[0],
            "slots": share.slots,
            "threads": share.threads,
            "memory_bytes": share.memory_bytes,
            "protocol": PROTOCOL,
        }
        answer = said(self._client.post("/api/workers/register", json=body), _WELCOME)
        # Not before it has heard that.
        self._offered, self._told_found = share, found
        self._channel.worker_id = answer.worker_id
        self._heartbeat_seconds = answer.heartbeat_seconds
        if not self._joined:
            at_once = "1 trial at a time" if share.slots == 1 else f"{share.slots} trials at once"
            self._say(f"Joined {self._client.base_url} as {answer.name}, {at_once}.")
            self._say_what_is_missing(body["queues"])
        self._joined = True

    def _has_other_news(self) -> bool:
        """Whether the server plans with something else than there is: other libraries or GPUs, other places, or more
        memory, or less, than that; a trial that needs all of it would wait."""
        if self._crew.capabilities() != self._told_found:
            return True
        now, told = self._crew.share(), self._offered
        if (now.slots, now.threads) != (told.slots, told.threads):
            return True
        # What is being worked on holds memory that is free again in a moment.
        if self._relay.beats():
            return False
        less, more = sorted((now.memory_bytes, told.memory_bytes))
        return less < _NEAR_ENOUGH * more

    def _say_what_is_missing(self, offered: Collection[str]) -> None:
        if missing := sorted(set(self._only or ()) - set(offered)):
            rest = f"takes trials of {', '.join(offered)} alone" if offered else "gets no trial"
            self._say(f"This machine has nothing for {', '.join(missing)}, so it {rest} (flowml worker --probe).")

    def _machine(self) -> tuple[tuple[str, ...], Mapping[str, Any]]:
        offered = self._crew.queues()
        if self._only is not None:
            offered = tuple(queue for queue in offered if queue in self._only)
        return offered, self._crew.capabilities()

    def _try_gpus(self) -> None:
        try:
            if self._crew.try_gpus():
                # That is said with the next beat, or one after.
                self._again.set()
        except Exception:
            log.exception("the GPUs could not be tried; training goes on without them")

    def _beat(self) -> None:
        beats = self._relay.beats()
        try:
            self._relay.lose(beats, self._channel.beat(beats, load=self._crew.load()))
            if self._has_other_news():
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
