"""Where the names of a table's columns are, and whether there are any."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from flowml.data.conversion.missing import MISSING, MISSING_AMONG_NUMBERS
from flowml.data.delimited.dialect import NUMBER, Row

_VALUE = re.compile(
    r"\s*(?:"
    r"[-+−(]?[$€£¥₹]?\s?[-+]?\d[\d.,'’ \u00a0\u202f]*(?:[eE][-+]?\d+)?\s?[%$€£¥₹]?[)-]?"  # 1,234.50 € and the like
    r"|[.,]\d+"
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].{0,30})?"  # a date
    r"|\d{1,2}:\d\d(?::\d\d)?"
    r")\s*"
)
_YEAR = re.compile(r"\s*(1[89]|20|21)\d\d\s*")
_ABSENT = frozenset(("", "?", "NA", "-", "N/A", "n/a", "null", "NULL", "NaN", "nan"))
_SEARCHED = 50
# Below the names a survey repeats its questions, a logger its units and how a value came about.
_MOST_FURTHER = 3
_FEWEST_ROWS = 2
_MISSING = frozenset(text.lower() for text in (*MISSING, *MISSING_AMONG_NUMBERS, "inf", "-inf"))
_GROUPS = "the names of groups above were put in front"
_UNIT = re.compile(r"\s*[\[(]?[^\d\s][^\[\]()]{0,14}[\])]?\s*")


@dataclass(frozen=True)
class Header:
    """`names` are the cells as they stand, empty without a header. `start` is the index of the first record that
    belongs to the table, `body` that of its first row of values. `joined` says how names of two lines were made."""

    names: tuple[str, ...]
    start: int
    body: int
    joined: str | None = None


def find_header(
    rows: Sequence[Row], width: int, *, has_header: bool | None = None, on_top: bool = False, one_line: bool = False
) -> Header:
    """Look for the names among the first records; with `on_top` they are the first, whatever stands there, and with
    `one_line` the next is one of values."""
    start = 0 if on_top else _first_of_table(rows, width)
    first = rows[start].cells
    body = [row.cells for row in rows[start + 1 :] if len(row.cells) == width][:500]
    if has_header is None:
        has_header = _is_header(first, body)
    if not has_header:
        return Header((), start, start)
    if not one_line and (joined := _of_two_lines(rows, start, body, width, on_top=on_top)):
        return joined
    names = tuple(first)
    if len(names) == width - 1:
        # R writes row names without a heading; other programs end every record with a delimiter.
        trailing = all(cells[-1].strip() == "" for cells in body)
        names = (*names, "") if trailing else ("", *names)
    return Header(names, start, start + 1)


def _of_two_lines(rows: Sequence[Row], start: int, body: list[list[str]], width: int, *, on_top: bool) -> Header | None:
    """Names that belong together by twos: of a group above, or what a number is counted in below."""
    first = rows[start].cells
    if not on_top and start > 0 and _names_groups(rows[start - 1], first, width):
        return Header(_with_groups(rows[start - 1].cells, first), start - 1, start + 1, _GROUPS)
    below = rows[start + 1].cells if start + 1 < len(rows) else []
    if _names_groups(rows[start], below, width):
        return Header(_with_groups(first, below), start, start + 2, _GROUPS)
    if len(first) == width and len(body) > 1 and _are_units(body[0], body[1:]):
        names = tuple(_with_unit(name, unit) for name, unit in zip(first, body[0], strict=True))
        return Header(names, start, start + 2, "the units below were put behind")
    return None


def _first_of_table(rows: Sequence[Row], width: int) -> int:
    """The first record that has the table's width; titles, notes and blank lines above it are none."""
    fewest = 1 if width <= 2 else 2
    searched = [(index, row) for index, row in enumerate(rows[:_SEARCHED]) if _may_belong(row, width)]
    places = [index for index, row in searched if row.filled >= fewest] or [index for index, _ in searched]
    if not places:
        return 0
    first = places[0]
    if rows[first].filled < 0.5 * width:
        for index in places[1:10]:
            row = rows[index]
            body = [other.cells for other in rows[index + 1 :] if len(other.cells) == width][:100]
            if row.filled >= 0.8 * width and body and not any(_VALUE.fullmatch(cell) for cell in row.cells if cell):
                return index
    return first


def _may_belong(row: Row, width: int) -> bool:
    """Whether a record has the table's width, or is one of names with none over the first column."""
    cells = len(row.cells)
    return row.filled > 0 and (cells == width or (width > 2 and cells == width - 1 == row.filled))


def _is_header(first: list[str], body: list[list[str]]) -> bool:
    """Names are texts that stand above other things; a first line that looks like the ones below is data."""
    if not body:
        return True
    if len(first) < len(body[0]):
        return True
    values = [_is_value_column(body, index) for index in range(len(first))]
    over_values = [cell for cell, is_value in zip(first, values, strict=False) if is_value]
    if any(not _VALUE.fullmatch(cell) and cell.strip() not in _ABSENT for cell in over_values):
        return True
    if not over_values:
        return not _repeats_below(first, body)
    if all(_YEAR.fullmatch(cell) for cell in over_values) and not all(values):
        return not _occurs_below(first, body, values)
    return False


