"""What the columns of a text table hold, judged from samples all over the file."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.data.missing import MISSING

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
_MISSING = frozenset(MISSING)


@dataclass(frozen=True)
class Schema:
    """Types by column, in order, and the spellings of missing that occur among its numbers."""

    dtypes: list[type[pl.DataType]]
    missing: list[str]


def guess_schema(path: Path, delimiter: str, width: int, anchors: list[int]) -> Schema:
    """Integer, float or text for each column. A guess: a value outside the samples may prove it wrong, and the
    reader then reads that column as text. Anything not a plain number is text here and looked at later."""
    import polars as pl

    samples: list[list[str]] = []
    step = max(1, len(anchors) // _PIECES)
    for index, anchor in enumerate(anchors[::step]):
        samples += _piece(path, delimiter, anchor, _HEAD_BYTES if index == 0 else _PIECE_BYTES, width)
    dtypes: list[type[pl.DataType]] = []
    missing: set[str] = set()
    for values in zip(*samples, strict=True) if samples else ((),) * width:
        distinct = set(values)
        absent = distinct & _MISSING
        present = distinct - absent
        if not present or any(_LEADING_ZERO.fullmatch(value) for value in present):
            dtypes.append(pl.String)
        elif all(_INTEGER.fullmatch(value) for value in present):
            dtypes.append(pl.Int64)
            missing |= absent
        elif all(_FLOAT.fullmatch(value) and not _too_long(value) for value in present):
            dtypes.append(pl.Float64)
            missing |= absent
        else:
            dtypes.append(pl.String)
    return Schema(dtypes, sorted(missing - {""}))


def _piece(path: Path, delimiter: str, offset: int, size: int, width: int) -> list[list[str]]:
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read(size)
    complete = len(content) < size
    lines = content.decode("utf-8", "replace").splitlines(keepends=True)
    records = list(csv.reader(lines, delimiter=delimiter))
    return [record for record in (records if complete else records[:-1]) if len(record) == width]


def _too_long(value: str) -> bool:
    """Whole numbers beyond 64 bits, which a float cannot hold either."""
    digits = value.strip().lstrip("+-")
    return digits.isdigit() and len(digits) > 18
