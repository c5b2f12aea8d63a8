"""Files whose writer quotes by type: texts in quotation marks, everything else bare.

FlowML's own CSV is one (names bare, texts quoted, missing values an empty bare field), and so are R's `write.table` and
Python's `QUOTE_NONNUMERIC`. In such a file "007" is a text that its writer meant as one, and "" is an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_MOST_SAMPLED = 200_000
_TYPED = re.compile(
    r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?inf|true|false|NA|NaN|nan"
    r"|\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"[^\w\s]?\s?[-+(]*\d[\d.']*(,\d+)+(\.\d+)?[%)-]?\s?[^\w\s]?\"")
# One value that looks like an amount proves nothing.
_FEWEST_AMOUNTS = 2


@dataclass(frozen=True)
class Quoting:
    """`texts` are the places of the columns whose quoted values are taken literally. `bare_na` has the rows in which
    some of them write a missing value as NA without quotation marks, as R does. `names_apart`: the header's quoting
    is not that of the columns, so that it is a header."""

    texts: tuple[int, ...]
    bare_na: dict[int, NDArray[np.intp]] = field(default_factory=dict)
    names_apart: bool = False


def suspect_quoting(lines: Sequence[str], delimiter: str) -> Quoting | None:
    """Whether the first lines look like a file that quotes by type; the first record holds the names."""
    rows = _raw_rows("\n".join(lines)[:_MOST_SAMPLED], delimiter)
    if rows is None or len(rows) < 2:
        return None
    names, body = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if len(body) < len(rows) - 1 or not body:
        return None
    columns = list(zip(*body, strict=True))
    quoted = [any(_is_quoted(cell) for cell in cells) for cells in columns]
    if not any(quoted) or any(
        not _is_quoted(cell) and cell not in ("", "NA")
        for cells, is_quoted in zip(columns, quoted, strict=True)
        if is_quoted
        for cell in cells
    ):
        return None
    bare_names = any(name and not _is_quoted(name) for name in names)
    texts = tuple(index for index, is_quoted in enumerate(quoted) if is_quoted)
    others = [cell for cells, is_quoted in zip(columns, quoted, strict=True) if not is_quoted for cell in cells if cell]
    if not others and not bare_names and not all(_needs_quotes(name, delimiter) for name in names):
        # Everything is quoted, the names too: that says nothing of types.
        return None
    cells = [cell for index in texts for cell in columns[index] if _is_quoted(cell)]
    if all(_needs_quotes(cell, delimiter) and cell != '""' for cell in cells) and (
        not all(_TYPED.fullmatch(cell) for cell in others) or any(_are_amounts(columns[index]) for index in texts)
    ):
        # Quoted only where it must be: "1,234.50" is an amount.
        return None
    apart = any(name and _is_quoted(name) != is_quoted for name, is_quoted in zip(names, quoted, strict=True))
    return Quoting(texts, names_apart=apart)


def _raw_rows(text: str, delimiter: str) -> list[list[str]] | None:
    """Fields with their quotation marks; None when some mark is out of place. The last record may be cut off."""
    token = re.compile(rf'("(?:[^"]|"")*"|[^"{re.escape(delimiter)}\n]*)({re.escape(delimiter)}|\n|\Z)')
    rows: list[list[str]] = [[]]
    place = 0
    while True:
        found = token.match(text, place)
        if found is None:
            complete = rows[:-1]
            # Only the end of the sample may be cut in two.
            return complete if len(text) >= _MOST_SAMPLED or text.count('"') % 2 else None
        rows[-1].append(found[1])
        place = found.end()
        if found[2] == "":
            if len(text) >= _MOST_SAMPLED:
                return rows[:-1]
            return rows if rows[-1] != [""] or len(rows[0]) == 1 else rows[:-1]
        if found[2] == "\n":
            rows.append([])


def _is_quoted(cell: str) -> bool:
    return cell.startswith('"')


def _are_amounts(cells: Sequence[str]) -> bool:
    amounts = {cell for cell in cells if cell}
    return len(amounts) >= _FEWEST_AMOUNTS and all(_AMOUNT.fullmatch(cell[1:50]) for cell in amounts)


def _needs_quotes(cell: str, delimiter: str) -> bool:
    inner = cell[1:-1] if _is_quoted(cell) else cell
    return any(character in inner for character in (delimiter, '"', "\n", "\r")) or inner != inner.strip() or not inner
