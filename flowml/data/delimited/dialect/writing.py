"""How a text table is written: its delimiter and quotation marks, where its header is, how many columns it has."""

from __future__ import annotations

import csv
import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from flowml.data.delimited.dialect.block import width_of_block
from flowml.data.delimited.dialect.escapes import uses_backslashes, with_doubled_marks
from flowml.data.delimited.dialect.spacing import find_columns, is_spaced, split_fixed, split_spaced
from flowml.data.delimited.dialect.words import are_words, split_words

CANDIDATES = (",", ";", "\t", "|")
# Believed only where every line has the same number of them.
UNUSUAL = ("^", "~", ":")
WHITESPACE = "whitespace"
SPACED = "spaced"
FIXED = "fixed"
NUMBER = re.compile(r"\s*[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?\s*%?\s*")
# No table for people to read has longer lines.
_LONGEST = 100_000
_LOOKED_AT = 500
_SINGLE_QUOTED = re.compile(r"(?:^|[,;\t|])\s?'(?:[^'\n]|'')*'\s*(?=[,;\t|]|$)")


@dataclass(frozen=True)
class Writing:
    """How the lines of a file are taken apart.

    `delimiter` is one character, WHITESPACE for runs of blanks, SPACED for two blanks or more, FIXED for the places
    `starts`, or empty for a table of one column. `quote` is empty where marks are part of the values; `escaped` says
    that quotes inside quotes have a backslash in front, `skips_blanks` that those behind a delimiter are no part of the
    value, whose quotation mark follows them.
    """

    delimiter: str
    quote: str = '"'
    escaped: bool = False
    starts: tuple[int, ...] = ()
    skips_blanks: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether a strict parser of CSV can read it."""
        return self.delimiter not in (WHITESPACE, SPACED, FIXED) and (self.quote == '"' and not self.escaped)

    @property
    def may_quote(self) -> bool:
        """Whether marks around a value are no part of it."""
        return self.has_quotes or (self.delimiter == WHITESPACE and self.quote != "")

    @property
    def has_quotes(self) -> bool:
        """Whether a value may be quoted, and so go over several lines."""
        return self.delimiter not in (WHITESPACE, SPACED, FIXED, "") and self.quote != ""


@dataclass(frozen=True)
class Row:
    """One record of the sample: its cells, the index of its first line, and of the line after its last."""

    cells: list[str]
    first: int
    end: int

    @functools.cached_property
    def filled(self) -> int:
        return sum(bool(cell.strip()) for cell in self.cells)


def find_writing(lines: Sequence[str], *, delimiter: str | None = None, quote: str | None = None) -> Writing:
    """Decide from the first lines of a file; what the caller knows already is taken as it is.

    >>> find_writing(["a;b", "1,5;2", "2,5;3"]).delimiter
    ';'
    """
    readable = [line for line in lines if len(line) <= _LONGEST]
    if quote is None:
        quote = "'" if _uses_single_quotes(readable) else '"'
    escaped = quote == '"' and uses_backslashes(readable)
    chosen = _best_delimiter(lines, quote, escaped) if delimiter is None else delimiter
    if (
        delimiter is None
        and chosen in CANDIDATES
        and usual_width(split(lines, _parted(chosen, quote, escaped, lines))) == 1
    ):
        # Here and there a comma in a column of sentences.
        chosen = ""
    if chosen == "" and delimiter is None and _is_one_quoted_column(lines, quote):
        chosen = ","
    starts = find_columns(lines) if chosen == FIXED else ()
    if chosen == FIXED and not starts:
        starts = (0,)
    skips_blanks = len(chosen) == 1 and _marks_follow_blanks(readable, chosen, quote)
    return Writing(chosen, quote, escaped, starts, skips_blanks)


def split(lines: Sequence[str], writing: Writing) -> list[Row]:
    """The records of some lines; a quoted value may go over several."""
    if writing.delimiter in (WHITESPACE, SPACED, FIXED, "") or not writing.quote:
        return [Row(split_line(line, writing), index, index + 1) for index, line in enumerate(lines)]
    rows: list[Row] = []
    reader = csv.reader(
        (f"{with_doubled_marks(line, writing.delimiter) if writing.escaped else line}\n" for line in lines),
        delimiter=writing.delimiter,
        quotechar=writing.quote,
        skipinitialspace=writing.skips_blanks,
    )
    before = 0
    for cells in reader:
        rows.append(Row(cells, before, reader.line_num))
        before = reader.line_num
    return rows


def split_line(line: str, writing: Writing) -> list[str]:
    """The values of a line that is a record of its own, in writings without quotation marks."""
    match writing.delimiter:
        case "whitespace":
            return split_words(line, writing.quote)
        case "spaced":
            return split_spaced(line)
        case "fixed":
            return split_fixed(line, writing.starts)
        case "":
            return [line.strip("\r\n")]
        case delimiter:
            return line.strip("\r\n").split(delimiter)


def usual_width(rows: Sequence[Row]) -> int:
    """How many values most records have, or those of a table below a block of labels."""
    filled = Counter(len(row.cells) for row in rows if row.filled)
    usual = filled.most_common(1)[0][0] if filled else 1
    return width_of_block([row.cells for row in rows], usual) or usual


def _uses_single_quotes(lines: Sequence[str]) -> bool:
    single = sum(_SINGLE_QUOTED.search(line) is not None for line in lines)
    return single >= 2 and single > 0.5 * len(lines) and sum('"' in line for line in lines) < 0.1 * len(lines)


def _is_one_quoted_column(lines: Sequence[str], quote: str) -> bool:
    if not any(line.startswith(quote) for line in lines):
        return False
    rows = [row for row in split(lines, Writing(",", quote)) if row.cells]
    return sum(len(row.cells) == 1 for row in rows) >= 0.9 * len(rows)


def _best_delimiter(lines: Sequence[str], quote: str, escaped: bool) -> str:
    rows = {candidate: split(lines, _parted(candidate, quote, escaped, lines)) for candidate in CANDIDATES}
    scored = {candidate: _score(rows[candidate], candidate) for candidate in CANDIDATES}
    best = max(CANDIDATES, key=lambda candidate: scored[candidate])
    if quote and are_words(lines, quote):
        return WHITESPACE
    spaced = is_spaced(lines)
    if scored[best] >= 0.5 and not (spaced > usual_width(rows[best]) and _has_gaps(rows[best])):
        return best
    if _is_aligned(lines):
        return WHITESPACE
    if spaced:
        return SPACED
    for candidate in UNUSUAL:
        if _is_everywhere(split(lines, Writing(candidate, quote)), candidate):
            return candidate
    if find_columns(lines):
        return FIXED
    # A ragged table of commas is still one; the scan names its bad lines later.
    return best if scored[best] > 0.2 else ""


def _parted(delimiter: str, quote: str, escaped: bool, lines: Sequence[str]) -> Writing:
    return Writing(delimiter, quote, escaped, skips_blanks=_marks_follow_blanks(lines, delimiter, quote))


def _marks_follow_blanks(lines: Sequence[str], delimiter: str, quote: str) -> bool:
    """Whether quotation marks stand a blank or more behind the delimiter, and close right before the next."""
    if not quote:
        return False
    mark, between = re.escape(quote), re.escape(delimiter)
    opened = re.compile(rf"{between} +{mark}")
    closed = re.compile(rf"{between} +{mark}(?:[^{mark}\\]|\\.|{mark}{mark})*+{mark} *(?={between}|$)")
    n_opened = n_closed = 0
    for line in lines[:_LOOKED_AT]:
        if quote in line and len(line) <= _LONGEST and (found := opened.findall(line)):
            n_opened += len(found)
            n_closed += len(closed.findall(line))
    return n_closed > 0 and n_closed >= 0.9 * n_opened


def _score(rows: list[Row], delimiter: str) -> float:
    rows = [row for row in rows if row.filled]
    if not rows:
        return 0.0
    counts = Counter(len(row.cells) for row in rows)
    width, frequency = max(
        ((width, count) for width, count in counts.items() if width > 1), key=lambda item: item[1], default=(1, 0)
    )
    if width == 1:
        return 0.0
    others = [candidate for candidate in CANDIDATES if candidate != delimiter]
    cells = [cell for row in rows[:200] for cell in row.cells]
    foreign = sum(any(other in cell for other in others) and not NUMBER.fullmatch(cell) for cell in cells)
    header_fits = len(rows[0].cells) in (width, width - 1)
    return frequency / len(rows) * (1 - 0.5 * foreign / len(cells)) * (1.0 if header_fits else 0.8) + 0.001 * min(
        width, 50
    )


def _has_gaps(rows: list[Row]) -> bool:
    """Whether values hold blanks that keep columns apart, so that the delimiter is only part of a text."""
    gaps = sum(any("  " in cell.strip() for cell in row.cells) for row in rows)
    return gaps > 0.8 * len(rows)


def _is_everywhere(rows: list[Row], delimiter: str) -> bool:
    widths = {len(row.cells) for row in rows if row.filled}
    # A colon also stands in times, and after the first word of a sentence.
    fewest = 3 if delimiter == ":" else 2
    if len(rows) < 3 or len(widths) != 1 or min(widths) < fewest:
        return False
    return delimiter != ":" or not all(re.fullmatch(r".*\d\d?:\d\d(:\d\d.*)?", ":".join(row.cells)) for row in rows[1:])


def _is_aligned(lines: Sequence[str]) -> bool:
    """Columns kept apart by blanks: the same number everywhere, and mostly numbers."""
    if any(len(line) > _LONGEST for line in lines):
        return False
    rows = [line.split() for line in lines if line.strip()]
    if len(rows) < 2:
        return False
    width, frequency = Counter(len(row) for row in rows).most_common(1)[0]
    cells = [cell for row in rows[1:] for cell in row]
    numbers = sum(NUMBER.fullmatch(cell) is not None for cell in cells)
    return width > 1 and frequency >= 0.9 * len(rows) and numbers >= 0.5 * len(cells)
