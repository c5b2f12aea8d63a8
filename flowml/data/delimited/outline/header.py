"""Where the names of a text table's columns are, and whether there are any."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flowml.data.delimited.dialect.writing import Row
from flowml.data.headers.cells import is_value
from flowml.data.headers.decide import is_header, is_short_row
from flowml.data.headers.further import are_units, n_further, with_unit
from flowml.data.headers.levels import find_levels

_SEARCHED = 50
_MOST_BODY = 500
# So far down a table may begin below a block of notes.
_LONGEST_NOTES = 15
_UNITS = "The header has two lines: the units below were put behind (for example “{}”)."


@dataclass(frozen=True)
class Header:
    """`names` are the cells as they stand, empty without a header. `start` is the index of the first record that
    belongs to the table, `body` that of its first row of values. `joined` says how names of several lines were made."""

    names: tuple[str, ...]
    start: int
    body: int
    joined: str | None = None


def find_header(
    rows: Sequence[Row],
    width: int,
    *,
    has_header: bool | None = None,
    on_top: bool = False,
    one_line: bool = False,
    commented: Sequence[str] = (),
) -> Header:
    """Look for the names among the first records; with `on_top` they are the first, whatever stands there, and with
    `one_line` the next is one of values. `commented` are the cells of a comment right above, which may be names, too.
    """
    start = 0 if on_top else _first_of_table(rows, width)
    first = rows[start].cells
    if has_header is not False and not one_line and (joined := _of_levels(rows, start, width, on_top=on_top)):
        return joined
    body = _body(rows[start + 1 :], width)
    if has_header is None:
        are_above = len(commented) == width > 1 and not all(cell.startswith(" ") for cell in commented[1:])
        has_header = is_header(first, body, when_in_doubt=not are_above)
    if not has_header:
        while not on_top and start and 1 < len(rows[start - 1].cells) < width:
            if not is_short_row(rows[start - 1].cells, body):
                break
            start -= 1
        return Header((), start, start)
    if not one_line and len(first) == width and len(body) > 1 and are_units(first, body[0], body[1:]):
        names = tuple(with_unit(name, unit) for name, unit in zip(first, body[0], strict=True))
        return Header(names, start, start + 2, _UNITS.format(max(names, key=len)[:80]))
    names = tuple(first)
    if len(names) == width - 1:
        # R writes row names without a heading; other programs end every record with a delimiter.
        trailing = all(cells[-1].strip() == "" for cells in body)
        names = (*names, "") if trailing else ("", *names)
    return Header(names, start, start + 1)


def further_lines(rows: Sequence[Row], header: Header, width: int) -> int:
    """How many records right below the names go on describing the columns: texts where numbers and dates follow."""
    if not header.names:
        return 0
    # What comes after a blank line may be a summary of its own.
    run = [row.cells for row in itertools.takewhile(lambda row: row.filled, rows[header.body :])]
    return n_further(run[:_MOST_BODY], width)


def _body(rows: Iterable[Row], width: int) -> list[list[str]]:
    return [row.cells for row in rows if len(row.cells) == width][:_MOST_BODY]


def _of_levels(rows: Sequence[Row], start: int, width: int, *, on_top: bool) -> Header | None:
    """Names that belong together: those of groups above, and of columns below."""
    first = start if on_top else 0
    levels = find_levels([row.cells for row in rows[first : start + 2 * _SEARCHED]], start - first, width)
    if levels is None:
        return None
    top = first + levels.top
    return Header(levels.names, top, top + levels.depth, levels.said("lines"))


def _first_of_table(rows: Sequence[Row], width: int) -> int:
    """The first record that has the table's width; titles, notes and blank lines above it are none."""
    fewest = 1 if width <= 2 else 2
    searched = [(index, row) for index, row in enumerate(rows[:_SEARCHED]) if _may_belong(row, width)]
    places = [index for index, row in searched if row.filled >= fewest] or [index for index, _ in searched]
    if not places:
        return 0
    first = places[0]
    if rows[first].filled <= 0.6 * width:
        for index in places[1:10]:
            row = rows[index]
            body = _body(rows[index + 1 :], width)
            if row.filled < 0.8 * width or not body or any(is_value(cell) for cell in row.cells):
                continue
            if rows[first].filled < 0.5 * width or is_header(row.cells, body):
                return index
    return _below_notes(rows, first, width)


def width_of(rows: Sequence[Row], usual: int, commented: Sequence[str] = ()) -> int:
    """How many columns a table has whose rows have `usual` values mostly: one more where the first line, or the last
    comment above it, names a last column that most rows leave out."""
    first = next((row for row in rows if row.filled), None)
    if first is None or usual < 2:
        return usual
    names = commented if len(commented) > usual and len(first.cells) <= usual + 1 else first.cells
    if len(names) != usual + 1 or not all(cell.strip() for cell in names) or any(is_value(cell) for cell in names):
        return usual
    if all(cell.startswith(" ") for cell in names[1:]) or any(len(row.cells) > len(names) for row in rows):
        return usual
    body = [row.cells for row in rows if len(row.cells) == usual or len(row.cells) == len(names)]
    n_full = sum(len(row) == len(names) for row in body if row is not first.cells)
    return len(names) if n_full else usual


def _may_belong(row: Row, width: int) -> bool:
    """Whether a record has the table's width, or is one of names with none over the first column."""
    cells = len(row.cells)
    return row.filled > 0 and (cells == width or (width > 2 and cells == width - 1 == row.filled))


def _below_notes(rows: Sequence[Row], first: int, width: int) -> int:
    """Where the names are when notes above them happen to have as many commas: below a sentence, or below a blank line
    under a few labelled values."""
    if width > 2 and not _is_sentence(rows[first]):
        return first
    for index in range(first + 1, min(len(rows) - 1, first + _LONGEST_NOTES)):
        row = rows[index]
        if len(row.cells) != width or row.filled < 0.8 * width or any(is_value(cell) for cell in row.cells):
            continue
        above = [other for other in rows[first:index] if other.filled]
        is_apart = not rows[index - 1].filled and len(above) <= _LONGEST_NOTES
        body = _body(itertools.takewhile(lambda row: row.filled, rows[index + 1 :]), width)
        if not body or not any(is_value(cell) for cell in body[0]) or not is_header(row.cells, body):
            continue
        if all(_is_sentence(other) for other in above) and not _is_sentence(row):
            return index
        if is_apart and width == 2 and len(above) < len(body) and _are_labels(above):
            return index
    return first


def _is_sentence(row: Row) -> bool:
    """Whether a record is a text with commas in it, blanks behind each."""
    return row.filled > 1 and all(cell.startswith(" ") and cell.strip() for cell in row.cells[1:])


def _are_labels(above: Sequence[Row]) -> bool:
    labels = [row.cells[0].strip() for row in above]
    return len(set(labels)) == len(labels) and not any(is_value(label) or not label for label in labels)
