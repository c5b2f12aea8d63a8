"""A text table with bad lines, rewritten as a clean one; every change is said with line number and content."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flowml.data.delimited.dialect import WHITESPACE, Dialect
from flowml.domain.errors import UnreadableFile

_SHOWN_LINES = 5
_SHOWN_CHARACTERS = 80
_MOST_LINES_OF_ONE_VALUE = 200
# How much may be parsed in search of closing marks, so that a file full of stray ones takes no longer.
_SEARCHED_CHARACTERS = 20_000_000
_TOLERATED_SHARE = 0.1
_TOLERATED_LINES = 10


@dataclass
class _Findings:
    """Lines of one kind: how many, and the first few as people would look them up."""

    total: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, line_number: int, text: str, remark: str = "") -> None:
        self.total += 1
        if len(self.examples) < _SHOWN_LINES:
            shown = text.rstrip("\r\n")
            shown = shown if len(shown) <= _SHOWN_CHARACTERS else shown[: _SHOWN_CHARACTERS - 1] + "…"
            self.examples.append(f"line {line_number}{remark}: “{shown}”")

    def sentence(self, one: str, many: str) -> str:
        more = f" (and {self.total - len(self.examples):,} more)" if self.total > len(self.examples) else ""
        return f"{one if self.total == 1 else f'{self.total:,} {many}'}{more}: {'; '.join(self.examples)}"


def repair(path: Path, dialect: Dialect, first_line: int, target: Path) -> list[str]:
    """Write the records after the first `first_line` lines of a UTF-8 file to `target`, comma-separated, each with
    `dialect.width` fields; returns what was changed.

    Records with too few values are filled up with missing ones; those with too many are left out. Raises
    UnreadableFile when these are so many that the table is probably misunderstood.
    """
    short, long, unclosed, trimmed = _Findings(), _Findings(), _Findings(), _Findings()
    kept = 0
    with (
        path.open(encoding="utf-8", errors="replace", newline="\n") as file,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out, lineterminator="\n")
        for number, line, record in _records(file, dialect, first_line, unclosed):
            if len(record) < dialect.width:
                short.add(number, line, f" ({len(record)} of {dialect.width} values)")
                record = record + [""] * (dialect.width - len(record))
            elif len(record) > dialect.width:
                if any(cell.strip() for cell in record[dialect.width :]):
                    long.add(number, line, f" ({len(record)} values, {dialect.width} expected)")
                    continue
                trimmed.add(number, line)
                record = record[: dialect.width]
            writer.writerow(record)
            kept += 1
    if long.total > max(_TOLERATED_LINES, _TOLERATED_SHARE * (kept + long.total)):
        raise UnreadableFile(
            f"{long.total:,} of {kept + long.total:,} lines have more values than the table has columns"
            f" ({dialect.width}), for example {long.examples[0]}.",
            hint="Check the delimiter, or put values that contain it into quotation marks.",
        )
    warnings = []
    if long.total:
        warnings.append(
            long.sentence("1 line has too many values and was left out", "lines have too many values and were left out")
        )
    if short.total:
        warnings.append(
            short.sentence(
                "1 line has too few values; the others count as missing",
                "lines have too few values; the others count as missing",
            )
        )
    if unclosed.total:
        warnings.append(
            unclosed.sentence(
                "1 line has a quotation mark that is never closed; it was taken as part of the value",
                "lines have a quotation mark that is never closed; it was taken as part of the value",
            )
        )
    # Trailing delimiters on a few lines change nothing that matters, but what was cut is said.
    if trimmed.total:
        warnings.append(trimmed.sentence("1 line ends in empty extra values", "lines end in empty extra values"))
    return warnings


def _records(
    file: Iterator[str], dialect: Dialect, first_line: int, unclosed: _Findings
) -> Iterator[tuple[int, str, list[str]]]:
    """Line number (from 1), text and fields of each record that is not blank."""
    pending: list[tuple[int, str]] = []
    lines = iter(enumerate(file, start=1))
    for _ in range(first_line):
        next(lines, None)
    searchable = _SEARCHED_CHARACTERS
    while True:
        number, line = pending.pop(0) if pending else next(lines, (0, ""))
        if not number:
            return
        if not line.strip("\r\n"):
            continue
        if dialect.delimiter == WHITESPACE:
            yield number, line, line.split()
            continue
        if dialect.delimiter == "":
            yield number, line, [line.strip("\r\n")]
            continue
        record = _parse(line, dialect)
        following: list[tuple[int, str]] = []
        text = line
        while record is None and len(following) < _MOST_LINES_OF_ONE_VALUE and searchable > 0:
            item = pending.pop(0) if pending else next(lines, None)
            if item is None:
                break
            following.append(item)
            text += item[1]
            if dialect.quote in item[1]:
                searchable -= len(text)
                record = _whole(text, dialect)
                if record is not None and len(record) != dialect.width:
                    # The mark that closed it was meant to open a value of its own line.
                    record = None
                    break
        if record is None:
            unclosed.add(number, line)
            record = next(csv.reader([line], delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE))
            pending = following + pending
        yield number, text if not pending else line, record


def _whole(text: str, dialect: Dialect) -> list[str] | None:
    """The fields of a record over several lines; None when it is not exactly one."""
    try:
        return next(_reader(text, dialect, strict=True))
    except csv.Error:
        return None


def _parse(text: str, dialect: Dialect) -> list[str] | None:
    """The fields of a line; None when a quoted value is still open at its end."""
    try:
        return next(_reader(text, dialect, strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return None
        return next(_reader(text, dialect, strict=False))


def _reader(text: str, dialect: Dialect, *, strict: bool) -> Iterator[list[str]]:
    return csv.reader(
        text.splitlines(keepends=True) if "\n" in text[:-1] else [text],
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        skipinitialspace=dialect.skip_initial_space,
        strict=strict,
    )
