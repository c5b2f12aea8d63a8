"""One answer at a time from one machine: Ollama on a processor makes one, and two at once would each take twice as
long, or longer. Who has to wait hears how many are before them, and may leave at any moment."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

from flowml.assistant.model import MOST_TOKENS, Busy, LanguageModel, Message, Stopped, TooSlow
from flowml.domain.wording import plural

MOST_WAITING = 16
PATIENCE_SECONDS = 600.0
_LOOK_SECONDS = 0.05
# An answer has ended by itself by then; whoever still holds the turn has forgotten it.
_FORGOTTEN_SECONDS = 30.0


@dataclass(eq=False)
class _Place:
    """`until`: when it had its turn for longer than an answer takes; None as long as it waits. `gives_way`: to be set
    when somebody comes behind it."""

    until: float | None = None
    gives_way: Event | None = None


class Line:
    """Those who want an answer of one machine, in the order in which they came."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS, clock: Callable[[], float] = time.monotonic):
        self._places: list[_Place] = []
        self._changed = threading.Condition()
        self._patience_seconds = patience_seconds
        self._clock = clock

    @property
    def length(self) -> int:
        """How many are answered or wait."""
        return len(self._places)

    @contextlib.contextmanager
    def turn(
        self,
        seconds: float,
        stopped: Event | None = None,
        told: Callable[[str], None] | None = None,
        gives_way: Event | None = None,
    ) -> Iterator[None]:
        """Have the machine to oneself, for so long at most. What can wait `gives_way`: that is set when somebody else
        comes. Raises Busy, Stopped and TooSlow."""
        place = _Place(gives_way=gives_way)
        with self._changed:
            if len(self._places) > MOST_WAITING:
                raise Busy(
                    f"{MOST_WAITING} questions wait for the model already.",
                    hint="Wait until some of them are answered.",
                )
            for other in self._places:
                if other.gives_way is not None:
                    other.gives_way.set()
            self._places.append(place)
        try:
            self._wait(place, stopped, told)
            place.until = self._clock() + seconds + _FORGOTTEN_SECONDS
            yield
        finally:
            with self._changed:
                if place in self._places:
                    self._places.remove(place)
                self._changed.notify_all()

    def _wait(self, place: _Place, stopped: Event | None, told: Callable[[str], None] | None) -> None:
        last, until = 0, self._clock() + self._patience_seconds
        while True:
            with self._changed:
                first = self._places[0]
                if first.until is not None and self._clock() > first.until:
                    self._places.remove(first)
                before = self._places.index(place)
                if not before:
                    return
                if before == last:
                    # A stop is an event of its own, which wakes nobody here.
                    self._changed.wait(_LOOK_SECONDS)
            if stopped is not None and stopped.is_set():
                raise Stopped("It was stopped.")
            if self._clock() > until:
                raise TooSlow("Others were before this question for too long.", hint="Ask again later.")
            if before != last and told is not None:
                told(f"The model answers one question at a time: {plural(before, 'question')} before this one.")
            last = before


class InLine:
    """A model whose machine answers one after the other."""

    def __init__(self, model: LanguageModel, line: Line):
        self._model = model
        self._line = line

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def where(self) -> str:
        return self._model.where

    def chat(
        self,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        seconds: float,
        stopped: Event | None = None,
        most_tokens: int = MOST_TOKENS,
        seed: int = 0,
        told: Callable[[str], None] | None = None,
        sending: Callable[[], None] | None = None,
    ) -> Iterator[str]:
        """As `LanguageModel.chat`; the place in the line is given back however it ends."""
        with self._line.turn(seconds, stopped, told):
            answer = self._model.chat(
                messages,
                schema=schema,
                seconds=seconds,
                stopped=stopped,
                most_tokens=most_tokens,
                seed=seed,
                told=told,
                sending=sending,
            )
            yield from answer
