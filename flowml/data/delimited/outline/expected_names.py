"""Names that a file should have: where they stand, and what stands between them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Sequence

from flowml.data.delimited.dialect.writing import CANDIDATES, UNUSUAL, WHITESPACE, Writing, split
from flowml.data.delimited.options import TextOptions
from flowml.data.delimited.outline.sample import COMMENTS

_SEARCHED = 50
_LONGEST = 1_000_000
# What columns without a name are called.
_NUMBERED = re.compile(r"column_\d+")


def with_names(lines: Sequence[str], expected: Collection[str], options: TextOptions) -> TextOptions:
    """The options with the line of the names and the delimiter as the expected names show them, where the file's owner
    said nothing: a single row below them tells less than they do."""
    if options.header is not None:
        return options
    wanted = {_folded(name) for name in expected}
    delimiters = (*CANDIDATES, *UNUSUAL, "", WHITESPACE) if options.delimiter is None else (options.delimiter,)
    best, found = 0, (0, "")
    for number, line in enumerate(lines[options.skip : _SEARCHED], start=options.skip + 1):
        for delimiter in delimiters:
            names = _names(line, delimiter, options)
            count = len(wanted.intersection(names))
            # Of a table of one column every delimiter finds as much.
            if count > best:
                best, found = count, (number, delimiter)
    if not best:
        # Columns without names have none in other files either.
        return dataclasses.replace(options, header=False) if all(map(_NUMBERED.fullmatch, expected)) else options
    number, delimiter = found
    line = lines[number - 1]
    if line.lstrip().startswith(COMMENTS):
        # Whether that is a comment is decided by what is below.
        return options
    if options.delimiter is not None or delimiter == WHITESPACE:
        # Blanks also stand in tables of fixed width.
        return dataclasses.replace(options, header=number)
    if delimiter not in line:
        delimiter = "," if any(below.startswith('"') for below in lines[number:]) else ""
    return dataclasses.replace(options, header=number, delimiter=delimiter)


def count_names(names: Collection[str], expected: Collection[str]) -> int:
    """How many of the expected names are among some."""
    return len({_folded(name) for name in names} & {_folded(name) for name in expected})


def _names(line: str, delimiter: str, options: TextOptions) -> set[str]:
    if len(line) > _LONGEST:
        return set()
    quote = '"' if options.quote is None else options.quote
    rows = split([line], Writing(delimiter, quote))
    return {_folded(cell) for row in rows[:1] for cell in row.cells}


def _folded(name: str) -> str:
    return "".join(name.casefold().split())
