"""A column's values as another kind of value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flowml.data.recipes import scalars
from flowml.data.recipes.amounts import how_written
from flowml.data.recipes.kinds import Columns, Kind, kind_of_column
from flowml.data.recipes.operations.base import Field, FieldKind, OperationType, Step, in_place, present
from flowml.domain.errors import InvalidInput
from flowml.domain.recipes import Operation

if TYPE_CHECKING:
    import polars as pl

_KINDS = {
    "number": Kind.NUMBER,
    "whole_number": Kind.WHOLE,
    "text": Kind.TEXT,
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "datetime": Kind.MOMENT,
}
# Enough of the different texts to see how numbers are written.
_MOST_LOOKED_AT = 10_000
Conversion = tuple[Callable[["pl.Expr"], "pl.Expr"], Callable[[Any], Any]]


def _cast(operation: Operation, columns: Columns) -> Step:
    import polars as pl

    name = operation["column"]
    have, wanted = kind_of_column(columns, name, "column"), _KINDS[operation["to"]]
    if have is wanted:
        return in_place(columns, name, wanted, lambda: pl.col(name), lambda value: value)
    if have is Kind.TEXT and wanted.is_number and "decimal" not in operation:
        return Step(columns, lambda frame: frame, None, (name,), (name,), lambda frame: _learn(operation, frame))
    table, row = conversion(have, wanted, operation.get("decimal", "."), operation.get("unit", ""))
    return in_place(
        columns, name, wanted, lambda: table(pl.col(name)), present(row), converts=f"turned into {wanted.words}"
    )


def _learn(operation: Operation, frame: pl.LazyFrame) -> Operation:
    import polars as pl

    value = pl.col(operation["column"]).alias("value")
    counted = frame.select(value).drop_nulls().group_by("value").len("count")
    counts = counted.sort(["count", "value"], descending=[True, False]).head(_MOST_LOOKED_AT)
    written = how_written(counts.collect(engine="streaming").iter_rows())
    unit = {"unit": written.unit} if written.unit else {}
    return {**unit, **operation, "decimal": written.decimal}


def conversion(have: Kind, wanted: Kind, decimal: str = ".", unit: str = "") -> Conversion:
    """How values of one kind become another. Raises InvalidInput where they cannot."""
    if wanted is Kind.TEXT:
        return _by_value(scalars.text_of, wanted)
    if have is Kind.TEXT:
        return _by_value(_of_text(wanted, decimal, unit), wanted)
    if have.is_time and wanted.is_time:
        if wanted is Kind.DATE:
            return lambda value: value.dt.date(), lambda value: value.date()
        return _native(wanted), lambda value: datetime(value.year, value.month, value.day)  # noqa: DTZ001
    if have.is_time or wanted.is_time:
        raise InvalidInput.of_field(
            "to",
            f"{have.words.capitalize()} cannot be turned into {wanted.words}.",
            hint="The operation date_parts takes dates apart; parse_dates reads dates that are written as numbers.",
        )
    if wanted is Kind.NUMBER:
        return _native(wanted), float
    if wanted is Kind.BOOLEAN:
        return _by_value(_truth_of_number, wanted)
    if have is Kind.BOOLEAN:
        return _native(wanted), int
    return _by_value(scalars.whole_of_number, wanted)


def _by_value(convert: Callable[[Any], Any], kind: Kind) -> Conversion:
    return lambda value: scalars.by_value(value, convert, kind), convert


def _native(kind: Kind) -> Callable[[pl.Expr], pl.Expr]:
    return lambda value: value.cast(kind.polars)


def _of_text(wanted: Kind, decimal: str, unit: str) -> Callable[[str], Any]:
    if wanted is Kind.NUMBER:
        return lambda text: scalars.number_of(text, decimal, unit)
    if wanted is Kind.WHOLE:
        return lambda text: scalars.whole_of(text, decimal, unit)
    return {Kind.BOOLEAN: scalars.truth_of, Kind.DATE: scalars.date_of, Kind.MOMENT: scalars.moment_of}[wanted]


def _truth_of_number(value: float) -> bool | None:
    return bool(value) if value in (0, 1) else None


def _describe(operation: Operation) -> str:
    how = [f"“{operation['decimal']}” before the decimals"] if operation.get("decimal") == "," else []
    how += [f"without “{operation['unit']}”"] if operation.get("unit") else []
    return f"Turn “{operation['column']}” into {_KINDS[operation['to']].words}{', '.join(['', *how])}"


TYPES = (
    OperationType(
        "cast",
        "Change the type",
        "Turns a column's values into another kind. What does not convert becomes missing, and is counted.",
        (
            Field("column", FieldKind.COLUMN, "the column"),
            Field("to", FieldKind.CHOICE, "what its values become", choices=tuple(_KINDS)),
            Field(
                "decimal",
                FieldKind.CHOICE,
                "the sign before the decimals, where texts become numbers",
                required=False,
                choices=(".", ","),
                learned=True,
            ),
            Field(
                "unit", FieldKind.TEXT, "the unit beside the numbers, left out of them", required=False, learned=True
            ),
        ),
        _cast,
        _describe,
    ),
)
