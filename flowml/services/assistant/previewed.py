"""Results of code that somebody has seen and may approve: as files, so that what becomes a version is what was seen,
and not what the same code would make another time. They are few, and gone after half an hour and with the server."""

from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

LASTS_SECONDS = 1_800.0
MOST = 16
MOST_OF_ONE = 6
MOST_BYTES = 4 << 30

Key = tuple[str, str, str, str]
"""Whose (a caller), in which folder for what waits, the data set and its table, and the hash of the code."""


_Place = tuple[Key, str]
"""And the id of the preview."""


class Several(Exception):
    """The same code has made different results, and which of them is meant is not said."""


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
    n_holders: int = 0
    is_dropped: bool = False


class Shelf:
    """The results that may be approved, the one that was shown last at the end. Safe to use from several threads."""

    def __init__(self) -> None:
        self._held: OrderedDict[_Place, Previewed] = OrderedDict()
        self._lock = Lock()

    def put(self, key: Key, found: Previewed, now: float) -> None:
        """Keep what was just shown beside what the same code has made before, as long as there is room: each caller
        has some, and who has most gives up the first."""
        with self._lock:
            self._forget_old(now)
            place = key, found.preview_id
            same = self._held.get(place)
            if same is not None:
                # It may be that somebody is approving it, or has: theirs is this one.
                found.path.replace(same.path)
                same.expires_at = found.expires_at
                self._held.move_to_end(place)
                return
            self._held[place] = found
            while (first := self._first_to_go(place)) is not None:
                self._drop(first)

    @contextmanager
    def hold(self, key: Key, preview_id: str | None, now: float) -> Iterator[Previewed | None]:
        """What may be approved, which stays there meanwhile whatever else is previewed; None where nothing was shown,
        or too long ago, or another result than that of `preview_id`. Raises Several where that is not given and has to
        be."""
        with self._lock:
            self._forget_old(now)
            found = self._find(key, preview_id)
            if found is not None:
                found.n_holders += 1
        try:
            yield found
        finally:
            if found is not None:
                with self._lock:
                    found.n_holders -= 1
                    self._unlink(found)

    def knows(self, key: Key, now: float) -> bool:
        """Whether anything that this code has made may be approved."""
        with self._lock:
            return any(other[0] == key and held.expires_at > now for other, held in self._held.items())

    def forget_old(self, now: float) -> None:
        """Delete what can no longer be approved."""
        with self._lock:
            self._forget_old(now)

    def forget(self, home: Path, dataset_id: str) -> None:
        """Delete what was made of this data set."""
        with self._lock:
            for place in [place for place in self._held if place[0][1] == str(home)]:
                if place[0][2].startswith(f"{dataset_id}:"):
                    self._drop(place)

    def _forget_old(self, now: float) -> None:
        for key in [key for key, held in self._held.items() if held.expires_at <= now]:
            self._drop(key)

    def _find(self, key: Key, preview_id: str | None) -> Previewed | None:
        if preview_id is not None:
            return self._held.get((key, preview_id))
        found = [held for other, held in self._held.items() if other[0] == key]
        if len(found) > 1:
            raise Several
        return found[0] if found else None

    def _first_to_go(self, kept: _Place) -> _Place | None:
        """What has to give way to `kept`: the first of its caller, or of the one who has most. None while there is room
        for all."""
        callers = Counter(key[:2] for key, _ in self._held)
        own = kept[0][:2]
        if callers[own] > MOST_OF_ONE:
            return next(place for place in self._held if place[0][:2] == own)
        others = [place for place in self._held if place != kept]
        if len(self._held) > MOST:
            return max(others, key=lambda place: callers[place[0][:2]])
        sizes: Counter[tuple[str, str]] = Counter()
        for (key, _), held in self._held.items():
            sizes[key[:2]] += held.n_bytes if held.made is None else 0
        if others and sum(sizes.values()) > MOST_BYTES:
            return max(others, key=lambda place: sizes[place[0][:2]])
        return None

    def _drop(self, key: _Place) -> None:
        found = self._held.pop(key, None)
        if found is not None:
            found.is_dropped = True
            self._unlink(found)

    def _unlink(self, found: Previewed) -> None:
        if found.is_dropped and not found.n_holders:
            found.path.unlink(missing_ok=True)


SHELF = Shelf()
