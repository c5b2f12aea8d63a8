"""Questions for the language models of workers, and their answers.

A worker on whose machine Ollama answers says which models it has, waits here for a question as it does elsewhere for a
trial, and hands the answer over in pieces as it comes. All of this is in memory: a question dies with the server, as
does the page that has asked it. What a worker says is taken for what a stranger says: cleaned, counted and cut.
"""

import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from flowml.assistant.model import (
    MOST_TOKENS,
    Busy,
    CutOff,
    Message,
    NoAnswer,
    NoModel,
    NotRunning,
    OutOfMemory,
    ReachedItsLength,
    Stopped,
    TooLong,
    TooSlow,
)
from flowml.assistant.ollama.client import Way
from flowml.assistant.spoken import cleaned
from flowml.domain.errors import NotFound
from flowml.domain.names import shown
from flowml.services.assistant.hosts import Found, Offer
from flowml.services.assistant.lining import Line

MOST_CHARACTERS = 60_000
MOST_PIECES = 20_000
MOST_HOSTS = 200
GONE_SECONDS = 4.0
"""So long after its last connection has ended a worker is held to be gone: between two of them is less."""
_TAKEN_SECONDS = 10.0
_LATE_SECONDS = 15.0
_LOOK_SECONDS = 0.05
_LONGEST_WORDS = 300
_KINDS: dict[str, type[NoAnswer]] = {
    kind.__name__: kind for kind in (NotRunning, NoModel, OutOfMemory, Busy, TooLong, TooSlow, CutOff, ReachedItsLength)
}


@dataclass(frozen=True)
class Problem:
    """Why a worker has no answer, or no more of it; `kind` is the name of the error that it met."""

    kind: str
    detail: str
    hint: str | None = None


@dataclass(eq=False)
class Question:
    """One that a worker is to ask its model. `come` are called, in any thread, when nobody waits for the answer any
    more; the pieces of it come from the worker's calls."""

    id: str
    model: str
    messages: tuple[Message, ...]
    way: Way
    schema: Mapping[str, Any] | None
    seconds: float
    most_tokens: int
    seed: int
    is_taken: bool = False
    is_over: bool = False
    has_ended: bool = False
    problem: Problem | None = None
    pieces: deque[tuple[str, str]] = field(default_factory=deque)
    expected: int = 0
    characters: int = 0
    come: set[Callable[[], object]] = field(default_factory=set)
    news: threading.Condition = field(default_factory=threading.Condition)


