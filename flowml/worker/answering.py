"""Answers of this machine's language models to questions of the server.

Where Ollama answers on this machine, the server may have it asked: this thread waits for a question as trainers wait
for a trial, has the model answer, and hands that over piece by piece. What nobody wants any more ends at once.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

import httpx
from pydantic import TypeAdapter

from flowml.assistant.model import CutOff, Message, NoAnswer, NotRunning, Role, Stopped
from flowml.assistant.ollama.client import Installed, Ollama, Way
from flowml.assistant.ollama.looking import Looks
from flowml.domain.errors import FlowMLError, NotFound
from flowml.machine import ollama
from flowml.worker.channel import said

log = logging.getLogger(__name__)

MOST_OFFERED = 500
_WAIT_SECONDS = 20.0
_WATCH_SECONDS = 20.0
_MARGIN_SECONDS = 15.0
_LOOK_SECONDS = 3.0
# For all models that are not known yet; the others are looked at the next time.
_SHOW_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
# Pieces that come faster go together.
_TOGETHER_SECONDS = 0.1
_MOST_TOGETHER = 2_000
_TRIES = 5
_BROKEN = "The answer ended because of an error in FlowML there."


@dataclass(frozen=True)
class _Told:
    role: str
    content: str


@dataclass(frozen=True)
class _Question:
    id: str
    model: str
    messages: list[_Told]
    think: bool | str | None
    context_tokens: int | None
    output_schema: dict[str, Any] | None
    seconds: float
    most_tokens: int
    seed: int


@dataclass(frozen=True)
class _Questioned:
    question: _Question | None


@dataclass(frozen=True)
class _Stop:
    stop: bool


_QUESTIONED: TypeAdapter[_Questioned] = TypeAdapter(_Questioned)
_STOP: TypeAdapter[_Stop] = TypeAdapter(_Stop)


def own_server() -> Ollama:
    """The Ollama of this machine: at the address that is set here, or where it usually is."""
    return Ollama(ollama.parse(os.environ.get(ollama.VARIABLE) or ollama.USUAL_ADDRESS))


class Answering:
    """`worker_id` is what the server calls this worker now; `offers` whether it offers its language models."""

    def __init__(
        self,
        client: httpx.Client,
        worker_id: Callable[[], str],
        offers: Callable[[], bool],
        server: Callable[[], Ollama] = own_server,
    ):
        self._client = client
        self._worker_id = worker_id
        self._offers = offers
        self._server = server
        self._stopping = Event()
        self._stopped: Event | None = None
        self._looks = Looks(time.monotonic)
        self._thread = threading.Thread(target=self._run, name="answering", daemon=True)

    def start(self) -> None:
        """Begin to wait for questions."""
        self._thread.start()

    def close(self) -> None:
        """Answer nothing any more; what is being answered ends."""
        self._stopping.set()
        if self._stopped is not None:
            self._stopped.set()

    def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                if self._offers() and self._once():
                    pause = _FIRST_PAUSE_SECONDS
                    continue
                # Who answers at once and has nothing is not asked again and again.
                if time.monotonic() - began >= pause:
                    pause = _FIRST_PAUSE_SECONDS
                    continue
            except (httpx.TransportError, FlowMLError):
                # The membership says what is the matter with the server, and Ollama may come back.
                pass
            except Exception:
                log.exception("a question could not be answered")
            self._stopping.wait(random.uniform(pause / 2, pause))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _once(self) -> bool:
        server = self._server()
        version = server.version(_LOOK_SECONDS)[:40]
        models = server.models(_LOOK_SECONDS)[:MOST_OFFERED]
        self._looks.look(server, models, _SHOW_SECONDS, self._stopping)
        body = {
            "worker_id": self._worker_id(),
            "version": version,
            "models": [self._offered(model) for model in models],
            "wait_seconds": _WAIT_SECONDS,
        }
        timeout = httpx.Timeout(_MARGIN_SECONDS, read=_WAIT_SECONDS + _MARGIN_SECONDS)
        question = said(self._client.post("/api/workers/llm/lease", json=body, timeout=timeout), _QUESTIONED).question
        if question is None:
            return False
        self._answer(server, question)
        return True

    def _offered(self, model: Installed) -> dict[str, Any]:
        shown = self._looks.shown(model)
        return {
            "name": model.name,
            "digest": model.digest,
            "size_bytes": model.size_bytes,
            "parameters": model.parameters,
            "quantization": model.quantization,
            "family": model.family,
            "capabilities": None if shown.capabilities is None else sorted(shown.capabilities)[:50],
            "context_tokens": shown.context_tokens,
            "is_remote": model.is_remote or shown.is_remote,
        }

    def _answer(self, server: Ollama, question: _Question) -> None:
        stopped = self._stopped = Event()
        handing = _Handing(self._client, self._worker_id(), question.id, stopped)
        watching = threading.Thread(target=self._watch, args=(question, stopped), name="watch-question", daemon=True)
        watching.start()
        try:
            handing.all_of(self._pieces(server, question, stopped, handing.told))
        finally:
            stopped.set()

    def _pieces(
        self, server: Ollama, question: _Question, stopped: Event, told: Callable[[str], None]
    ) -> Iterator[str]:
        way = Way(question.think, question.think, question.context_tokens)
        return server.chat(
            question.model,
            [Message(Role(one.role), one.content) for one in question.messages],
            way,
            schema=question.output_schema,
            seconds=question.seconds,
            stopped=stopped,
            most_tokens=question.most_tokens,
            seed=question.seed,
            told=told,
        )

    def _watch(self, question: _Question, stopped: Event) -> None:
        """Hear at once that nobody wants the answer any more, by a call that stays open."""
        timeout = httpx.Timeout(_MARGIN_SECONDS, read=_WATCH_SECONDS + _MARGIN_SECONDS)
        body = {"worker_id": self._worker_id(), "question_id": question.id, "wait_seconds": _WATCH_SECONDS}
        while not stopped.is_set():
            began = time.monotonic()
            try:
                is_over = said(self._client.post("/api/workers/llm/watch", json=body, timeout=timeout), _STOP).stop
            except NotFound:
                is_over = True
            except (httpx.TransportError, FlowMLError):
                is_over = False
            if is_over or self._stopping.is_set():
                stopped.set()
                return
            if time.monotonic() - began < _FIRST_PAUSE_SECONDS:
                stopped.wait(_FIRST_PAUSE_SECONDS)


class _Handing:
    """Hands an answer over, a few pieces at a time."""

    def __init__(self, client: httpx.Client, worker_id: str, question_id: str, stopped: Event):
        self._client = client
        self._about = {"worker_id": worker_id, "question_id": question_id}
        self._stopped = stopped
        self._number = 0

    def all_of(self, pieces: Iterator[str]) -> None:
        """The whole answer, or why there is none."""
        waiting, sent = "", 0.0
        try:
            for piece in pieces:
                waiting += piece
                if time.monotonic() - sent >= _TOGETHER_SECONDS or len(waiting) > _MOST_TOGETHER:
                    self._send(text=waiting)
                    waiting, sent = "", time.monotonic()
            self._send(text=waiting, has_ended=True)
        except Stopped:
            return
        except NoAnswer as problem:
            failed = {"kind": _kind(problem), "detail": problem.detail[:1_000], "hint": (problem.hint or "")[:1_000]}
            self._send(text=waiting, failed=failed)
        except (httpx.TransportError, FlowMLError):
            # The server cannot be told.
            raise
        except Exception:
            # Whoever has asked does not wait until the time is over.
            self._send(text=waiting, failed={"kind": CutOff.__name__, "detail": _BROKEN, "hint": "Ask again."})
            raise

    def told(self, words: str) -> None:
        """What happens meanwhile."""
        self._send(told=words[:300])

    def _send(self, **piece: Any) -> None:
        body = {**self._about, "number": self._number, **piece}
        for attempt in range(_TRIES):
            if self._stopped.is_set():
                raise Stopped("Nobody wants it any more.")
            try:
                is_over = said(self._client.post("/api/workers/llm/answer", json=body), _STOP).stop
                break
            except NotFound:
                is_over = True
                break
            except httpx.TransportError:
                if attempt + 1 == _TRIES:
                    raise
                self._stopped.wait(_FIRST_PAUSE_SECONDS)
        self._number += 1
        if is_over:
            self._stopped.set()


def _kind(problem: NoAnswer) -> str:
    """The name of the error, or of the one that it is a kind of."""
    if isinstance(problem, NotRunning):
        return "NotRunning"
    known = ("NoModel", "OutOfMemory", "Busy", "TooLong", "TooSlow", "ReachedItsLength")
    names = [cls.__name__ for cls in type(problem).__mro__]
    return next((name for name in names if name in known), CutOff.__name__)
