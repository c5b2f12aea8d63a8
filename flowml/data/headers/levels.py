"""Names on several levels: those of groups, once above all columns of each, and below them the columns' own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from flowml.data.headers.cells import YEAR, Cells, columns_of, is_value

_DEEPEST = 4
_MOST_BODY = 100
_COUNTS = {2: "two", 3: "three", 4: "four"}


@dataclass(frozen=True)
class Levels:
    """`top` is the index of the first of `depth` lines, `names` what they make together."""

    top: int
    depth: int
    names: tuple[str, ...]

    def said(self, lines: str) -> str:
        """What was done, where `lines` is what the file has: lines or rows."""
        longest = max(self.names, key=len)[:80]
        return (
            f"The header has {_COUNTS[self.depth]} {lines}: the names of groups above were put in front"
            f" (for example “{longest}”)."
        )


def find_levels(rows: Sequence[Sequence[str]], at: int, width: int) -> Levels | None:
    """The header of several levels that the line `at` is part of; None when it has one. `rows` are the first of the
    table as texts, empty where a cell is."""
    if width < 3:
        return None
    for top in range(max(0, at - _DEEPEST + 1), at + 1):
        for depth in range(min(_DEEPEST, len(rows) - 1 - top), 1, -1):
            if top + depth <= at:
                break
            # A sheet writes days as moments.
            block = [[cell.strip().removesuffix(" 00:00:00") for cell in row] for row in rows[top : top + depth]]
            if not _may_go_on(block[0]) or not all(len(row) == width and any(row) for row in block):
                continue
            # Groups may be years, days or counts, what is below them may not.
            if not _are_names(block[-1]):
                continue
            below = rows[top + depth : top + depth + _MOST_BODY]
            body = [row for row in below if len(row) == width and any(map(str.strip, row))]
            if body and below[0] in body and _are_levels(block, columns_of(body, width, _MOST_BODY)):
                return Levels(top, depth, _joined(block))
    return None


def _may_go_on(row: Sequence[str]) -> bool:
    """Whether some text may go for the next column, too."""
    return any(cell and following in ("", cell) for cell, following in itertools.pairwise(row))


def _are_names(row: Sequence[str]) -> bool:
    return all(not is_value(cell) or YEAR.fullmatch(cell) for cell in row)


def _are_levels(block: Sequence[Sequence[str]], columns: Sequence[Cells]) -> bool:
    names = _joined(block)
    # Only the rows' own names may have none, or one on a line of its own below the others.
    if sum(map(bool, names[1:])) < 0.9 * len(names[1:]):
        return False
    if len(block) > 2 and block[-1][0] and not any(block[-1][1:]) and not block[0][0]:
        block = block[:-1]
    return all(_names_groups(above, block[level + 1 :]) for level, above in enumerate(block[:-1])) and all(
        _is_above_rows(row, columns) for row in block[1:]
    )


def _is_above_rows(row: Sequence[str], columns: Sequence[Cells]) -> bool:
    """Whether a line below others is none of the rows: it has texts over values, or over texts the same for each
    group."""
    over_values = [
        cell for cell, column in zip(row, columns, strict=True) if column.holds_values and cell and not is_value(cell)
    ]
    if over_values:
        return not any(cell in column.counts for cell, column in zip(row, columns, strict=True) if cell)
    if any(column.holds_values for column in columns):
        return any(YEAR.fullmatch(cell) for cell in row)
    filled = [cell for cell in row if cell]
    recurs = any(cell in column.counts for cell, column in zip(row, columns, strict=True) if cell)
    return len(set(filled)) < len(filled) and not recurs


def _names_groups(above: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a line has names that go for several columns each, as far as the lines below tell."""
    under = below[0]
    has_below = [any(row[index] for row in below) for index in range(len(above))]
    starts = [
        index
        for index in range(len(above) - 1)
        if above[index] and above[index + 1] in ("", above[index]) and has_below[index] and has_below[index + 1]
    ]
    filled = [index for index, cell in enumerate(above) if cell]
    if not starts or filled == [0]:
        # One text over everything is a title.
        return False
    names = [cell for cell in under if cell]
    repeats = len(set(names)) < len(names)
    stands_alone = any(cell and not has_name for cell, has_name in zip(above, has_below, strict=True))
    return repeats or stands_alone or (len(filled) > 1 and not above[0])


def _joined(block: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The name of each column: those of its groups, from the top, and its own."""
    width = len(block[0])
    parts: list[tuple[str, ...]] = [()] * width
    for level, row in enumerate(block):
        has_below = [any(under[index] for under in block[level + 1 :]) for index in range(width)]
        groups, start = list(row), 0
        for index in range(width):
            if row[index]:
                start = index
            elif index and parts[index] == parts[start] and has_below[index] and has_below[start]:
                # As far as the group above goes, and where there are names to be told apart.
                groups[index] = groups[index - 1]
        parts = [(*part, group) for part, group in zip(parts, groups, strict=True)]
    return tuple(" ".join(dict.fromkeys(filter(None, part))) for part in parts)
