"""The kinds of values that columns hold, and the columns of a table by name."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from flowml.data.names import unique_names
from flowml.domain.errors import InvalidInput
from flowml.domain.names import did_you_mean

if TYPE_CHECKING:
    import polars as pl


class Kind(StrEnum):
    """What a canonical table stores, by Polars' names."""

    WHOLE = "Int64"
    NUMBER = "Float64"
    BOOLEAN = "Boolean"
    TEXT = "String"
    DATE = "Date"
    MOMENT = "Datetime"

    @property
    def is_number(self) -> bool:
        return self in (Kind.WHOLE, Kind.NUMBER)

    @property
    def is_time(self) -> bool:
        return self in (Kind.DATE, Kind.MOMENT)

    @property
    def words(self) -> str:
        """“whole numbers”, “texts”, …"""
        return _WORDS[self]

    @property
    def polars(self) -> pl.DataType:
        import polars as pl

        return {
            Kind.WHOLE: pl.Int64(),
            Kind.NUMBER: pl.Float64(),
            Kind.BOOLEAN: pl.Boolean(),
            Kind.TEXT: pl.String(),
            Kind.DATE: pl.Date(),
            Kind.MOMENT: pl.Datetime("us"),
        }[self]


_WORDS = {
    Kind.WHOLE: "whole numbers",
    Kind.NUMBER: "numbers",
    Kind.BOOLEAN: "true and false",
    Kind.TEXT: "texts",
    Kind.DATE: "dates",
    Kind.MOMENT: "dates with a time",
}


def is_whole(value: float) -> bool:
    """Whether a column of whole numbers can hold it: 1e300 is whole, and beyond what there is.

    >>> is_whole(2.0), is_whole(2.5), is_whole(1e300)
    (True, False, False)
    """
    return -(2.0**63) <= value < 2.0**63 and value == int(value)


Columns = Mapping[str, Kind]
"""The columns of a table, in their order."""


def kinds_of_frame(frame: pl.LazyFrame | pl.DataFrame) -> dict[str, Kind]:
    """The kinds of a canonical frame's columns."""
    return {name: Kind(str(dtype.base_type())) for name, dtype in frame.collect_schema().items()}


def kind_of_column(columns: Columns, name: str, field: str) -> Kind:
    """The kind of a column. Raises InvalidInput about `field` when there is no such column."""
    if name not in columns:
        raise InvalidInput.of_field(field, f"There is no column “{name}”.", hint=did_you_mean(name, list(columns)))
    return columns[name]


def new_name(columns: Columns, name: str, field: str) -> str:
    """A name for a column that is not there yet. Raises InvalidInput about `field` for one that cannot be used."""
    readable = unique_names([name])[0][0]
    if not name.strip() or readable != name:
        raise InvalidInput.of_field(
            field,
            f"“{name[:60]}” cannot be the name of a column.",
            hint=f"Use “{readable}”." if name.strip() else "Give it at least one letter.",
        )
    if name in columns:
        raise InvalidInput.of_field(field, f"There is a column “{name}” already.", hint="Choose another name.")
    return name
