"""Results of code that somebody has seen and may approve: as files, so that what becomes a version is what was seen,
and not what the same code would make another time. They are few, and gone after half an hour and with the server."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

LASTS_SECONDS = 1_800.0
MOST = 16
MOST_OF_ONE = 6
MOST_BYTES = 4 << 30

Key = tuple[str, str, str, str]
"""Whose (a caller), in which home folder, the table, and the hash of the code."""


@dataclass
class Previewed:
    """A result that was shown. `made`: the id of the version that came of it."""

    preview_id: str
    path: Path
    sha256: str
    n_bytes: int
    expires_at: float
    remarks: Sequence[dict[str, Any]]
    made: str | None = None
    lock: Lock = field(default_factory=Lock)
    """Held by who makes the version: whoever approves a second time waits and gets the same one."""


class Shelf:
    """The results that may be approved, the one that was shown last at the end. Safe to use from several threads."""

    def __init__(self) -> None:
        self._held: OrderedDict[Key, Previewed] = OrderedDict()
        self._lock = Lock()

    def put(self, key: Key, found: Previewed, now: float) -> None:
        """Keep what was just shown, in place of what the same code made before, and as long as there is room."""
        with self._lock:
            self._drop(key)
            self._held[key] = found
            for other in [other for other, held in self._held.items() if held.expires_at <= now]:
                self._drop(other)
            own = [other for other in self._held if other[:2] == key[:2]]
            for other in own[: max(0, len(own) - MOST_OF_ONE)]:
                self._drop(other)
            while len(self._held) > MOST or (len(self._held) > 1 and self._n_bytes() > MOST_BYTES):
                self._drop(next(iter(self._held)))

    def get(self, key: Key, now: float) -> Previewed | None:
        """What may be approved; None where nothing was shown, or too long ago."""
        with self._lock:
            found = self._held.get(key)
            if found is not None and found.expires_at <= now:
                self._drop(key)
                return None
            return found

    def forget_old(self, now: float) -> None:
        """Delete what can no longer be approved."""
        with self._lock:
            for key in [key for key, held in self._held.items() if held.expires_at <= now]:
                self._drop(key)

    def _n_bytes(self) -> int:
        return sum(held.n_bytes for held in self._held.values() if held.made is None)

    def _drop(self, key: Key) -> None:
        found = self._held.pop(key, None)
        if found is not None:
            found.path.unlink(missing_ok=True)


SHELF = Shelf()
