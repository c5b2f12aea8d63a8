"""How deeply JSON is nested and where its records end, found on the bytes before anything is parsed.

Brackets count outside of texts only. Texts are followed by the parity of quotation marks, as in `delimited.structure`;
a mark behind an odd number of backslashes is part of a text.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_OPEN, _CLOSE = (ord("{"), ord("[")), (ord("}"), ord("]"))
_DELTA = np.zeros(256, dtype=np.int8)
_DELTA[list(_OPEN)] = 1
_DELTA[list(_CLOSE)] = -1


class Nesting:
    """Follows UTF-8 JSON through its pieces. `depth` is that at the end of the last piece, `deepest` the greatest;
    `values`: how many arrays and records that are in nothing else have ended."""

    def __init__(self) -> None:
        self.depth = 0
        self.deepest = 0
        self.values = 0
        self._in_text = 0
        self._backslashes = 0

    def feed(self, piece: bytes) -> NDArray[np.intp]:
        """Take in the next piece; answers the offsets in it at which a record of a top-level array is complete."""
        data = np.frombuffer(piece, dtype=np.uint8)
        quotes = self._quotes(data)
        deltas = _DELTA[data]
        places = np.flatnonzero(deltas)
        inside = (np.searchsorted(quotes, places) + self._in_text) & 1
        places = places[inside == 0]
        depths = self.depth + np.cumsum(deltas[places], dtype=np.int64)
        self._in_text = (self._in_text + len(quotes)) & 1
        if len(places):
            self.depth = int(depths[-1])
            self.deepest = max(self.deepest, int(depths.max()))
            self.values += int(np.count_nonzero(depths == 0))
        ends: NDArray[np.intp] = places[(depths == 1) & (deltas[places] < 0)] + 1
        return ends

    def _quotes(self, data: NDArray[np.uint8]) -> NDArray[np.intp]:
        """Where texts begin or end."""
        quotes = np.flatnonzero(data == _QUOTE)
        before = self._backslashes
        self._backslashes = _run_at_end(data, before)
        suspects = (data[quotes - 1] == _BACKSLASH) & (quotes > 0) if len(quotes) else np.zeros(0, dtype=bool)
        if len(quotes) and quotes[0] == 0 and before % 2:
            suspects[0] = True
        if not suspects.any():
            return quotes
        positions = np.arange(len(data))
        last_other = np.maximum.accumulate(np.where(data != _BACKSLASH, positions, -1))
        at = quotes[suspects]
        reached = np.where(at > 0, last_other[at - 1], -1)
        runs = at - 1 - reached + np.where(reached < 0, before, 0)
        escaped = np.zeros(len(quotes), dtype=bool)
        escaped[np.flatnonzero(suspects)] = runs % 2 == 1
        texts: NDArray[np.intp] = quotes[~escaped]
        return texts


_BRACKETS = np.zeros(256, dtype=np.int8)
_BRACKETS[ord("[")], _BRACKETS[ord("]")] = 1, -1
_COLON = ord(":")


class Fields(Nesting):
    """Counts the fields of a record as it comes in pieces, those of records in it as well and those in arrays not.
    `count`: how many there were, one that is there twice as two."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._arrays = 0

    def feed(self, piece: bytes) -> NDArray[np.intp]:
        """Take in the next piece; answers where in it the colons behind the names of such fields are."""
        data = np.frombuffer(piece, dtype=np.uint8)
        quotes = self._quotes(data)
        places = np.flatnonzero((_BRACKETS[data] != 0) | (data == _COLON))
        places = places[(np.searchsorted(quotes, places) + self._in_text) & 1 == 0]
        self._in_text = (self._in_text + len(quotes)) & 1
        arrays = self._arrays + np.cumsum(_BRACKETS[data[places]], dtype=np.int64)
        if len(places):
            self._arrays = int(arrays[-1])
        found: NDArray[np.intp] = places[(data[places] == _COLON) & (arrays == 0)]
        self.count += len(found)
        return found


def _run_at_end(data: NDArray[np.uint8], before: int) -> int:
    """How many backslashes the data ends with, counting those that came before when it is nothing else."""
    others = np.flatnonzero(data[-64:] != _BACKSLASH)
    if len(others):
        return int(min(64, len(data)) - 1 - others[-1])
    others = np.flatnonzero(data != _BACKSLASH)
    return int(len(data) - 1 - others[-1]) if len(others) else len(data) + before
