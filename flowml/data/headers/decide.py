"""Whether a line holds names, or is itself a row of the table: each of its cells is held against those below."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from flowml.data.headers.cells import ABSENT, NUMBER, TEXT, YEAR, Cells, columns_of, is_value, kind_of, shape_of

# What is an address and never a name.
_ADDRESS = re.compile(
    r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"  # of mail
    r"|[A-Za-z][\w+.-]*://\S+"  # of a page
    r"|\W?\d{1,3}(\.\d{1,3}){3}([/:]\d+)?\W?"  # of a computer
    r"|\W?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\W?"  # of anything
    r"|(/[\w.-]+){2,}/?|[A-Za-z]:\\\S*"  # of a file
)
_INTEGER = re.compile(r"-?\d{1,18}")
_FEWEST_FOR_RANGE = 5
_UNLIKELY = 0.2
_IS_NAME, _IS_ROW, _SAYS_NOTHING = 1, -1, 0


def is_header(first: Sequence[str], body: Sequence[Sequence[str]], *, when_in_doubt: bool = True) -> bool:
    """Whether `first` is a line of names above the rows `body`, which are all of one width; `first` may have one cell
    less, where the names of rows have no name themselves. Where nothing tells, texts are names `when_in_doubt`."""
    if not body:
        # Alone, it is a row when there is not a word in it.
        return any(cell.strip() and (not is_value(cell) or YEAR.fullmatch(cell)) for cell in first)
    others = [row for row in body if list(row) != list(first)]
    if not others:
        # All lines are the same.
        return False
    comes_again = len(others) < len(body)
    names, rows = _votes(first, others, comes_again=comes_again)
    if names != rows:
        return names > rows
    if not when_in_doubt:
        return False
    if len(first) < len(others[0]) or names:
        return True
    if comes_again:
        return not _is_one_of_many(first, others, n_same=len(body) - len(others))
    return any(kind_of(cell) == TEXT for cell in first) or not any(kind_of(cell) != ABSENT for cell in first)


def is_short_row(cells: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether a line with fewer values than the rows below is one of them all the same."""
    names, rows = _votes(cells, body, comes_again=False)
    return rows > names


def _votes(first: Sequence[str], body: Sequence[Sequence[str]], *, comes_again: bool) -> tuple[int, int]:
    """How many cells look like names, and how many like one more cell of their column."""
    columns = columns_of(body, len(first))
    votes = [_vote(cell, column, is_new=not comes_again) for cell, column in zip(first, columns, strict=True)]
    counted = _counted(first, body, columns)
    for index in counted:
        votes[index] = _IS_NAME if index == counted[0] else _SAYS_NOTHING
    return votes.count(_IS_NAME), votes.count(_IS_ROW)


def _vote(cell: str, column: Cells, *, is_new: bool) -> int:
    text, kind = cell.strip(), kind_of(cell)
    if kind == ABSENT or column.kind == ABSENT:
        return _SAYS_NOTHING
    if column.holds_values:
        return _vote_over_values(text, kind, column)
    if kind != TEXT:
        return _SAYS_NOTHING
    is_varied = len(column.counts) - ("" in column.counts) > 1
    if text in column.counts:
        # In lists of ticks the name itself stands where something is ticked, and nothing else does.
        return _IS_ROW if is_varied else _SAYS_NOTHING
    if _ADDRESS.fullmatch(text):
        return _IS_ROW if all(_ADDRESS.fullmatch(other) for other in column.counts if other) else _SAYS_NOTHING
    has_digits = any(map(str.isdigit, text))
    if column.shape is not None and "9" in column.shape:
        if shape_of(text) == column.shape:
            return _IS_ROW if sum(map(str.isdigit, text)) > 1 else _SAYS_NOTHING
        return _SAYS_NOTHING if has_digits else _IS_NAME
    return _IS_NAME if is_new and is_varied and column.unseen <= _UNLIKELY else _SAYS_NOTHING


def _vote_over_values(text: str, kind: str, column: Cells) -> int:
    if kind == TEXT:
        return _IS_ROW if text in column.counts else _IS_NAME
    if kind != column.kind:
        return _IS_NAME if kind != NUMBER and column.kind == NUMBER else _SAYS_NOTHING
    if kind != NUMBER or text in column.counts:
        return _IS_ROW
    if YEAR.fullmatch(text) and not _are_years(column):
        return _SAYS_NOTHING
    if _INTEGER.fullmatch(text):
        if column.has_decimals:
            return _SAYS_NOTHING
        if column.range is not None and column.n_filled >= _FEWEST_FOR_RANGE:
            least, largest = column.range
            margin = largest - least + 1
            return _IS_ROW if least - margin <= int(text) <= largest + margin else _SAYS_NOTHING
    return _IS_ROW


def _are_years(column: Cells) -> bool:
    filled = [cell for cell in column.counts if kind_of(cell) != ABSENT]
    return all(YEAR.fullmatch(cell) for cell in filled)


def _counted(first: Sequence[str], body: Sequence[Sequence[str]], columns: Sequence[Cells]) -> list[int]:
    """Where the first line counts: 0, 1, 2 as programs number columns, years, wavelengths; the rows below do not."""
    places = [index for index, cell in enumerate(first) if kind_of(cell) == NUMBER and columns[index].kind == NUMBER]
    has_others = len(places) < len(first)
    steps = _steps([first[index] for index in places])
    if steps is None or any(step <= 0 for step in steps):
        return []
    is_even = len(set(steps)) == 1 and steps[0] == 1
    start = first[places[0]].strip()
    fewest = 3 if has_others or start == "0" or YEAR.fullmatch(start) else 4
    if len(places) < (fewest if is_even else max(5, fewest)):
        return []
    if YEAR.fullmatch(start) and is_even and not any(_are_years(columns[index]) for index in places):
        return places
    rising = [_steps([row[index] for index in places]) for row in body[:50]]
    n_rising = sum(found is not None and all(step > 0 for step in found) for found in rising)
    return places if n_rising <= _UNLIKELY * len(rising) else []


def _steps(cells: Sequence[str]) -> list[float] | None:
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return None
    return [round(after - before, 9) for before, after in itertools.pairwise(numbers)] or None


def _is_one_of_many(first: Sequence[str], others: Sequence[Sequence[str]], *, n_same: int) -> bool:
    """Whether a line of texts that comes again is a row like others: its texts or other rows come again, too, or it is
    as frequent as all others together."""
    texts = {cell.strip() for row in others for cell in row}
    rows = {tuple(row) for row in others}
    return n_same >= len(others) or len(rows) < len(others) or any(cell.strip() in texts for cell in first)
