"""Who may have a child process now: only so many work on tables and models at once, and everyone else stands in line.

Each may take much of this machine's memory, so that more at once would only take it from each other. Those who ask get
their turns by turns, and each their own in the order of asking: who asks for very much waits for it, and nobody else
does. Nobody waits for ever, or for an answer that nobody wants any more.
"""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock, Semaphore
from weakref import WeakValueDictionary

from flowml.domain.errors import NotReady, TooMany

_AT_ONCE = 4
_PATIENCE_SECONDS = 300.0
_LOOK_SECONDS = 0.2
_MOST_OF_ONE = 128
_MOST = 512
# Who waits in a thread keeps it from those whose turn comes; these have to be few of all there are.
_MOST_IN_THREADS = 20


@dataclass(eq=False)
class Place:
    """A place in a line; `come` is called, in any thread, when it has its turn. `who`: for whom."""

    come: Callable[[], object]
    who: str = ""
    has_turn: bool = False


class Line:
    """At most `at_once` have a turn, and of each who asks at most `of_one`; the others wait for theirs. The next turn
    goes to who has the fewest, and among those to who was called longest ago."""

    def __init__(self, at_once: int, patience_seconds: float = _PATIENCE_SECONDS, *, of_one: int | None = None):
        self.patience_seconds = patience_seconds
        self._at_once = at_once
        self._of_one = of_one or at_once
        self._waiting: OrderedDict[str, deque[Place]] = OrderedDict()
        self._working: Counter[str] = Counter()
        self._lock = Lock()

    @property
    def working(self) -> int:
        """How many have a turn."""
        return self._working.total()

    @property
    def waiting(self) -> int:
        """How many wait for theirs."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    @property
    def is_full(self) -> bool:
        """Whether whoever comes now has to wait."""
        return self.working >= self._at_once

    def check(self, who: str) -> None:
        """Raises TooMany where so many wait already that one more of these would only be in the way."""
        if len(self._waiting.get(who, ())) >= _MOST_OF_ONE:
            raise TooMany(
                f"{_MOST_OF_ONE} requests of yours wait for their turn on this server already.",
                hint="Wait until some of them are answered, and ask for fewer at once.",
            )
        if self.waiting >= _MOST:
            raise TooMany(
                f"{_MOST} requests wait for their turn on this server already.", hint="Try again in a moment."
            )

    def stand(self, come: Callable[[], object], who: str = "", *, first: bool = False) -> Place:
        """Take a place in the line, to be given back with `leave`, whether it has had its turn or not; `first`: before
        all others of these. Raises TooMany."""
        if not first:
            self.check(who)
        place = Place(come, who)
        with self._lock:
            waiting = self._waiting.setdefault(who, deque())
            waiting.insert(0 if first else len(waiting), place)
            self._call()
        return place

    def leave(self, place: Place) -> None:
        """The turn of this place is over, or nobody waits for it any more."""
        with self._lock:
            if place.has_turn:
                self._working[place.who] -= 1
                self._working += Counter()
            else:
                waiting = self._waiting[place.who]
                waiting.remove(place)
                if not waiting:
                    del self._waiting[place.who]
            self._call()

    @contextmanager
    def turn(self, left: Event | None = None, turns: "Turns | None" = None) -> Iterator[None]:
        """Wait for a turn and have it. Raises NotReady when that takes too long, and when `left` says that nobody waits
        for what would come of it; TooMany; with `turns`, MustWait where these say that it is not waited here."""
        place = self.wait(left) if turns is None else turns.take(self, left)
        try:
            yield
        finally:
            self.leave(place)
        if turns is not None:
            turns.have_begun()

    def wait(
        self, left: Event | None, who: str = "", patience_seconds: float | None = None, *, first: bool = False
    ) -> Place:
        """A place that has its turn, waited for in this thread. Raises NotReady and TooMany as `turn` does."""
        come = Event()
        patience = self.patience_seconds if patience_seconds is None else patience_seconds
        place = self.stand(come.set, who, first=first)
        until = time.monotonic() + patience
        try:
            while not come.wait(min(_LOOK_SECONDS, patience)):
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
        while self.working < self._at_once:
            able = [who for who in self._waiting if self._working[who] < self._of_one]
            if not able:
                return
            who = min(able, key=self._working.__getitem__)
            waiting = self._waiting.pop(who)
            place = waiting.popleft()
            if waiting:
                # Behind all others.
                self._waiting[who] = waiting
            place.has_turn = True
            self._working[who] += 1
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
    """The turns of one call that holds no thread while it waits. `who` asks.

    Where it would have to, MustWait ends the attempt, which gives up what other turns it had, so that nobody waits for
    who waits; whoever caught that stands in the line for it, and tries again with the turn. Once something was done in
    a turn, it waits in its thread, before those of the same caller who have not begun: nothing is done twice. However
    many lines it waits in, that takes as long as waiting in one may.
    """

    def __init__(self, who: str = "") -> None:
        self._who = who
        self._held: tuple[Line, Place] | None = None
        self._has_begun = False
        self._waited_seconds = 0.0

    def stand(self, line: Line, come: Callable[[], object]) -> None:
        """Take a place in this line for the next attempt. Raises TooMany."""
        self.give_back()
        self._held = (line, line.stand(come, self._who))

    def take(self, line: Line, left: Event | None) -> Place:
        """A place in this line that has its turn. Raises MustWait, and NotReady and TooMany as `Line.turn` does, the
        latter also where too many wait in their threads."""
        if self._held is not None and self._held[0] is line:
            _, place = self._held
            self._held = None
            return place
        if self._has_begun:
            return self._wait_here(line, left)
        # Of many who come at the same moment, one finds the line free.
        place = line.stand(lambda: None, self._who)
        if not place.has_turn:
            line.leave(place)
            raise MustWait(line)
        return place

    def _wait_here(self, line: Line, left: Event | None) -> Place:
        if not _in_threads.acquire(blocking=False):
            raise TooMany("This server is busy with what was asked for before.", hint="Try again in a moment.")
        began = time.monotonic()
        try:
            return line.wait(left, self._who, self.patience_seconds(line), first=True)
        finally:
            self.have_waited(time.monotonic() - began)
            _in_threads.release()

    def patience_seconds(self, line: Line) -> float:
        """How much longer this call may wait, in this line."""
        return max(0.0, line.patience_seconds - self._waited_seconds)

    def have_waited(self, seconds: float) -> None:
        """So long was waited for a turn."""
        self._waited_seconds += seconds

    def have_begun(self) -> None:
        """Something was done in a turn."""
        self._has_begun = True

    def give_back(self) -> None:
        """Leave the line."""
        if self._held is not None:
            line, place = self._held
            self._held = None
            line.leave(place)


CHILDREN = Line(_AT_ONCE, of_one=_AT_ONCE - 1)
"""Those for whose answer somebody waits. One is kept for whoever comes next."""

BEHIND = Line(1, float("inf"))
"""Those that prepare what may be asked for later."""

_in_threads = Semaphore(_MOST_IN_THREADS)
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