class WorkerHost:
    """The models of one worker."""

    is_local = False

    def __init__(self, worker_id: str, name: str, steady: Callable[[], float]):
        self.key = worker_id
        self.name = name
        self.line = Line()
        self._steady = steady
        self._lock = threading.Lock()
        self._open = 0
        self._heard = steady()
        self._version, self._offers = "", tuple[Offer, ...]()
        self._question: Question | None = None
        self._waiting: set[Callable[[], object]] = set()
        self._is_gone = False

    @property
    def where(self) -> str:
        return f"the worker {self.name}"

    @property
    def is_here(self) -> bool:
        """Whether it waits for questions, or works on one."""
        return not self._is_gone and (self._open > 0 or self._steady() - self._heard < GONE_SECONDS)

    def found(self, wait_seconds: float) -> Found | None:
        """As `Host.found`: what it has said itself."""
        return Found(self._steady(), self._version, self._offers)

    def load(self, name: str) -> None:
        """It is loaded when it is asked."""

    def offers(self, version: str, offers: Sequence[Offer]) -> None:
        """This is what it has."""
        self._version, self._offers = version, tuple(offers)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """A call of the worker is open: it is there."""
        with self._lock:
            self._open += 1
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1
                self._heard = self._steady()

    def leave(self) -> None:
        """It is known to be gone, whatever calls of it are still open."""
        with self._lock:
            self._is_gone = True
            waiting = list(self._waiting)
        for come in waiting:
            come()

    def stand(self, come: Callable[[], object]) -> None:
        """Have this called when there is a question; ended with `take`."""
        with self._lock:
            self._waiting.add(come)
            is_there = self._to_take() is not None
        if is_there:
            come()

    def take(self, come: Callable[[], object], *, is_here: bool) -> Question | None:
        """Wait no longer; the question that there is, where the worker is still here."""
        with self._lock:
            self._waiting.discard(come)
            question = self._to_take() if is_here else None
            if question is not None:
                question.is_taken = True
            return question

    def _to_take(self) -> Question | None:
        question = self._question
        if question is None or question.is_over:
            return None
        # An answer that was lost on its way: it asks again, and nothing of the question has been worked on.
        return question if not question.is_taken or not question.expected else None

    def question(self, question_id: str) -> Question:
        """The one that it works on. Raises NotFound where it is another one by now, or none."""
        question = self._question
        if question is None or question.id != question_id:
            raise NotFound("Nobody waits for this answer any more.")
        return question

    def answer(
        self, question_id: str, number: int, text: str, told: str, problem: Problem | None, *, has_ended: bool
    ) -> bool:
        """The next piece, by its number, which the same piece has when it comes twice; returns whether to stop. Raises
        NotFound."""
        question = self.question(question_id)
        self._heard = self._steady()
        with question.news:
            if question.is_over or question.has_ended:
                return True
            if number != question.expected:
                # Twice the same is no news; a gap would be an answer of pieces that do not belong together.
                if number > question.expected:
                    question.problem, question.has_ended = Problem("CutOff", "Pieces of the answer were lost."), True
                return question.has_ended
            question.expected += 1
            # Counted as it comes, and only then looked at: it is cleaned where everybody waits.
            question.characters += len(text)
            if question.characters > MOST_CHARACTERS or question.expected > MOST_PIECES:
                problem, has_ended = Problem("CutOff", "The worker sends more than an answer has."), True
            elif text := cleaned(text):
                question.pieces.append(("text", text))
            if told:
                question.pieces.append(("told", shown(told, _LONGEST_WORDS)))
            question.problem, question.has_ended = problem, has_ended or problem is not None
            question.news.notify_all()
            return question.has_ended

    @contextmanager
    def watched(self, question_id: str, come: Callable[[], object]) -> Iterator[None]:
        """Have this called when nobody waits for the answer any more. Raises NotFound."""
        question = self.question(question_id)
        with question.news:
            question.come.add(come)
            is_over = question.is_over
        if is_over:
            come()
        try:
            yield
        finally:
            with question.news:
                question.come.discard(come)

    def chat(
        self,
        name: str,
        messages: Sequence[Message],
        way: Way,
        *,
        schema: Mapping[str, Any] | None = None,
        seconds: float,
        stopped: Event | None = None,
        most_tokens: int = MOST_TOKENS,
        seed: int = 0,
        told: Callable[[str], None] | None = None,
    ) -> Iterator[str]:
        """As `Ollama.chat`."""
        question = Question(
            secrets.token_hex(8), name, tuple(messages), way, schema, seconds, min(MOST_TOKENS, most_tokens), seed
        )
        with self._lock:
            self._question = question
            waiting = list(self._waiting)
        for come in waiting:
            come()
        text = ""
        try:
            for kind, words in self._pieces(question, stopped):
                if kind == "text":
                    text += words
                    yield words
                elif told is not None:
                    told(words)
        except CutOff as cut:
            cut.text = text
            raise
        finally:
            self._over(question)

    def _over(self, question: Question) -> None:
        with self._lock:
            if self._question is question:
                self._question = None
        with question.news:
            question.is_over = True
            come = list(question.come)
        for one in come:
            one()

    def _pieces(self, question: Question, stopped: Event | None) -> Iterator[tuple[str, str]]:
        began = self._steady()
        while True:
            with question.news:
                if not question.pieces and not question.has_ended:
                    question.news.wait(_LOOK_SECONDS)
                pieces = list(question.pieces)
                question.pieces.clear()
                has_ended, problem = question.has_ended, question.problem
            if stopped is not None and stopped.is_set():
                raise Stopped("It was stopped.")
            yield from pieces
            if has_ended:
                if problem is not None:
                    raise _KINDS.get(problem.kind, CutOff)(
                        f"On {self.where}: {shown(problem.detail, _LONGEST_WORDS)}",
                        hint=shown(problem.hint or "", _LONGEST_WORDS) or None,
                    )
                return
            waited = self._steady() - began
            if not question.is_taken and (waited > _TAKEN_SECONDS or not self.is_here):
                raise NotRunning(
                    f"The worker {self.name} does not take the question.", hint="Look whether it still runs."
                )
            if not self.is_here:
                raise CutOff(f"The worker {self.name} was lost in the middle of its answer.", hint="Ask again.")
            if waited > question.seconds + _LATE_SECONDS:
                raise TooSlow(f"The worker {self.name} took longer than an answer may take.", hint="Ask again.")


class Exchange:
    """The workers of a server that have models."""

    def __init__(self, steady: Callable[[], float]):
        self._steady = steady
        self._hosts: dict[str, WorkerHost] = {}
        self._lock = threading.Lock()

    def hosts(self) -> list[WorkerHost]:
        """Those that are here, by name."""
        return sorted((host for host in list(self._hosts.values()) if host.is_here), key=lambda host: host.name)

    def host(self, worker_id: str, name: str) -> WorkerHost:
        """The place of this worker, which says that it is here."""
        with self._lock:
            host = self._hosts.get(worker_id)
            if host is None:
                for gone in [one.key for one in self._hosts.values() if not one.is_here]:
                    del self._hosts[gone]
                if len(self._hosts) >= MOST_HOSTS:
                    raise Busy("There are enough workers with language models.")
                host = self._hosts[worker_id] = WorkerHost(worker_id, name, self._steady)
            host.name = name
            return host

    def dismiss(self, worker_id: str) -> None:
        """This worker is gone: nothing is asked of it any more."""
        with self._lock:
            host = self._hosts.pop(worker_id, None)
        if host is not None:
            host.leave()

    def find(self, worker_id: str) -> WorkerHost:
        """Raises NotFound for one that has not asked for questions."""
        host = self._hosts.get(worker_id)
        if host is None:
            raise NotFound("Nobody waits for this answer any more.")
        return host
