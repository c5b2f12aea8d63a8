"""Where the table is in its file and how it is written, as its first lines show."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from flowml.data.delimited.dialect.quoting import Quoting, suspect_quoting
from flowml.data.delimited.dialect.writing import FIXED, Row, Writing, find_writing, split, usual_width
from flowml.data.delimited.options import TextOptions
from flowml.data.delimited.outline.header import Header, find_header, further_lines, width_of
from flowml.data.delimited.outline.ruler import Ruler, find_ruler
from flowml.data.delimited.outline.sample import Sample, take_sample
from flowml.domain.errors import InvalidInput


@dataclass(frozen=True)
class Outline:
    """`names` are the header's cells as they stand, empty without one; `header_line` is its line number, 0 without one.

    `first_line` counts the lines of the file before the first row, `width` the values of a row. `above` are the lines
    over the table that do not belong to it, `below` those under the names that go on describing the columns,
    `comments` those that begin with `comment`, each with its number.
    `is_interrupted` says that comments or the names come again between the rows. `quoting` is suspected only.
    """

    writing: Writing
    width: int
    names: tuple[str, ...]
    header_line: int
    first_line: int
    above: tuple[tuple[int, str], ...]
    below: tuple[tuple[int, str], ...]
    comment: str
    comments: tuple[tuple[int, str], ...]
    is_interrupted: bool
    skip_initial_space: bool
    joined: str | None
    quoting: Quoting | None


def outline(lines: Sequence[str], options: TextOptions) -> Outline:
    """Decide from the first lines of a file, none of them cut off; what its owner said is taken as it is. Raises
    InvalidInput when that is a line which is not among them."""
    # A return inside a quoted value is only in the way here.
    clean = [line.replace("\r", " ") for line in lines]
    asked_line = options.header if type(options.header) is int else None
    skip = options.skip if asked_line is None else max(options.skip, asked_line - 1)
    if skip >= len(clean):
        name = "skip" if asked_line is None else "header"
        raise InvalidInput.of_field(f"options.{name}", f"The beginning of the file has only {len(clean):,} lines.")
    # Where texts are quoted and nothing else is, a line that begins with # is not a comment but a name.
    quoting = suspect_quoting(clean, ",") if options == TextOptions() and any('"' in line for line in clean) else None
    comment = options.comment if quoting is None else ""
    sample = take_sample(clean, skip=skip, comment=comment, delimiter=options.delimiter)
    if not any(line.strip() for line in sample.lines):
        # Nothing but comments: then they are none.
        sample = take_sample(clean, skip=min(skip, len(clean) - 1), comment="", delimiter=options.delimiter)
    ruler = find_ruler(sample) if options.delimiter in (None, FIXED) else None
    writing = _writing(sample, ruler, options)
    rows = split(sample.lines, writing)
    commented = _last_comment(sample, writing, sample.numbers[0])
    width = width_of(rows, usual_width(rows), commented)
    flag = options.header if isinstance(options.header, bool) else None
    if writing.delimiter != "," or not writing.is_plain or width != len(rows[0].cells):
        quoting = None
    if quoting is None:
        quoting = _quoting(sample, writing, options)
    if asked_line is not None or (flag is None and quoting is not None and quoting.names_apart):
        flag = True
    on_top = asked_line is not None or quoting is not None
    if ruler is None or on_top or flag is False:
        header = find_header(
            rows, width, has_header=flag, on_top=on_top, one_line=quoting is not None, commented=commented
        )
    else:
        header = Header(tuple(rows[ruler.names].cells), ruler.names, ruler.names + 1)
    header, header_line = _commented_names(header, rows, sample, writing, width, flag)
    further = 0 if asked_line is not None or quoting is not None else further_lines(rows, header, width)
    below = tuple(_as_line(row, sample) for row in rows[header.body : header.body + further])
    header = dataclasses.replace(header, body=header.body + further)
    first_index = rows[header.body].first if header.body < len(rows) else len(sample.lines)
    body = rows[header.body :]
    start_number = sample.physical(rows[header.start].first) + 1
    first_line = sample.physical(first_index)
    if header.names and not header_line:
        header_line = start_number
        # Lines between the names and the first row (a drawn one) are left out with the names.
        first_line = sample.physical(rows[header.body - 1].end - 1) + 1
        first_line = _past_comments(first_line, sample)
    above = tuple(
        (number, line)
        for number, line in zip(sample.numbers, sample.lines, strict=True)
        if number < start_number and line.strip()
    )
    later = any(number > first_line for number, _ in sample.comments)
    again = bool(header.names) and quoting is None and any(_same(row, header.names) for row in body)
    cells = [cell for row in body[:500] if len(row.cells) == width for cell in row.cells[1:] if cell]
    spaced = writing.skips_blanks or (bool(cells) and sum(cell.startswith(" ") for cell in cells) > 0.9 * len(cells))
    return Outline(
        writing,
        max(width, len(header.names)),
        header.names,
        header_line,
        first_line,
        above,
        below,
        sample.comment,
        tuple(sample.comments),
        later or again,
        spaced and quoting is None,
        header.joined,
        quoting,
    )


def _writing(sample: Sample, ruler: Ruler | None, options: TextOptions) -> Writing:
    if ruler is not None:
        return Writing(FIXED, "", starts=ruler.starts)
    delimiter = options.delimiter if options.delimiter is not None else sample.delimiter
    return find_writing(sample.lines, delimiter=delimiter, quote=options.quote)


def _quoting(sample: Sample, writing: Writing, options: TextOptions) -> Quoting | None:
    if not writing.is_plain or not writing.has_quotes or options.skip or sample.comments:
        return None
    return suspect_quoting(sample.lines, writing.delimiter)


def _commented_names(
    header: Header, rows: Sequence[Row], sample: Sample, writing: Writing, width: int, flag: bool | None
) -> tuple[Header, int]:
    """The names where they stand in the last comment above the first row."""
    if header.names or flag is False or not sample.comments or not sample.comment:
        return header, 0
    first_number = sample.numbers[rows[header.body].first]
    cells = _last_comment(sample, writing, first_number)
    if len(cells) != width or (width == 1 and " " in cells[0].strip()):
        return header, 0
    return dataclasses.replace(header, names=tuple(cells)), first_number - 1


def _last_comment(sample: Sample, writing: Writing, number: int) -> list[str]:
    """The cells of the comment right above a line, none where there is no comment or it is several records."""
    line = next((line for at, line in sample.comments if at == number - 1), "")
    if not line or not sample.comment:
        return []
    rows = split([line.lstrip().removeprefix(sample.comment).lstrip()], writing)
    return rows[0].cells if len(rows) == 1 else []


def _as_line(row: Row, sample: Sample) -> tuple[int, str]:
    """A record with the number of its first line."""
    return sample.numbers[row.first], " ".join(sample.lines[row.first : row.end])


def _past_comments(first_line: int, sample: Sample) -> int:
    commented = {number for number, _ in sample.comments}
    while first_line + 1 in commented:
        first_line += 1
    return first_line


def _same(row: Row, names: Sequence[str]) -> bool:
    return len(row.cells) == len(names) and all(
        cell.strip() == name.strip() for cell, name in zip(row.cells, names, strict=True)
    )
