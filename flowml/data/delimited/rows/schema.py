"""What the columns of a text table hold, judged from samples all over the file."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.data.conversion.conventions import NO_CONVENTIONS, Conventions
from flowml.data.conversion.missing import MISSING
from flowml.data.conversion.numbers import MAYBE_CODE, SURE_EXPONENT

if TYPE_CHECKING:
    import polars as pl

_HEAD_BYTES = 131_072
_PIECE_BYTES = 32_768
_PIECES = 12
# 19 digits may exceed 64 bits; such a number is an identifier and stays text.
_INTEGER = re.compile(r"\s*[-+]?(0|[1-9]\d{0,17})\s*")
_FLOAT = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?\s*")
# 007 is a code, not a number: as a number it would lose its zeros.
_LEADING_ZERO = re.compile(r"\s*[-+]?0\d+\s*")
_MAYBE_CODE, _EXPONENT = re.compile(MAYBE_CODE), re.compile(SURE_EXPONENT)
_MISSING = frozenset(MISSING)


# What may be thousands in a file whose decimal sign is the comma.
_DOTTED = re.compile(r"\s*[-+]?[1-9]\d{0,2}(\.\d{3})*\s*")
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d*,(\d{1,2}|\d{4,})\s*")


@dataclass(frozen=True)
class Schema:
    """Types by column, in order, and the spellings of missing that occur among its numbers."""

    dtypes: list[type[pl.DataType]]
    missing: list[str]


def guess_schema(
    path: Path,
    delimiter: str,
    width: int,
    anchors: list[int],
    *,
    texts: Collection[int] = (),
    conventions: Conventions = NO_CONVENTIONS,
) -> Schema:
    """Integer, float or text for each column. A guess: a value outside the samples may prove it wrong, and the
    reader then reads that column as text. Anything not a plain number is text here and looked at later; so are the
    columns whose places are in `texts`."""
    import polars as pl

    known = _MISSING if conventions.missing is None else frozenset(("", *conventions.missing))
    points_are_decimal = conventions.decimal != "," and conventions.thousands != "."
    samples: list[list[str]] = []
    step = max(1, len(anchors) // _PIECES)
    for index, anchor in enumerate(anchors[::step]):
        samples += _piece(path, delimiter, anchor, _HEAD_BYTES if index == 0 else _PIECE_BYTES, width)
    dtypes: list[type[pl.DataType]] = []
    absent_by_column: list[set[str]] = []
    grouped: list[int] = []
    has_decimal_commas = False
    for place, values in enumerate(zip(*samples, strict=True) if samples else ((),) * width):
        distinct = set(values)
        absent = distinct & known
        present = distinct - absent
        dtype: type[pl.DataType] = pl.String
        if not present or place in texts or any(_LEADING_ZERO.fullmatch(value) for value in present):
            pass
        elif all(_INTEGER.fullmatch(value) for value in present):
            dtype = pl.Int64
        elif any(_MAYBE_CODE.match(value.strip()) for value in present) and not any(map(_EXPONENT.search, present)):
            pass
        elif all(_FLOAT.fullmatch(value) and not _too_long(value) for value in present):
            dtype = pl.Float64 if points_are_decimal else pl.String
            if all(_DOTTED.fullmatch(value) for value in present):
                grouped.append(place)
        elif not has_decimal_commas:
            has_decimal_commas = all(_DECIMAL_COMMA.fullmatch(value) or _INTEGER.fullmatch(value) for value in present)
        dtypes.append(dtype)
        absent_by_column.append(absent)
    if has_decimal_commas and conventions.decimal is None:
        # 1.234 beside 0,5 is more than a thousand: looked at again with the other texts.
        for place in grouped:
            dtypes[place] = pl.String
    if texts:
        # Spellings of missing count for all columns alike, and these take theirs literally.
        dtypes = [pl.String if absent - {""} else dtype for dtype, absent in zip(dtypes, absent_by_column, strict=True)]
        return Schema(dtypes, [])
    numeric = [absent for dtype, absent in zip(dtypes, absent_by_column, strict=True) if dtype != pl.String]
    return Schema(dtypes, sorted(set().union(*numeric) - {""}))


def _piece(path: Path, delimiter: str, offset: int, size: int, width: int) -> list[list[str]]:
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read(size)
    complete = len(content) < size
    # A return inside a bare value is no line end, though the csv module thinks so.
    text = content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", " ")
    records = list(csv.reader(_lines(text), delimiter=delimiter))
    return [record for record in (records if complete else records[:-1]) if len(record) == width]


def _lines(text: str) -> list[str]:
    """Unicode knows more line ends than tables do."""
    return [f"{line}\n" for line in text.split("\n")]


def _too_long(value: str) -> bool:
    """Whole numbers beyond 64 bits, which a float cannot hold either."""
    digits = value.strip().lstrip("+-")
    return digits.isdigit() and len(digits) > 18