def further_lines(rows: Sequence[Row], header: Header, width: int) -> int:
    """How many records right below the names go on describing the columns: texts where numbers and dates follow."""
    if not header.names:
        return 0
    for count in range(_MOST_FURTHER, 0, -1):
        candidates = rows[header.body : header.body + count]
        body = _up_to_gap(rows[header.body + count :], width)
        if len(body) >= _FEWEST_ROWS and all(_describes(row.cells, body, width) for row in candidates):
            return count
    return 0


def _up_to_gap(rows: Sequence[Row], width: int) -> list[list[str]]:
    """The first rows; what comes after a blank line may be a summary of its own."""
    body = itertools.takewhile(lambda row: row.filled, rows)
    # In a wide table a few rows tell as much.
    return [row.cells for row in itertools.islice(body, max(20, min(500, 50_000 // width))) if len(row.cells) == width]


def _describes(cells: list[str], body: list[list[str]], width: int) -> bool:
    """Whether a line has texts over at least two columns of values, and none of these texts comes again below."""
    if len(cells) != width:
        return False
    over_values = 0
    for index, cell in enumerate(cells):
        if not _is_nearly_all_values(body, index):
            continue
        if _VALUE.fullmatch(cell) or (cell.strip() and any(row[index] == cell for row in body)):
            return False
        over_values += cell.strip().lower() not in _MISSING
    return over_values >= 2


def _is_nearly_all_values(body: list[list[str]], index: int) -> bool:
    """Whether a column has values, and next to nothing but these and missing ones."""
    values, texts, tolerated = 0, 0, 0.05 * len(body)
    for row in body:
        cell = row[index]
        if _VALUE.fullmatch(cell):
            values += 1
        elif cell.strip().lower() not in _MISSING:
            texts += 1
            if texts > tolerated:
                return False
    return values > 0


def _is_value_column(body: list[list[str]], index: int) -> bool:
    cells = [row[index] for row in body if index < len(row) and row[index].strip() not in _ABSENT]
    return bool(cells) and sum(_VALUE.fullmatch(cell) is not None for cell in cells) >= 0.8 * len(cells)


def _occurs_below(first: list[str], body: list[list[str]], values: list[bool]) -> bool:
    """Whether a text of the first line is also a value of its column."""
    return any(
        cell.strip() and not is_value and any(row[index] == cell for row in body)
        for index, (cell, is_value) in enumerate(zip(first, values, strict=False))
    )


def _repeats_below(first: list[str], body: list[list[str]]) -> bool:
    """Whether each text of the first line comes again in its column, and not only in a line that is the same."""
    others = [row for row in body if row != first]
    return all(any(row[index] == cell for row in others) for index, cell in enumerate(first)) and len(body) > 2


def _names_groups(above: Row, names: list[str], width: int) -> bool:
    """Whether a line has a name for several columns at once: some cells, each with blank ones behind it."""
    cells = above.cells
    if len(cells) != width or len(names) != width or width < 3 or above.filled < 1:
        return False
    blank_behind = any(cells[index].strip() and not cells[index + 1].strip() for index in range(width - 1))
    filled_below = sum(bool(name.strip()) for name in names)
    repeated = len({name.strip() for name in names}) < filled_below or (above.filled >= 2 and not cells[0].strip())
    return (
        blank_behind
        and repeated
        and filled_below >= 0.9 * width
        and above.filled < filled_below
        and all(not NUMBER.fullmatch(name) or _YEAR.fullmatch(name) for name in names)
        and all(not NUMBER.fullmatch(cell) or _YEAR.fullmatch(cell) for cell in cells)
    )


def _with_groups(groups: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Each name behind that of its group, which stands above the first of its columns."""
    joined, group = [], ""
    for above, name in zip(groups, names, strict=True):
        group = above.strip() or group
        joined.append(f"{group} {name.strip()}".strip())
    return tuple(joined)


def _are_units(units: list[str], body: list[list[str]]) -> bool:
    """Whether a line names what the numbers below it are counted in."""
    numeric = [_is_value_column(body, index) for index in range(len(units))]
    over_numbers = [cell for cell, is_numeric in zip(units, numeric, strict=True) if is_numeric]
    over_texts = [cell for cell, is_numeric in zip(units, numeric, strict=True) if not is_numeric]
    named = [cell for cell in over_numbers if cell.strip() not in _ABSENT]
    return (
        len(named) >= 1
        and len(named) >= 0.5 * len(over_numbers)
        and all(_UNIT.fullmatch(cell) and not _VALUE.fullmatch(cell) for cell in named)
        and all(not cell.strip() or cell.strip()[0] in "([" for cell in over_texts)
    )


def _with_unit(name: str, unit: str) -> str:
    unit = unit.strip().strip("[]()").strip()
    return f"{name.strip()} ({unit})" if unit else name


def looks_like_value(cell: str) -> bool:
    """Whether a text is a number, an amount, a date or a time."""
    return _VALUE.fullmatch(cell) is not None
