"""What stands below a table and is no row of it: totals, notes, the number of rows."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.data.delimited.dialect.writing import Writing, split
from flowml.data.headers.cells import is_value

if TYPE_CHECKING:
    import polars as pl

_TAIL_BYTES = 65_536
_MOST_LINES = 60
_FEWEST_ROWS = 2
_LONGEST_LINE = 2000
_COPIED = 1 << 24
_TOTAL = re.compile(
    r"(?i)\W*(grand\s*total|sub\s*-?total|totals?|total\s+general|sum|summe|gesamt(summe)?|insgesamt|somme|totale|totaal|"
    r"suma|soma|łącznie|razem|celkem|итого|всего|合计|总计|合計)\W*"
)
_NOTE = re.compile(
    r"(?i)\W*((source|quelle|fuente|fonte|bron|notes?|footnotes?|anmerkung(en)?|hinweis|generated|exported|created|"
    r"printed|last updated|stand|copyright|disclaimer|end of (file|report))\b|©).*"
)
_DRAWN = re.compile(r"[-_=*+|~. ]{3,}")
_CURRENCY = re.compile(r"[A-Z]{3}|[€$£¥₹]")
_ROW_COUNT = re.compile(r"(?i)\W*\d[\d., ]*\s*(rows?|records?|zeilen|lines?|entries)\b.*")
# What database shells say below a result, wherever the columns part it.
_RESULT_COUNT = re.compile(r"(?i)\(?\d[\d,.]* (rows?|records?) (affected|selected|returned)\.?\)?")


@dataclass(frozen=True)
class Tail:
    """The lines that belong to no row, in the file's order, each with its number counted from the first of them (0),
    and the byte where that begins."""

    lines: list[tuple[int, str]]
    offset: int


def find_tail(path: Path, writing: Writing, width: int, *, first_byte: int) -> Tail | None:
    """Look at the last lines of a UTF-8 file; None when they are all rows. Nothing before `first_byte` is looked at."""
    size = path.stat().st_size
    begin = max(first_byte, size - _TAIL_BYTES)
    with path.open("rb") as file:
        file.seek(begin)
        content = file.read()
    raw = content.splitlines(keepends=True) if b"\r" not in content else re.findall(rb"[^\n]*\n|[^\n]+$", content)
    if begin > first_byte:
        raw = raw[1:]
    texts: list[str] = []
    for line in reversed(raw[-_MOST_LINES:]):
        text = line.decode("utf-8", "replace").strip("\r\n")
        if text.count('"') % 2:
            break
        texts.append(text)
    texts.reverse()
    lines = [_Line.of(text, writing) for text in texts]
    first = min(_first_below(lines, width), _first_after_gap(lines, width))
    if first == len(lines):
        return None
    offset = size - sum(map(len, raw[len(raw) - len(lines) + first :]))
    said = [(at, line.text) for at, line in enumerate(lines[first:]) if line.filled]
    return Tail(said, offset) if offset > first_byte else None


def without_tail(path: Path, tail: Tail, target: Path) -> None:
    """A copy of the file that ends before its tail."""
    with path.open("rb") as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy, _COPIED)
        copy.truncate(tail.offset)


def ends_in_sum(frame: pl.DataFrame) -> bool:
    """Whether the last row has the sums of the numbers above it and no name of its own."""
    import polars as pl

    if frame.height < 4:
        return False
    texts = [column for column in frame.get_columns() if column.dtype == pl.String]
    if not any(column.null_count() == 1 and column[-1] is None for column in texts[:50]):
        return False
    if any(column[-1] is not None for column in texts):
        return False
    numbers = [column for column in frame.get_columns() if column.dtype in (pl.Int64, pl.Float64)]
    summed = [column for column in numbers if column[-1] is not None]
    return len(summed) >= 1 and all(_is_sum(column) for column in summed)


def _is_sum(column: pl.Series) -> bool:
    total, last = float(column[:-1].cast(float).sum()), float(column[-1])
    return last != 0 and abs(total - last) <= 1e-6 * abs(last) + 0.005


@dataclass(frozen=True)
class _Line:
    """One of the last lines: its cells without the blanks around them, None where it is no record of its own."""

    text: str
    cells: list[str] | None

    @classmethod
    def of(cls, text: str, writing: Writing) -> _Line:
        rows = split([text], writing) if 0 < len(text) <= _LONGEST_LINE else []
        return cls(text, [cell.strip() for cell in rows[0].cells] if len(rows) == 1 else None)

    @property
    def filled(self) -> list[str]:
        return [cell for cell in self.cells or [] if cell]

    @property
    def is_gap(self) -> bool:
        """Whether it only parts what is above from what is below: blank, without values, or drawn."""
        if self.cells is None:
            return not self.text.strip()
        return not self.filled or _DRAWN.fullmatch(self.text.strip()) is not None


def _first_below(lines: Sequence[_Line], width: int) -> int:
    """Where the last lines begin that say themselves that they are totals, notes or counts."""
    first = len(lines)
    for at in range(len(lines) - 1, -1, -1):
        if _is_below(lines[at], width):
            first = at
        elif not lines[at].is_gap:
            break
    return first


def _first_after_gap(lines: Sequence[_Line], width: int) -> int:
    """Where something else begins below a gap: lines with fewer values than the rows above have.

    Only the first gap counts, for a table with blank lines in it goes on after them.
    """
    gap = next((at for at, line in enumerate(lines) if line.is_gap), len(lines))
    above = [len(line.filled) for line in lines[:gap]]
    below = [line for line in lines[gap:] if not line.is_gap]
    if len(above) < _FEWEST_ROWS or not below or any(line.cells is None for line in (*lines[:gap], *below)):
        return len(lines)
    # The least of them: where rows have gaps of their own, a line with few values may be one.
    usual = min(above)
    beginning = below[0].filled[0]
    if is_value(beginning) or beginning.lower() in ("true", "false"):
        # Notes begin with words, rows of which much is missing often with a number.
        return len(lines)
    # What begins with a heading is no part of the table, however many values it has.
    is_heading = len(below[0].filled) == 1 < usual - 1
    fewer = all(2 * len(line.filled) <= usual or _is_below(line, width) for line in below)
    return gap if is_heading or fewer else len(lines)


def _is_below(line: _Line, width: int) -> bool:
    cells, filled = line.cells, line.filled
    if not filled or cells is None:
        return False
    if width > 1 and _RESULT_COUNT.fullmatch(line.text.strip()):
        return True
    if len(filled) == 1 and width > 1 and (_NOTE.fullmatch(filled[0]) or _ROW_COUNT.fullmatch(filled[0])):
        return True
    if len(cells) != width and (_NOTE.fullmatch(line.text) or _ROW_COUNT.fullmatch(line.text.strip())):
        return True
    if width > 1 and len(cells) <= width and any(_TOTAL.fullmatch(cell) for cell in filled[:2]):
        return all(
            is_value(cell) or _TOTAL.fullmatch(cell) or _CURRENCY.fullmatch(cell) or cell in ("-", "–")
            for cell in filled
        )
    return False
