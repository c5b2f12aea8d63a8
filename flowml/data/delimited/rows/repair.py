"""A text table with bad lines, rewritten as a clean one; every change is said with line number and content."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from flowml.data.delimited.dialect.escapes import ends_in_backslash, readings, split_escaped, with_doubled_marks
from flowml.data.delimited.dialect.spacing import is_crossing
from flowml.data.delimited.dialect.writing import FIXED, split_line
from flowml.data.delimited.outline.outline import Outline
from flowml.data.delimited.outline.sample import is_rule
from flowml.data.named_lines import NamedLines
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark, decision, loss, note

_MOST_LINES_OF_ONE_VALUE = 200
# How much may be parsed in search of closing marks, so that a file full of stray ones takes no longer.
_SEARCHED_CHARACTERS = 20_000_000
_LONGEST_LINE = 8 << 20
# When so many lines have a mark that is never closed, it is no quotation mark in this file.
_CLEARLY_UNQUOTED = 1000
_TOLERATED_SHARE = 0.1
_TOLERATED_LINES = 10
# Taken for comments where they do not have the table's columns.
_LIKELY_COMMENTS = ("#", "//")


@dataclass
class Repaired:
    """The comments left out, what else was changed, and the line that each record of the clean table came from."""

    comments: NamedLines = field(default_factory=NamedLines)
    remarks: list[Remark] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("I"))


@dataclass
class _Changes:
    short: NamedLines = field(default_factory=NamedLines)
    long: NamedLines = field(default_factory=NamedLines)
    unclosed: NamedLines = field(default_factory=NamedLines)
    trimmed: NamedLines = field(default_factory=NamedLines)
    repeated: NamedLines = field(default_factory=NamedLines)
    crossing: NamedLines = field(default_factory=NamedLines)
    escaped: NamedLines = field(default_factory=NamedLines)
    backslashed: NamedLines = field(default_factory=NamedLines)


def repair(path: Path, table: Outline, target: Path, *, comments_allowed: bool = True) -> Repaired:
    """Write the rows of a UTF-8 file to `target`, comma-separated, each with `table.width` fields.

    Records with too few values are filled up with missing ones; those with too many are left out, and so are comments
    and names that come again. Raises UnreadableFile when those with too many values are so many that the table is
    probably misunderstood.
    """
    result, changes = Repaired(), _Changes()
    # Where texts are taken as they stand, so are those that are also names.
    names = [name.strip() for name in table.names] if table.quoting is None else []
    likely = _LIKELY_COMMENTS if comments_allowed and not table.comment else ()
    with (
        path.open(encoding="utf-8-sig", errors="replace", newline="\n") as file,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out, lineterminator="\n")
        for number, line, record in _records(file, table, changes, result.comments):
            if len(record) != table.width:
                if likely and line.lstrip().startswith(likely):
                    result.comments.add(number, line)
                    continue
                fitted = _fitted(record, table.width, number, line, changes)
                if fitted is None:
                    continue
                record = fitted
            elif names and record[0].strip() == names[0] and _repeats(record, names):
                changes.repeated.add(number, line)
                continue
            writer.writerow(record)
            result.lines.append(number)
    _check(changes.long, len(result.lines), table.width)
    result.remarks = _remarks(changes)
    return result


def _repeats(record: list[str], names: list[str]) -> bool:
    return [cell.strip() for cell in record] == names


def _fitted(record: list[str], width: int, number: int, line: str, changes: _Changes) -> list[str] | None:
    """The record with as many values as the table has columns; None when it has too many."""
    if len(record) < width:
        changes.short.add(number, line, f" ({len(record)} of {width} values)")
        return record + [""] * (width - len(record))
    if any(cell.strip() for cell in record[width:]):
        changes.long.add(number, line, f" ({len(record)} values, {width} expected)")
        return None
    changes.trimmed.add(number, line)
    return record[:width]


def _check(long: NamedLines, kept: int, width: int) -> None:
    if long.total > max(_TOLERATED_LINES, _TOLERATED_SHARE * (kept + long.total)):
        raise UnreadableFile(
            f"{long.total:,} of {kept + long.total:,} lines have more values than the table has columns"
            f" ({width}), for example {long.examples[0]}.",
            hint="Check the delimiter, or put values that contain it into quotation marks.",
        )


def _remarks(changes: _Changes) -> list[Remark]:
    spoken = (
        (
            changes.long,
            loss("lines_left_out", "line has too many values and was left out"),
            "lines have too many values and were left out",
        ),
        (
            changes.short,
            decision("short_lines", "line has too few values; the others count as missing"),
            "lines have too few values; the others count as missing",
        ),
        (
            changes.unclosed,
            decision(
                "open_quotes", "line has a quotation mark that is never closed; it was taken as part of the value"
            ),
            "lines have a quotation mark that is never closed; it was taken as part of the value",
        ),
        (
            changes.backslashed,
            note("backslashes", "line has a backslash before quotation marks, which was read as part of the writing"),
            "lines have a backslash before quotation marks, which was read as part of the writing",
        ),
        (
            changes.escaped,
            note(
                "backslashes", "line has a backslash before a delimiter or its end, which was read as part of the value"
            ),
            "lines have a backslash before a delimiter or their end, which was read as part of the value",
        ),
        (
            changes.crossing,
            decision("crossing_values", "line has a value that runs over the place where the next column begins"),
            "lines have a value that runs over the place where the next column begins",
        ),
        (
            changes.repeated,
            loss("names_repeated", "line repeats the column names and was left out"),
            "lines repeat the column names and were left out",
        ),
        # Trailing delimiters on a few lines change nothing that matters, but what was cut is said.
        (
            changes.trimmed,
            note("empty_extra_values", "line ends in empty extra values"),
            "lines end in empty extra values",
        ),
    )
    return [replace(one, text=found.sentence(f"1 {one.text}", many)) for found, one, many in spoken if found.total]


def _records(
    file: Iterator[str], table: Outline, changes: _Changes, comments: NamedLines
) -> Iterator[tuple[int, str, list[str]]]:
    """Line number (from 1), text and fields of each record that is neither blank nor a comment."""
    writing = table.writing
    pending: list[tuple[int, str]] = []
    lines = iter(enumerate(file, start=1))
    for _ in range(table.first_line):
        next(lines, None)
    searchable = _SEARCHED_CHARACTERS
    while True:
        number, line = pending.pop(0) if pending else next(lines, (0, ""))
        if not number:
            return
        if not line.strip("\r\n"):
            continue
        if len(line) > _LONGEST_LINE:
            raise UnreadableFile(
                f"Line {number:,} of the file is longer than {_LONGEST_LINE >> 20} MB, so this is hardly a table.",
                hint="A table has one record per line. Check how the file was exported.",
            )
        if (table.comment and line.lstrip().startswith(table.comment)) or (line[0] in "-=+| " and is_rule(line)):
            comments.add(number, line)
            continue
        if not writing.has_quotes or (
            changes.unclosed.total > _CLEARLY_UNQUOTED and changes.unclosed.total * 2 > number
        ):
            if writing.has_quotes and line.count(writing.quote) % 2:
                changes.unclosed.add(number, line)
            record = split_line(line, writing)
            if writing.delimiter == FIXED and is_crossing(line, writing.starts):
                changes.crossing.add(number, line)
            if record:
                yield number, line, record
            continue
        found = _parse(line, table, number, changes)
        following: list[tuple[int, str]] = []
        text = line
        while found is None and len(following) < _MOST_LINES_OF_ONE_VALUE and searchable > 0:
            item = pending.pop(0) if pending else next(lines, None)
            if item is None:
                break
            following.append(item)
            text += item[1]
            if writing.quote in item[1]:
                searchable -= len(text)
                found = _whole(text, table, number, changes)
                if found is not None and len(found) != table.width:
                    # The mark that closed it was meant to open a value of its own line.
                    found = None
                    break
        if found is None:
            changes.unclosed.add(number, line)
            found = line.rstrip("\r\n").split(writing.delimiter)
            pending = following + pending
        elif len(found) != table.width and "\\" in text:
            item = None
            if len(found) < table.width and ends_in_backslash(text):
                item = pending.pop(0) if pending else next(lines, None)
            whole = text + (item[1] if item else "")
            if (fitting := split_escaped(whole, writing.delimiter, writing.quote, table.width)) is not None:
                changes.escaped.add(number, line)
                found = fitting
            elif item is not None:
                pending.insert(0, item)
        yield number, text if not pending else line, found


def _whole(text: str, table: Outline, number: int, changes: _Changes) -> list[str] | None:
    """The fields of a record over several lines; None when it is not exactly one."""
    return _strictly(text, table, number, changes)[0]


def _parse(text: str, table: Outline, number: int, changes: _Changes) -> list[str] | None:
    """The fields of a line; None when a quoted value is still open at its end."""
    found, is_open = _strictly(text, table, number, changes)
    if found is not None or is_open:
        return found
    if table.writing.escaped:
        text = with_doubled_marks(text, table.writing.delimiter)
    try:
        return next(_reader(text, table, strict=False))
    except csv.Error:
        # A return in the middle of a bare value.
        return next(_reader(text.replace("\r", " "), table, strict=False))


def _strictly(text: str, table: Outline, number: int, changes: _Changes) -> tuple[list[str] | None, bool]:
    """The fields of a text without a mark out of place, and whether one is still open at its end. Where backslashes
    leave a choice, the reading counts that has the table's width."""
    found: list[str] | None = None
    is_open = False
    for reading in readings(text, table.writing.delimiter, escaped=table.writing.escaped):
        try:
            fields = next(_reader(reading, table, strict=True))
        except csv.Error as error:
            is_open = is_open or "unexpected end of data" in str(error)
            continue
        if len(fields) == table.width:
            if reading != text and not table.writing.escaped:
                changes.backslashed.add(number, text)
            return fields, False
        found = found or fields
    return found, is_open


def _reader(text: str, table: Outline, *, strict: bool) -> Iterator[list[str]]:
    return csv.reader(
        [f"{line}\n" for line in text.removesuffix("\n").split("\n")],
        delimiter=table.writing.delimiter,
        quotechar=table.writing.quote,
        skipinitialspace=table.skip_initial_space,
        strict=strict,
    )
