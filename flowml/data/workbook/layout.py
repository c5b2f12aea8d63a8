"""Where the table is in a sheet: titles above it, one or two rows of column names, totals and notes below."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, overload

Row = Sequence[str | None]


class Rows(Protocol):
    """The rows of a sheet as texts, fetched as they are looked at."""

    def __len__(self) -> int: ...

    @overload
    def __getitem__(self, at: int) -> Row: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...


_LOOKED_AT = 30
_NUMBER = re.compile(r"^[-+]?\d*\.?\d+([eE][-+]?\d+)?$")
_DATE = re.compile(r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d.*)?$")
_YEAR = re.compile(r"^(19|20)\d\d$")
_TOTAL = re.compile(
    r"^((grand |sub-?)?totals?|sums?|summe|gesamt(summe|betrag)?|insgesamt|totale|suma|итого)\s*:?$",
    re.IGNORECASE,
)


@dataclass
class Layout:
    """Rows count from 0 at the top of the sheet. `first` is the first row of values, `end` the one after the last;
    `names` are the cells of the header, None when there is none; `left_out` says what else was in the sheet."""

    first: int
    end: int
    names: list[str] | None
    header: int
    left_out: list[str] = field(default_factory=list)


def find_layout(rows: Rows, filled: list[int], asked: int | None) -> Layout:
    """The layout of a sheet of texts, `filled` of which are there in each row. `asked` is the number of the header's
    row, from 1; 0 for none."""
    end = _end(rows, filled)
    if asked is not None:
        names = _names(rows[asked - 1]) if 0 < asked <= len(rows) else None
        first = asked if names is not None else next((at for at, count in enumerate(filled) if count), 0)
        layout = Layout(first, end, names, asked if names is not None else 0)
    else:
        header = _header(rows, filled)
        layout = _with_header(rows, filled, header, end)
    layout.end = _without_footer(rows, filled, layout)
    return layout


def _end(rows: Rows, filled: list[int]) -> int:
    end = len(rows)
    while end and not any(cell and cell.strip() for cell in rows[end - 1]):
        end -= 1
    return end


def _names(row: Row) -> list[str]:
    return ["" if cell is None else cell for cell in row]


def _header(rows: Rows, filled: list[int]) -> int:
    """The row of column names: the first that is about as full as those below it."""
    for at in range(min(_LOOKED_AT, len(rows))):
        if not filled[at]:
            continue
        below = sorted(count for count in filled[at + 1 : at + 1 + _LOOKED_AT] if count)
        typical = below[len(below) // 2] if below else 0
        if filled[at] >= max(0.6 * typical, 1 if typical <= 1 else 2) or not below:
            return at
    return next((at for at, count in enumerate(filled) if count), 0)


def _with_header(rows: Rows, filled: list[int], header: int, end: int) -> Layout:
    titles = [at for at in range(header) if filled[at]]
    if not len(rows):
        return Layout(0, 0, None, 0)
    if header + 1 < end and _is_group_row(rows, header):
        # The row above names groups of columns by cells that were merged.
        names = _joined(rows[header], rows[header + 1])
        layout = Layout(header + 2, end, names, header + 2)
    elif titles and titles[-1] == header - 1 and filled[titles[-1]] > 1 and _is_group_row(rows, titles[-1]):
        names = _joined(rows[titles.pop()], rows[header])
        layout = Layout(header + 1, end, names, header + 1)
    elif _looks_like_values(rows, header):
        layout = Layout(header, end, None, 0)
    else:
        layout = Layout(header + 1, end, _names(rows[header]), header + 1)
    if titles:
        layout.left_out.append(f"Above the table, {_rows_said(titles, rows)}")
    return layout


def _rows_said(places: Sequence[int], rows: Rows) -> str:
    said = "; ".join(f"row {at + 1}: “{_shown(rows[at])}”" for at in places[:5])
    more = f" (and {len(places) - 5:,} more)" if len(places) > 5 else ""
    were = "row was" if len(places) == 1 else "rows were"
    return f"{len(places):,} {were} left out{more}: {said}."


def _shown(row: Row) -> str:
    return " ".join(cell for cell in row if cell)[:80]


def _is_group_row(rows: Rows, at: int) -> bool:
    """Whether a row names groups: it has gaps, and the next row names every column and is itself no row of values."""
    row, under = rows[at], rows[at + 1]
    gaps = sum(cell is None for cell in row[: len(under)])
    return (
        gaps > 0
        and sum(cell is not None for cell in row) >= 2
        and all(cell is not None and not _is_value(cell) for cell in under)
        and len(set(under)) < len(under)
        and all(cell is None or not _is_value(cell) for cell in row)
    )


def _joined(groups: Row, names: Row) -> list[str]:
    joined, group = [], ""
    for above, name in zip(groups, names, strict=True):
        group = above.strip() if above else group
        joined.append(name or "" if not group or group == name else f"{group} {name or ''}".strip())
    return joined


def _is_value(cell: str) -> bool:
    return (_NUMBER.match(cell) is not None and not _YEAR.match(cell)) or _DATE.match(cell) is not None


def _looks_like_values(rows: Rows, at: int) -> bool:
    """Whether a row has numbers or dates where those below it have them too, so that it is no header."""
    cells = [(index, cell) for index, cell in enumerate(rows[at]) if cell is not None]
    values = [index for index, cell in cells if _is_value(cell)]
    if len(values) * 2 < len(cells) or not values:
        return False
    below = rows[at + 1 : at + 1 + _LOOKED_AT]
    if not below:
        # Alone, it is one row of data when there is not a word in it.
        return len(values) == len(cells)
    return all(_share_of_values([row[index] for row in below]) > 0.5 for index in values)


def _share_of_values(cells: Sequence[str | None]) -> float:
    present = [cell for cell in cells if cell is not None]
    return sum(_is_value(cell) or _YEAR.match(cell) is not None for cell in present) / len(present) if present else 0.0


def _without_footer(rows: Rows, filled: list[int], layout: Layout) -> int:
    """The end of the table without a last row of totals, and without notes after an empty row."""
    end = layout.end
    width = max(filled[layout.first : end], default=0)
    notes = end
    while notes > layout.first + 1 and filled[notes - 1] <= 1 < width - 1:
        notes -= 1
    said = [at for at in range(notes, end) if filled[at]]
    if said and notes > layout.first + 1 and not filled[notes]:
        layout.left_out.append(f"Below the table, {_rows_said(said, rows)}")
        end = notes
    if end - layout.first > 2:
        last = next((cell.strip() for cell in rows[end - 1] if cell), "")
        if _TOTAL.match(last) and filled[end - 1] > 1:
            layout.left_out.append(f"A row of totals was left out: row {end}: “{_shown(rows[end - 1])}”.")
            end -= 1
            while end > layout.first and not filled[end - 1]:
                end -= 1
    return end
