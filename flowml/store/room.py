"""The free room on the disk that a home folder is on.

Some of it is left to what is running, and what somebody has announced to write is given to nobody else. When there is
none at all, the ballast is given up for what makes room: SQLite writes down a deletion, too.
"""

import contextlib
import math
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flowml.domain.errors import NoRoom
from flowml.domain.faults import MAKE_ROOM

# What runs goes on writing for a while when nothing new is begun any more.
_RESERVE_BYTES = 200_000_000
_RESERVE_SHARE = 0.02
_BALLAST_BYTES = 16_000_000
_LEAST_BALLAST = 1_000_000
_CHUNK = 1 << 20
# Disks are used in blocks.
_STEP = 1 << 16


class Promise:
    """Room that is kept for one who writes."""

    def __init__(self, n_bytes: int, check: Callable[[], None]):
        self.left = n_bytes
        self._check = check

    def written(self, n_bytes: int) -> None:
        """So much of it, or of what was not announced, is on the disk by now. Raises NoRoom where the reserve is less
        than it should be."""
        self.left = max(0, self.left - n_bytes)
        self._check()


class Room:
    """`free`: the bytes that this disk has left, and its size."""

    def __init__(self, path: Path, free: Callable[[Path], tuple[int, int]] | None = None):
        self._path = path
        self._free = free or _free
        self._promises: set[Promise] = set()
        self._lock = threading.Lock()

    def check(self, n_bytes: int = 0) -> None:
        """Raises NoRoom where so many more bytes would leave less than the reserve."""
        with self._lock:
            self._check(n_bytes)

    def left(self) -> int:
        """Bytes that may be written before there is less than the reserve; 0 where there is less."""
        with self._lock:
            free, reserve = self._free_and_reserve()
            return max(0, free - reserve - sum(promise.left for promise in self._promises))

    @contextmanager
    def promised(self, n_bytes: int) -> Iterator[Promise]:
        """Room for so many bytes, as long as the context lasts. Raises NoRoom as `check` does."""
        promise = Promise(n_bytes, self.check)
        with self._lock:
            self._check(n_bytes)
            self._promises.add(promise)
        try:
            yield promise
        finally:
            with self._lock:
                self._promises.discard(promise)

    def _check(self, n_bytes: int) -> None:
        free, reserve = self._free_and_reserve()
        promised = sum(promise.left for promise in self._promises)
        if free - promised - n_bytes < reserve:
            others = f", {megabytes(promised)} of them for files that are on their way" if promised else ""
            wanted = f" for {megabytes(n_bytes)} more" if n_bytes >= 1_000_000 else ""
            raise NoRoom(
                f"There is no room{wanted} on the disk of this server: {megabytes(free)} are free{others},"
                f" and {megabytes(reserve)} are kept for what is running.",
                hint=MAKE_ROOM,
            )

    def _free_and_reserve(self) -> tuple[int, int]:
        free, total = self._free(self._path)
        return free, min(_RESERVE_BYTES, int(total * _RESERVE_SHARE))

    def take_ballast(self, ballast: "Ballast") -> None:
        """See that there is ballast, where that leaves more than the reserve."""
        free, reserve = self._free_and_reserve()
        wanted = min(_BALLAST_BYTES, reserve)
        if free - (wanted - ballast.size()) >= reserve:
            ballast.fill(wanted)


class Ballast:
    """A file that only holds room on the disk, to be given up piece by piece when something has to be written on a full
    one all the same."""

    def __init__(self, path: Path):
        self._path = path

    def size(self) -> int:
        """Bytes of it that are there."""
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def fill(self, n_bytes: int) -> None:
        """Make it as large as this; as large as can be where the disk is full before."""
        missing = n_bytes - self.size()
        with contextlib.suppress(OSError), self._path.open("ab", buffering=0) as file:
            while missing > 0:
                # Of nothing that a file system could leave out or compress.
                missing -= file.write(os.urandom(min(missing, _CHUNK)))

    def give_up(self, n_bytes: int) -> None:
        """So much of it, or what is left of it."""
        if n_bytes and (size := self.size()):
            os.truncate(self._path, max(0, size - math.ceil(n_bytes / _STEP) * _STEP))

    def give_up_half(self) -> bool:
        """Half of what is left of it, or all of a little; False where nothing was left."""
        size = self.size()
        if size:
            os.truncate(self._path, size // 2 if size >= 2 * _LEAST_BALLAST else 0)
        return size > 0


def megabytes(n_bytes: int) -> str:
    """
    >>> megabytes(1_250_000_000), megabytes(340_000)
    ('1,250 MB', '0.3 MB')
    """
    n_megabytes = n_bytes / 1_000_000
    return f"{n_megabytes:,.0f} MB" if n_megabytes >= 10 else f"{round(n_megabytes, 1):g} MB"


def _free(path: Path) -> tuple[int, int]:
    usage = shutil.disk_usage(path)
    return usage.free, usage.total
