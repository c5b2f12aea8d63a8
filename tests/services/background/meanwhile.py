"""What somebody else does at the one moment that matters, without threads that have to meet."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from flowml.services.background.keeper import Keeper


class Meanwhile:
    """In place of a keeper's lock: the first that is about to take it finds that `does` was done just before."""

    def __init__(self, keeper: Keeper[Any], does: Callable[[], object]):
        self._lock, self._does = keeper.lock, [does]

    def __enter__(self) -> None:
        if self._does:
            self._does.pop()()
        self._lock.acquire()

    def __exit__(self, *raised: object) -> None:
        self._lock.release()


def is_free(keeper: Keeper[Any]) -> bool:
    """Whether somebody else could take its lock."""
    found: list[bool] = []

    def look() -> None:
        found.append(keeper.lock.acquire(blocking=False))
        if found[0]:
            keeper.lock.release()

    other = threading.Thread(target=look)
    other.start()
    other.join()
    return found[0]


class NoThread:
    """In place of a thread: none can be started."""

    def __init__(self, **given: object) -> None: ...

    def start(self) -> None:
        raise RuntimeError("can't start new thread")


NO_THREADS = SimpleNamespace(Thread=NoThread, RLock=threading.RLock)
"""In place of the module `threading` where a keeper starts them."""
