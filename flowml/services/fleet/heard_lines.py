"""Which lines of their logs workers have handed over: one whose answer is lost sends them again."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Protocol, TypeVar

_MOST_WORKERS = 2_000


class Numbered(Protocol):
    """A line; its number grows within the life of its process."""

    @property
    def number(self) -> int | None: ...


Line = TypeVar("Line", bound=Numbered)


class HeardLines:
    """The latest of each worker. Of too many workers those not heard of for longest are forgotten."""

    def __init__(self) -> None:
        self._latest: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self._lock = threading.Lock()

    def new(self, worker_id: str, life: str | None, lines: Iterable[Line]) -> list[Line]:
        """Those of these that have not come before; all of a worker that does not number them."""
        before, latest = self._latest.get(worker_id, (life, 0))
        if life is None or before != life:
            return list(lines)
        return [line for line in lines if line.number is None or line.number > latest]

    def keep(self, worker_id: str, life: str | None, lines: Iterable[Line]) -> None:
        """These are stored."""
        numbers = [line.number for line in lines if line.number is not None]
        if life is None or not numbers:
            return
        with self._lock:
            before, latest = self._latest.get(worker_id, (life, 0))
            self._latest[worker_id] = (life, max(numbers) if before != life else max(latest, *numbers))
            self._latest.move_to_end(worker_id)
            while len(self._latest) > _MOST_WORKERS:
                self._latest.popitem(last=False)
