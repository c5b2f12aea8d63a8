"""How much a table is once nothing of it is compressed."""

from __future__ import annotations

import polars as pl

_VALUE_BYTES = 8


def plain_bytes(frame: pl.DataFrame) -> int:
    """Bytes of all values, each text as often as it occurs: in memory, and in a compressed file, it may be there once
    for a million rows."""
    return sum(_bytes_of(column) for column in frame.get_columns())


def _bytes_of(column: pl.Series) -> int:
    dtype = column.dtype
    n_bytes = _VALUE_BYTES * len(column)
    if isinstance(dtype, pl.Struct):
        return sum(_bytes_of(field) for field in column.struct.unnest().get_columns())
    if isinstance(dtype, pl.List | pl.Array):
        return n_bytes + _bytes_of(column.explode())
    if isinstance(dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        return n_bytes + int(column.str.len_bytes().sum() or 0)
    if column.dtype == pl.Binary:
        return n_bytes + int(column.bin.size().sum() or 0)
    return n_bytes
