"""Who may have a child process now: only so many work on tables and models at once, and everyone else stands in line.

Each may take much of this machine's memory, so that more at once would only take it from each other. Whoever wants one
gets a turn in the order of asking; nobody waits for ever, or for an answer that nobody wants any more.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock
from weakref import WeakValueDictionary

from flowml.domain.errors import NotReady

_AT_ONCE = 4
_PATIENCE_SECONDS = 300.0
_LOOK_SECONDS = 0.2


@dataclass(eq=False)
class Place:
    """A place in a line; `come` is called, in any thread, when it has its turn."""

    come: Callable[[], object]
    has_turn: bool = False


class Line:
    """At most `at_once` have a turn, the others wait for theirs in the order in which they came."""

    def __init__(self, at_once: int, patience_seconds: float = _PATIENCE_SECONDS):
        self.patience_seconds = patience_seconds
        self._at_once = at_once
        self._waiting: deque[Place] = deque()
        self._working = 0
        self._lock = Lock()

    @property
    def working(self) -> int:
        """How many have a turn."""
        return self._working

    @property
    def waiting(self) -> int:
        """How many wait for theirs."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether who comes now has to wait."""
        return bool(self._waiting) or self._working >= self._at_once

    def stand(self, come: Callable[[], object]) -> Place:
        """Take a place in the line, to be given back with `leave` whether it has had its turn or not."""
        place = Place(come)
        with self._lock:
            self._waiting.append(place)
            self._call()
        return place

    def leave(self, place: Place) -> None:
        """The turn of this place is over, or nobody waits for it any more."""
        with self._lock:
            if place.has_turn:
                self._working -= 1
            else:
                self._waiting.remove(place)
            self._call()

    @contextmanager
    def turn(self, left: Event | None = None, turns: "Turns | None" = None) -> Iterator[None]:
        """Wait for a turn and have it. Raises NotReady when that takes too long, and when `left` says that nobody waits
        for what would come of it; with `turns`, MustWait where these say that it is not waited here."""
        place = self.wait(left) if turns is None else turns.take(self, left)
        try:
            yield
        except MustWait:
            if turns is None:
                self.leave(place)
            else:
                turns.keep(self, place)
            raise
        except BaseException:
            self.leave(place)
            raise
        self.leave(place)
        if turns is not None:
            turns.have_begun()

    def wait(self, left: Event | None) -> Place:
        """A place that has its turn, waited for in this thread. Raises NotReady as `turn` does."""
        come = Event()
        place = self.stand(come.set)
        until = time.monotonic() + self.patience_seconds
        try:
            while not come.wait(min(_LOOK_SECONDS, self.patience_seconds)):
                if left is not None and left.is_set():
                    raise nobody_waits()
                if time.monotonic() > until:
                    raise self.took_too_long()
        except BaseException:
            self.leave(place)
            raise
        return place

    def took_too_long(self) -> NotReady:
        """What is said to who has waited for as long as anybody does."""
        return NotReady(
            f"This server is still busy with what was asked for before: this could not begin within"
            f" {self.patience_seconds:g} seconds.",
            hint="Try again in a moment.",
        )

    def _call(self) -> None:
        while self._waiting and self._working < self._at_once:
            place = self._waiting.popleft()
            place.has_turn = True
            self._working += 1
            place.come()


def nobody_waits() -> NotReady:
    """What ends work whose answer nobody wants any more."""
    return NotReady("Nobody waits for the answer any more.")


class MustWait(Exception):
    """What is asked for has to wait in this line, and is to be asked for again when it has its turn there."""

    def __init__(self, line: Line):
        super().__init__()
        self.line = line


class Turns:
    """The turns of one call that holds no thread while it waits.

    Where it would have to, MustWait ends the attempt; whoever caught that stands in the line for it, and tries again
    with the turn. Once something was done in a turn, it waits in its thread: nothing is done twice.
    """

    def __init__(self) -> None:
        self._held: dict[Line, Place] = {}
        self._has_begun = False

    def stand(self, line: Line, come: Callable[[], object]) -> None:
        """Take a place in this line for the next attempt."""
        self._held[line] = line.stand(come)

    def take(self, line: Line, left: Event | None) -> Place:
        """A place in this line that has its turn. Raises MustWait, and NotReady as `Line.turn` does."""
        if line in self._held:
            return self._held.pop(line)
        if self._has_begun:
            return line.wait(left)
        # Of many who come at the same moment, one finds the line free.
        place = line.stand(lambda: None)
        if not place.has_turn:
            line.leave(place)
            raise MustWait(line)
        return place

    def keep(self, line: Line, place: Place) -> None:
        """Have this turn again in the next attempt."""
        self._held[line] = place

    def have_begun(self) -> None:
        """Something was done in a turn."""
        self._has_begun = True

    def give_back(self) -> None:
        """Leave all lines."""
        while self._held:
            line, place = self._held.popitem()
            line.leave(place)


CHILDREN = Line(_AT_ONCE)
"""Those for whose answer somebody waits."""

BEHIND = Line(1, float("inf"))
"""Those that prepare what may be asked for later."""

_same: WeakValueDictionary[tuple[str, ...], Line] = WeakValueDictionary()
_naming = Lock()


def child_processes() -> dict[str, int]:
    """How many child processes work on tables and models for somebody, and how many such requests wait for one or for
    what another request has made."""
    with _naming:
        lines = [CHILDREN, *_same.values()]
    return {"working": CHILDREN.working, "waiting": sum(line.waiting for line in lines)}


@contextmanager
def alone(*name: str, left: Event | None, turns: Turns | None = None) -> Iterator[None]:
    """Whoever makes what this names; others who want the same wait for it. Raises as `Line.turn` does."""
    # Looking one up and putting it there are several steps of such a dictionary.
    with _naming:
        line = _same.setdefault(name, Line(1))
    with line.turn(left, turns):
        yield
