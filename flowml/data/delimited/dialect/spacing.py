"""Tables whose columns are kept apart by where they stand in the line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_GAP = re.compile(r" {2,}|\t+")
_FEWEST_LINES = 4
_MOST_LINES = 2000
_LONGEST = 10_000


def split_spaced(line: str) -> list[str]:
    """The values of a line with at least two blanks between them."""
    return _GAP.split(line.strip())


def is_spaced(lines: Sequence[str]) -> int:
    """How many columns two or more blanks make, when they make the same number nearly everywhere; otherwise 0."""
    rows = [split_spaced(line) for line in lines if line.strip() and len(line) <= _LONGEST]
    if len(rows) < 2:
        return 0
    width, frequency = Counter(len(row) for row in rows).most_common(1)[0]
    return width if width > 1 and frequency >= 0.9 * len(rows) else 0


def find_columns(lines: Sequence[str]) -> tuple[int, ...]:
    """Where the columns of a table of fixed width begin; empty when there is no such table.

    A column begins where a character follows a place that is blank in every line.
    """
    filled = [line.expandtabs() for line in lines if line.strip()][:_MOST_LINES]
    if len(filled) < _FEWEST_LINES or max(map(len, filled)) > _LONGEST:
        return ()
    length = max(map(len, filled))
    used = [False] * length
    for line in filled:
        for place, character in enumerate(line):
            if character != " ":
                used[place] = True
    starts = [place for place in range(length) if used[place] and (place == 0 or not used[place - 1])]
    starts = [start for start in starts if not _is_second_word(start, used, filled[0])]
    # A line that ends before the second column is a title or a note.
    if len(starts) < 2 or sum(len(line) > starts[1] for line in filled) < 0.9 * len(filled):
        return ()
    return tuple(starts)


def _is_second_word(start: int, used: list[bool], header: str) -> bool:
    """Whether what begins here is one blank away from what is in front, and the first line has nothing here."""
    end = next((place for place in range(start, len(used)) if not used[place]), len(used))
    return start > 1 and used[start - 2] and not header[start:end].strip()


def split_fixed(line: str, starts: Sequence[int]) -> list[str]:
    """The values of a line, without the blanks around them."""
    text = line.rstrip("\r\n").expandtabs()
    ends = [*starts[1:], len(text)]
    return [text[start:end].strip() for start, end in zip((0, *starts[1:]), ends, strict=True)]


def is_crossing(line: str, starts: Sequence[int]) -> bool:
    """Whether a value runs over the place where the next column begins."""
    text = line.rstrip("\r\n").expandtabs()
    return any(start < len(text) and not text[start - 1 : start + 1].count(" ") for start in starts[1:])
