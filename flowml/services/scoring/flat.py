"""A small table as plain values of JSON, from the child that has read it to the server: nothing in it unpacks, and no
reader of tables is set upon what such a child has written."""

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from flowml.domain.errors import FlowMLError

_PLAIN: dict[str, pl.DataType] = {
    str(kind()): kind()
    for kind in (
        *(pl.Boolean, pl.String, pl.Date, pl.Time, pl.Null, pl.Float32, pl.Float64),
        *(pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
    )
}
_UNITS = ("ms", "us", "ns")


def flatten(frame: pl.DataFrame) -> list[list[Any]] | None:
    """A list a column: its name, its type, the unit and zone of moments, its values. None for a table that has values
    of other types, or numbers that JSON has not."""
    found = []
    for column in frame.get_columns():
        of_moments: list[str | None] = [None, None]
        kind = column.dtype
        if isinstance(kind, pl.Datetime):
            of_moments = [kind.time_unit, kind.time_zone]
        elif str(kind) not in _PLAIN:
            return None
        values = column.to_physical().to_list()
        if kind.is_float() and not all(value is None or math.isfinite(value) for value in values):
            return None
        found.append([column.name, "Datetime" if of_moments[0] else str(kind), *of_moments, values])
    return found


def unflatten(columns: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """The table. Raises FlowMLError for what `flatten` has not made."""
    try:
        return pl.DataFrame([_column(*column) for column in columns])
    except (TypeError, ValueError, KeyError, OverflowError, pl.exceptions.PolarsError) as problem:
        raise FlowMLError("The table could not be worked on: the process for it broke down.") from problem


def _column(name: str, kind: str, unit: Any, zone: str | None, values: list[Any]) -> pl.Series:
    if kind == "Datetime":
        if unit not in _UNITS:
            raise ValueError(unit)
        return pl.Series(name, values, dtype=pl.Int64, strict=True).cast(pl.Datetime(unit, zone))
    dtype = _PLAIN[kind]
    physical = {"Date": pl.Int32(), "Time": pl.Int64()}.get(kind, dtype)
    return pl.Series(name, values, dtype=physical, strict=True).cast(dtype)
