"""Keeps works in the background: begun within bounds, watched, cancelled, and noted when they end.

Each is a row that somebody asks after and a thread that waits for its turn and then for its child process. The row says
what became of it and outlives the process; who asked, how far it is and how to end it, only the process knows. So the
next server says of what is open that it was interrupted, and a work of this one changes nothing any more once somebody
has cancelled it: its row may have been begun again.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary, ref

from flowml.domain.errors import FlowMLError, NotReady, TooMany
from flowml.services.background.progress import Told, read_progress
from flowml.services.turns import Line
from flowml.store.store import Store

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Work:
    """One that waits or is worked on. `progress` is the file in which its child process says how far it is."""

    owner: str
    cancelled: threading.Event = field(default_factory=threading.Event)
    progress: Path | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of work. `name` is its threads', `full` says that there are too many of it (detail, hint), `unexpected`
    that one has failed for no reason that is known."""

    name: str
    full: tuple[str, str]
    unexpected: str
    most_open: int = 16
    most_of_one: int = 8


WorkType = TypeVar("WorkType", bound=Work)
KeeperType = TypeVar("KeeperType")


class Keeper(Generic[WorkType]):
    """The open works of one kind, of one store, by the ids of their rows."""

    def __init__(self, kind: Kind, store: Store):
        self.open: dict[str, WorkType] = {}
        self.lock = threading.RLock()
        """Held by whoever looks at a row and then at its work, or the other way round."""
        self._kind = kind
        # It is kept for as long as its store is, and not the other way round.
        self._store = ref(store)

    def add(self, row_id: str, work: WorkType) -> None:
        """It is open from now on. Raises TooMany."""
        with self.lock:
            self.check_room(work.owner)
            self.open[row_id] = work

    def check_room(self, owner: str) -> None:
        """Raises TooMany where this caller may begin no other."""
        with self.lock:
            of_one = sum(work.owner == owner for work in self.open.values())
            if len(self.open) >= self._kind.most_open or of_one >= self._kind.most_of_one:
                detail, hint = self._kind.full
                raise TooMany(detail, hint=hint)

    def start(
        self,
        row_id: str,
        work: WorkType,
        do: Callable[[], object],
        failed: Callable[[FlowMLError], object],
        ended: Callable[[FlowMLError | None], object] = lambda error: None,
        cancelled: Callable[[], object] | None = None,
    ) -> None:
        """Have it done in a thread. `failed` notes in its row what it failed with, unless it was cancelled; `cancelled`
        notes that, for a row that may not say so yet and is never begun again. `ended` is called when it is no longer
        open, with what it failed with. Raises NotReady where no thread can be started: it has failed with that."""

        def end(error: FlowMLError | None) -> FlowMLError | None:
            # In one: nobody cancels it, or begins another one for its row, before it is noted and open no longer.
            with self.lock:
                if work.cancelled.is_set():
                    error = None
                    if cancelled is not None:
                        self.note(cancelled)
                elif error is not None:
                    self.note(partial(failed, error))
                self.drop(row_id, work)
            return error

        try:
            threading.Thread(
                target=self._work, args=(row_id, do, lambda error: ended(end(error))), name=self._kind.name, daemon=True
            ).start()
        except Exception as error:
            busy = NotReady("This server is too busy to begin this now.", hint="Try again in a moment.")
            end(busy)
            raise busy from error

    def drop(self, row_id: str, work: WorkType) -> None:
        """It is open no longer. Somebody may have begun another one for its row since it was cancelled: that stays."""
        with self.lock:
            if self.open.get(row_id) is work:
                del self.open[row_id]

    def told(self, row_id: str) -> Told | None:
        """How far it is; None where that is not known."""
        work = self.open.get(row_id)
        return None if work is None or work.progress is None else read_progress(work.progress)

    def cancel(self, row_id: str) -> None:
        """It ends soon, if it is open."""
        with self.lock:
            if (work := self.open.get(row_id)) is not None:
                work.cancelled.set()

    def note(self, change: Callable[[], object]) -> None:
        """Write down what became of one, also on a full disk; whatever happens is no matter of who worked on it."""
        store = self._store()
        if store is None or store.is_closed:
            # The next server says that it was interrupted.
            return
        try:
            store.at_any_rate(change)
        except Exception:
            _log.exception("what became of one that was %s could not be noted", self._kind.name)

    def _work(self, row_id: str, do: Callable[[], object], end: Callable[[FlowMLError | None], object]) -> None:
        error: FlowMLError | None = None
        try:
            do()
        except FlowMLError as problem:
            error = problem
        except Exception:
            _log.exception("%s: %s ended with an error", self._kind.name, row_id)
            error = FlowMLError(self._kind.unexpected)
        finally:
            end(error)


class Keepers(Generic[KeeperType]):
    """A keeper for each store."""

    def __init__(self, make: Callable[[Store], KeeperType]):
        self._make = make
        self._keepers: WeakKeyDictionary[Store, KeeperType] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, store: Store) -> KeeperType:
        """The one of this store."""
        with self._lock:
            if store not in self._keepers:
                self._keepers[store] = self._make(store)
            return self._keepers[store]


@contextmanager
def turn(line: Line, work: Work) -> Iterator[None]:
    """Its turn in a line of those that wait. Raises as `Line.wait` does, also when it is cancelled meanwhile."""
    place = line.wait(work.cancelled, work.owner)
    try:
        yield
    finally:
        line.leave(place)
