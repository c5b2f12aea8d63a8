"""Backslashes in front of quotation marks: of the writing, or of the value.

Most files double a mark inside a quoted value, some put a backslash in front of it, and some values end in a backslash
(`"C:\\"`) or have one before a doubled mark. Which it is shows in each line: only one of the two readings closes every
mark right before a delimiter.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterator, Sequence

_ANY_DELIMITER = ",;\t|"
# Of Unicode's private use: they stand for what had a backslash in front while a record is taken apart.
_BREAK, _DELIMITER = "\uf8f0", "\uf8f1"
# A backslash that is not itself one of a pair, and the mark behind it.
_BACKSLASHED = re.compile(r'(?<!\\)((?:\\\\)*)\\"')


def uses_backslashes(lines: Sequence[str]) -> bool:
    r"""Whether some line can only be read when a backslash takes its meaning from the quotation mark behind it.

    >>> uses_backslashes([r'1,"say \"hi\" now"']), uses_backslashes([r'1,"say \""hi\""!"', r'2,"C:\"'])
    (True, False)
    """
    return any(
        _escaped(_ANY_DELIMITER).fullmatch(line) is not None and _doubled(_ANY_DELIMITER).fullmatch(line) is None
        for line in lines
        if '\\"' in line
    )


def with_doubled_marks(text: str, delimiter: str) -> str:
    r"""A line with \" doubled instead, as CSV has it, unless its marks are doubled already.

    >>> with_doubled_marks(r'1,"say \"hi\" now"', ",")
    '1,"say ""hi"" now"'
    >>> with_doubled_marks(r'1,"C:\"', ",")
    '1,"C:\\"'
    """
    if '\\"' not in text or _doubled(delimiter).fullmatch(text.rstrip("\r\n")):
        return text
    return _BACKSLASHED.sub(r'\1""', text)


def readings(text: str, delimiter: str, *, escaped: bool) -> Iterator[str]:
    r"""What a record may be in CSV: as it stands, and with \" doubled. First comes what is the rule in its file."""
    if '\\"' not in text:
        yield text
        return
    ways = (_BACKSLASHED.sub(r'\1""', text), text)
    yield from ways if escaped and with_doubled_marks(text, delimiter) != text else reversed(ways)


def ends_in_backslash(line: str) -> bool:
    """Whether the line end is part of a value, as MySQL writes it."""
    text = line.rstrip("\r\n")
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def split_escaped(text: str, delimiter: str, quote: str, width: int) -> list[str] | None:
    r"""The values of a record whose delimiters and line breaks inside bare values have a backslash in front; None where
    that does not make `width` of them.

    >>> split_escaped(r"1,Lee\, Ann,2", ",", '"', 3)
    ['1', 'Lee, Ann', '2']
    """
    text = text.rstrip("\r\n")
    marked = re.sub(rf"\\(?:{re.escape(delimiter)}|(\r?\n))", lambda found: _BREAK if found[1] else _DELIMITER, text)
    if marked == text or _BREAK in text or _DELIMITER in text:
        return None
    try:
        values = next(csv.reader([marked], delimiter=delimiter, quotechar=quote))
    except csv.Error:
        return None
    values = [value.replace(_BREAK, "\n").replace(_DELIMITER, delimiter) for value in values]
    return values if len(values) == width else None


@functools.lru_cache(maxsize=16)
def _doubled(delimiters: str) -> re.Pattern[str]:
    return _record(delimiters, r'"(?:[^"]|"")*+"')


@functools.lru_cache(maxsize=16)
def _escaped(delimiters: str) -> re.Pattern[str]:
    return _record(delimiters, r'"(?:[^"\\]|\\.|"")*+"')


def _record(delimiters: str, quoted: str) -> re.Pattern[str]:
    """A whole record of values that are in marks, or have none."""
    between = re.escape(delimiters)
    value = rf'(?: *{quoted} *|[^"{between}]*+)'
    return re.compile(rf"{value}(?:[{between}]{value})*+", re.DOTALL)
