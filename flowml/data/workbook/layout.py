"""Where the table is in a sheet: titles above it, rows of column names, totals and notes below."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, overload

from flowml.data.headers.decide import is_header
from flowml.data.headers.levels import find_levels
from flowml.domain.remarks import Remark, loss, note

Row = Sequence[str | None]


class Rows(Protocol):
    """The rows of a sheet as texts, fetched as they are looked at."""

    def __len__(self) -> int: ...

    @overload
    def __getitem__(self, at: int) -> Row: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...


_LOOKED_AT = 30
# Rows over one that may be names of groups.
_LOOKED_ABOVE = 3
_TOTAL = re.compile(
    r"^((grand |sub-?)?totals?|sums?|summe|gesamt(summe|betrag)?|insgesamt|totale|suma|итого)\s*:?$",
    re.IGNORECASE,
)


@dataclass
class Layout:
    """Rows count from 0 at the top of the sheet. `first` is the first row of values, `end` the one after the last;
    `names` are the cells of the header, None when there is none; `remarks` say what else was in the sheet, and how
    the names of several rows were joined."""

    first: int
    end: int
    names: list[str] | None
    header: int
    remarks: list[Remark] = field(default_factory=list)


def find_layout(rows: Rows, filled: list[int], asked: int | None) -> Layout:
    """The layout of a sheet of texts, `filled` of which are there in each row. `asked` is the number of the header's
    row, from 1; 0 for none."""
    end = _end(rows)
    if asked is not None:
        names = _names(rows[asked - 1]) if 0 < asked <= len(rows) else None
        first = asked if names is not None else next((at for at, count in enumerate(filled) if count), 0)
        layout = Layout(first, end, names, asked if names is not None else 0)
    else:
        header = _header(rows, filled)
        layout = _with_header(rows, filled, header, end)
    layout.end = _without_footer(rows, filled, layout)
    return layout


def _end(rows: Rows) -> int:
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
    if not len(rows):
        return Layout(0, 0, None, 0)
    top = max(0, header - _LOOKED_ABOVE)
    window = [_names(row) for row in rows[top : min(end, header + _LOOKED_AT)]]
    used = [index for index in range(len(window[0])) if any(row[index].strip() for row in window)]
    cropped = [[row[index] for index in used] for row in window]
    first, body = cropped[header - top], [row for row in cropped[header - top + 1 :] if any(row)]
    remarks: list[Remark] = []
    start = header
    if levels := find_levels(cropped, header - top, len(used)):
        start, bottom = top + levels.top, top + levels.top + levels.depth
        by_place = dict(zip(used, levels.names, strict=True))
        layout = Layout(bottom, end, [by_place.get(index, "") for index in range(len(window[0]))], bottom)
        remarks.append(note("names_joined", levels.said("rows")))
    elif is_header(first, body):
        layout = Layout(header + 1, end, _names(rows[header]), header + 1)
    else:
        layout = Layout(header, end, None, 0)
    if titles := [at for at in range(start) if filled[at]]:
        layout.remarks.append(loss("around_table_left_out", f"Above the table, {_rows_said(titles, rows)}"))
    layout.remarks += remarks
    return layout


def _rows_said(places: Sequence[int], rows: Rows) -> str:
    said = "; ".join(f"row {at + 1}: “{_shown(rows[at])}”" for at in places[:5])
    more = f" (and {len(places) - 5:,} more)" if len(places) > 5 else ""
    were = "row was" if len(places) == 1 else "rows were"
    return f"{len(places):,} {were} left out{more}: {said}."


def _shown(row: Row) -> str:
    return " ".join(cell for cell in row if cell)[:80]


def _without_footer(rows: Rows, filled: list[int], layout: Layout) -> int:
    """The end of the table without a last row of totals, and without notes after an empty row."""
    end = layout.end
    width = max(filled[layout.first : end], default=0)
    notes = end
    while notes > layout.first + 1 and filled[notes - 1] <= 1 < width - 1:
        notes -= 1
    said = [at for at in range(notes, end) if filled[at]]
    if said and notes > layout.first + 1 and not filled[notes]:
        layout.remarks.append(loss("around_table_left_out", f"Below the table, {_rows_said(said, rows)}"))
        end = notes
    if end - layout.first > 2:
        last = next((cell.strip() for cell in rows[end - 1] if cell), "")
        if _TOTAL.match(last) and filled[end - 1] > 1:
            totals = f"A row of totals was left out: row {end}: “{_shown(rows[end - 1])}”."
            layout.remarks.append(loss("totals_left_out", totals))
            end -= 1
            while end > layout.first and not filled[end - 1]:
                end -= 1
    return end
