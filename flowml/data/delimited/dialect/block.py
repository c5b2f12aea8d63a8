"""A short table below a block of labelled values, as banks put it: the table has fewer lines but more columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMERIC = re.compile(r"\s*[-+−(]?[.,]?\d.*", re.DOTALL)
# As far down as names are searched for.
_MOST_LABELS = 50
_MOST_NOTES = 5
_FEWEST_ROWS = 2
_WIDEST_LABEL = 3


def width_of_block(records: Sequence[Sequence[str]], usual: int) -> int | None:
    """How many columns such a table has that reaches to the end, where most records have `usual` values."""
    if usual > _WIDEST_LABEL:
        return None
    last, notes = len(records) - 1, 0
    while last > 0 and (len(records[last]) <= usual or not _filled(records[last])):
        notes += _filled(records[last]) > 0
        last -= 1
        if notes > _MOST_NOTES:
            return None
    width, first = len(records[last]), last
    if width < 3:
        return None
    while first > 0 and len(records[first - 1]) == width and _filled(records[first - 1]):
        first -= 1
    above, body = records[:first], records[first + 1 : last + 1]
    is_apart = first > 0 and (not _filled(records[first - 1]) or width >= usual + 2)
    if is_apart and len(body) >= _FEWEST_ROWS and _are_labelled(above, width) and _are_names(records[first], body):
        return width
    return None


def _filled(cells: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in cells)


def _are_labelled(records: Sequence[Sequence[str]], width: int) -> bool:
    """Whether each record is a text of its own with at most one value behind it."""
    labels = [cells[0].strip() for cells in records if _filled(cells)]
    return (
        0 < len(labels) <= len(records) <= _MOST_LABELS
        and len(set(labels)) == len(labels)
        and all(_filled(cells) <= 2 and len(cells) < width for cells in records)
        and all(label and not _NUMERIC.fullmatch(label) for label in labels)
    )


def _are_names(cells: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether a record is of texts, above rows with numbers or dates in them."""
    return (
        _filled(cells) >= 0.8 * len(cells)
        and not any(_NUMERIC.fullmatch(cell) for cell in cells)
        and all(any(_NUMERIC.fullmatch(cell) for cell in row) for row in body)
    )
