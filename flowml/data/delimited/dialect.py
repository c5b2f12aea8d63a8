"""How a text table is written: its delimiter, where its header is, how many columns it has."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

CANDIDATES = (",", ";", "\t", "|")
WHITESPACE = "whitespace"
_NUMBER = re.compile(r"\s*[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?\s*%?\s*")
_YEAR = re.compile(r"\s*(1[89]|20|21)\d\d\s*")


@dataclass(frozen=True)
class Dialect:
    """`delimiter` is one character, WHITESPACE for runs of blanks, or empty for a table of one column.

    `names` are the header's cells as they stand; without a header they are empty and `has_header` is false.
    `preamble` counts the lines before the table that do not belong to it, `width` the fields of its records.
    """

    delimiter: str
    has_header: bool
    names: tuple[str, ...]
    width: int
    preamble: int = 0
    skip_initial_space: bool = False
    quote: str = '"'


def sniff_dialect(lines: Sequence[str], *, delimiter: str | None = None, has_header: bool | None = None) -> Dialect:
    """Decide from the first lines of a file; what the caller knows already is taken as it is.

    >>> sniff_dialect(["a;b", "1,5;2", "2,5;3"]).delimiter
    ';'
    """
    chosen = _best_delimiter(lines) if delimiter is None else delimiter
    rows = split(lines, chosen)
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    width = Counter(len(row) for row in filled).most_common(1)[0][0]
    preamble, header = _find_header(rows, width)
    body = [row for row in rows[preamble + 1 :] if len(row) == width][:500]
    if has_header is None:
        has_header = _is_header(header, body)
    names = tuple(header) if has_header else ()
    if has_header and len(names) == width - 1:
        # R writes row names without a heading; other programs end every record with a delimiter.
        trailing = all(row[-1].strip() == "" for row in body)
        names = (*names, "") if trailing else ("", *names)
    later = [cell for row in body for cell in row[1:] if cell]
    spaced = bool(later) and sum(cell.startswith(" ") for cell in later) > 0.9 * len(later)
    return Dialect(chosen, has_header, names, max(width, len(names)), preamble, spaced)


def split(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """The records of some lines; a quoted line break at their end is cut off."""
    if delimiter == WHITESPACE:
        return [line.split() for line in lines]
    if delimiter == "":
        return [[line] for line in lines]
    return list(csv.reader((f"{line}\n" for line in lines), delimiter=delimiter))


def _best_delimiter(lines: Sequence[str]) -> str:
    scored = {candidate: _score(split(lines, candidate), candidate) for candidate in CANDIDATES}
    best = max(CANDIDATES, key=lambda candidate: scored[candidate])
    if scored[best] >= 0.5:
        return best
    if _is_aligned(lines):
        return WHITESPACE
    # A ragged table of commas is still one; the scan names its bad lines later.
    return best if scored[best] > 0.2 else ""


def _score(rows: list[list[str]], delimiter: str) -> float:
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        return 0.0
    counts = Counter(len(row) for row in rows)
    width, frequency = max(
        ((width, count) for width, count in counts.items() if width > 1), key=lambda item: item[1], default=(1, 0)
    )
    if width == 1:
        return 0.0
    others = [candidate for candidate in CANDIDATES if candidate != delimiter]
    cells = [cell for row in rows[:200] for cell in row]
    foreign = sum(any(other in cell for other in others) and not _NUMBER.fullmatch(cell) for cell in cells)
    header_fits = len(rows[0]) in (width, width - 1)
    return frequency / len(rows) * (1 - 0.5 * foreign / len(cells)) * (1.0 if header_fits else 0.8) + 0.001 * min(
        width, 50
    )


def _is_aligned(lines: Sequence[str]) -> bool:
    """Columns kept apart by blanks: the same number everywhere, and mostly numbers."""
    rows = [line.split() for line in lines if line.strip()]
    if len(rows) < 2:
        return False
    width, frequency = Counter(len(row) for row in rows).most_common(1)[0]
    cells = [cell for row in rows[1:] for cell in row]
    numbers = sum(_NUMBER.fullmatch(cell) is not None for cell in cells)
    return width > 1 and frequency >= 0.9 * len(rows) and numbers >= 0.5 * len(cells)


def _find_header(rows: list[list[str]], width: int) -> tuple[int, list[str]]:
    """Where the first record of the table's width is; titles and blank lines above it are the preamble."""
    wanted = (width,) if width <= 2 else (width, width - 1)
    for index, row in enumerate(rows[:50]):
        if len(row) in wanted and any(cell.strip() for cell in row):
            return index, row
    return 0, rows[0]


def _is_header(first: list[str], body: list[list[str]]) -> bool:
    """Names are texts that stand above other things; a first line that looks like the ones below is data."""
    if not body:
        return True
    if len(first) < len(body[0]):
        return True
    numeric = [_is_numeric_column(body, index) for index in range(len(first))]
    if any(
        is_numeric and not _NUMBER.fullmatch(cell) and cell.strip() not in ("", "?", "NA")
        for cell, is_numeric in zip(first, numeric, strict=False)
    ):
        return True
    if all(_YEAR.fullmatch(cell) for cell, is_numeric in zip(first, numeric, strict=False) if is_numeric) and any(
        not is_numeric for is_numeric in numeric
    ):
        return not _occurs_below(first, body, numeric)
    return not any(numeric)


def _is_numeric_column(body: list[list[str]], index: int) -> bool:
    cells = [row[index] for row in body if row[index].strip() not in ("", "?", "NA")]
    return bool(cells) and sum(_NUMBER.fullmatch(cell) is not None for cell in cells) >= 0.8 * len(cells)


def _occurs_below(first: list[str], body: list[list[str]], numeric: list[bool]) -> bool:
    """Whether a text of the first line is also a value of its column."""
    return any(
        cell.strip() and not is_numeric and any(row[index] == cell for row in body)
        for index, (cell, is_numeric) in enumerate(zip(first, numeric, strict=False))
    )
