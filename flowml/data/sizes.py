"""How much a table is once nothing of it is compressed."""

from __future__ import annotations

from typing import Any

import polars as pl

_VALUE_BYTES = 8
_NARROW: dict[Any, float] = {
    pl.Null: 0.0,
    pl.Boolean: 1 / 8,
    **dict.fromkeys((pl.Int8, pl.UInt8), 1.0),
    **dict.fromkeys((pl.Int16, pl.UInt16), 2.0),
    **dict.fromkeys((pl.Int32, pl.UInt32, pl.Float32, pl.Date, pl.Categorical), 4.0),
}
# Where values may be any number, or none.
_OF_ANY_SIZE = (pl.List, pl.Array, pl.Struct, pl.Enum, pl.Object)


def least_bytes(schema: pl.Schema, n_rows: int) -> int:
    """Bytes that a table takes in memory at least, whatever is in it."""
    return int(n_rows * sum(_width(dtype) for dtype in schema.dtypes()))


def _width(dtype: pl.DataType) -> float:
    return 0.0 if isinstance(dtype, _OF_ANY_SIZE) else _NARROW.get(type(dtype), float(_VALUE_BYTES))


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
