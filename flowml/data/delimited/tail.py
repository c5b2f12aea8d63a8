"""What stands below a table and is no row of it: totals, notes, the number of rows."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.data.delimited.dialect import Writing, split
from flowml.data.delimited.header import looks_like_value

if TYPE_CHECKING:
    import polars as pl

_TAIL_BYTES = 65_536
_MOST_LINES = 20
_LONGEST_LINE = 2000
_COPIED = 1 << 24
_SHOWN_CHARACTERS = 80
_TOTAL = re.compile(
    r"(?i)\W*(grand\s*total|sub\s*-?total|totals?|total\s+general|sum|summe|gesamt(summe)?|insgesamt|somme|totale|totaal|"
    r"suma|soma|łącznie|razem|celkem|итого|всего|合计|总计|合計)\W*"
)
_NOTE = re.compile(
    r"(?i)\W*((source|quelle|fuente|fonte|bron|notes?|footnotes?|anmerkung(en)?|hinweis|generated|exported|created|"
    r"printed|last updated|stand|copyright|disclaimer|end of (file|report))\b|©).*"
)
_ROW_COUNT = re.compile(r"(?i)\W*\d[\d., ]*\s*(rows?|records?|zeilen|lines?|entries)\b.*")


@dataclass(frozen=True)
class Tail:
    """The lines that belong to no row, in the file's order, and the byte where the first of them begins."""

    lines: list[str]
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
    offset, found, last = size, [], size
    for line in reversed(raw[-_MOST_LINES:]):
        text = line.decode("utf-8", "replace").strip("\r\n")
        if text.count('"') % 2:
            break
        offset -= len(line)
        if not text.strip():
            continue
        if not _is_below(text, writing, width):
            break
        found.append(text)
        last = offset
    return Tail(found[::-1], last) if found and last > first_byte else None


def without_tail(path: Path, tail: Tail, target: Path) -> None:
    """A copy of the file that ends before its tail."""
    with path.open("rb") as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy, _COPIED)
    os.truncate(target, tail.offset)


def describe(lines: Sequence[str], first_number: int) -> str:
    """The lines that were left out, as people would look them up."""
    shown = []
    for number, line in enumerate(lines[:5], start=first_number):
        text = line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"
        shown.append(f"line {number:,}: “{text}”")
    return "; ".join(shown)


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


def _is_below(text: str, writing: Writing, width: int) -> bool:
    rows = split([text], writing) if len(text) <= _LONGEST_LINE else []
    if len(rows) != 1:
        return False
    cells = [cell.strip() for cell in rows[0].cells]
    filled = [cell for cell in cells if cell]
    if not filled:
        return False
    if len(filled) == 1 and width > 1 and (_NOTE.fullmatch(filled[0]) or _ROW_COUNT.fullmatch(filled[0])):
        return True
    if len(cells) != width and (_NOTE.fullmatch(text) or _ROW_COUNT.fullmatch(text.strip())):
        return True
    if width > 1 and len(cells) <= width and any(_TOTAL.fullmatch(cell) for cell in filled[:2]):
        return all(looks_like_value(cell) or _TOTAL.fullmatch(cell) or cell in ("-", "–") for cell in filled)
    return False
