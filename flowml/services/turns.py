"""Who may have a child process now: only so many work on tables and models at once, and everyone else stands in line.

Each may take much of this machine's memory, so that more at once would only take it from each other. Whoever wants one
gets a turn in the order of asking; nobody waits for ever, or for an answer that nobody wants any more.
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Event
from weakref import WeakValueDictionary

from flowml.domain.errors import NotReady

_AT_ONCE = 4
_PATIENCE_SECONDS = 300.0
_LOOK_SECONDS = 0.2


class Line:
    """At most `at_once` have a turn, the others wait for theirs in the order in which they came."""

    def __init__(self, at_once: int, patience_seconds: float = _PATIENCE_SECONDS):
        self._at_once = at_once
        self._patience_seconds = patience_seconds
        self._waiting: deque[object] = deque()
        self._working = 0
        self._changed = Condition()

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

    @contextmanager
    def turn(self, left: Event | None = None) -> Iterator[None]:
        """Wait for a turn and have it. Raises NotReady when that takes too long, and when `left` says that nobody waits
        for what would come of it."""
        self._take(left)
        try:
            yield
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def _take(self, left: Event | None) -> None:
        place = object()
        until = time.monotonic() + self._patience_seconds
        with self._changed:
            self._waiting.append(place)
            try:
                while self._working >= self._at_once or self._waiting[0] is not place:
                    self._changed.wait(min(_LOOK_SECONDS, self._patience_seconds))
                    if left is not None and left.is_set():
                        raise NotReady("Nobody waits for the answer any more.")
                    if time.monotonic() > until:
                        raise NotReady(
                            f"This server is still busy with what was asked for before: this could not begin within"
                            f" {self._patience_seconds:g} seconds.",
                            hint="Try again in a moment.",
                        )
                self._working += 1
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()


CHILDREN = Line(_AT_ONCE)
"""Those for whose answer somebody waits."""

BEHIND = Line(1, float("inf"))
"""Those that prepare what may be asked for later."""


def child_processes() -> dict[str, int]:
    """How many child processes work on tables and models for somebody, and how many such requests wait for one."""
    return {"working": CHILDREN.working, "waiting": CHILDREN.waiting}


_same: WeakValueDictionary[tuple[str, ...], Line] = WeakValueDictionary()


@contextmanager
def alone(*name: str, left: Event | None) -> Iterator[None]:
    """Whoever makes what this names; others who want the same wait for it. Raises NotReady as `Line.turn` does."""
    line = _same.setdefault(name, Line(1))
    with line.turn(left):
        yield
