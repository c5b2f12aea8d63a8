"""The files that a worker has fetched: named by the hash of their content, looked over once when they are complete, and
removed when they have not been used for longest. One folder may serve several workers of one machine.
"""

import contextlib
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from flowml.domain.errors import Damaged, NoRoom
from flowml.domain.stored import hash_file
from flowml.machine import locks

Pieces = Callable[[int], Iterator[bytes]]
"""The bytes of a file from an offset on."""

_MOST_TRIES = 3
_JUST_USED_SECONDS = 60.0
_KEPT_FREE_BYTES = 200_000_000


class Cache:
    """Files below `folder`, of `most_bytes` together; the latest stays whatever it takes."""

    def __init__(self, folder: Path, most_bytes: int):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._most_bytes = most_bytes

    def fetched(self, sha256: str, pieces: Pieces, wait: Callable[[], None]) -> Path:
        """The file of this hash. What is missing of it is fetched, from where an earlier try has ended; `wait` is
        called while another process does that. Raises what `pieces` raises, and Damaged when what comes is not it."""
        place, part = self._folder / sha256, self._folder / f"{sha256}.part"
        while not place.exists():
            with locks.taken(self._folder / f"{sha256}.lock") as is_mine:
                if is_mine and not place.exists():
                    self._fetch(sha256, place, part, pieces)
            if not is_mine:
                wait()
        os.utime(place)
        self._make_room(place, self._most_bytes)
        return place

    def kept(self, sha256: str) -> Path | None:
        """The file of this hash, if it is here."""
        place = self._folder / sha256
        try:
            os.utime(place)
        except FileNotFoundError:
            return None
        return place

    def _fetch(self, sha256: str, place: Path, part: Path, pieces: Pieces) -> None:
        for _ in range(_MOST_TRIES):
            with part.open("ab") as file:
                for piece in pieces(file.tell()):
                    file.write(piece)
            if hash_file(part) == sha256:
                os.replace(part, place)
                return
            # Nothing says where it went wrong.
            part.unlink()
        raise Damaged("A file of the server did not arrive as it is there.", hint="Look after the connection.")

    def check_room(self, n_bytes: int) -> None:
        """Raises NoRoom where the disk does not have so much besides what it has to keep."""
        free = self._free_bytes()
        if n_bytes > free:
            self._make_room(None, 0)
            free = self._free_bytes()
        if n_bytes > free:
            raise NoRoom(
                f"{n_bytes:,} bytes are to be fetched, and there is room for {max(0, free):,} in {self._folder}",
                hint="Make room there, or choose another folder with --home.",
            )

    def _free_bytes(self) -> int:
        return shutil.disk_usage(self._folder).free - _KEPT_FREE_BYTES

    def _make_room(self, latest: Path | None, most_bytes: int) -> None:
        found = []
        for path in self._folder.iterdir():
            # Another process may be doing the same.
            with contextlib.suppress(FileNotFoundError):
                found.append((path.stat().st_mtime, path.stat().st_size, path))
        # A trainer may just be about to read what it was given.
        in_use_since = time.time() - _JUST_USED_SECONDS if latest is None else math.inf
        kept = 0
        for used_at, size, path in sorted(found, reverse=True):
            kept += size
            if kept > most_bytes and used_at < in_use_since and path != latest and path.suffix != ".lock":
                # The lock stays: who took it by another name would not be alone.
                with locks.taken(path.with_suffix(".lock")) as is_free:
                    if is_free:
                        path.unlink(missing_ok=True)
