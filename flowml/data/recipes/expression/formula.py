"""What an expression becomes: the same computation for a table and for one row."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowml.data.recipes.kinds import Kind
from flowml.data.recipes.scalars import by_value, by_values, once

if TYPE_CHECKING:
    import polars as pl

Row = Mapping[str, Any]
RowFunction = Callable[[Row], Any]

# Whole numbers stop a little before 64 bits, where both ways of computing notice it by the same comparison.
LARGEST_WHOLE = 9.2e18
LONGEST_TEXT = 100_000
"""Characters of a text that an expression may make; a longer one counts as missing."""


@dataclass(frozen=True)
class Formula:
    """A computation of one kind of value; `kind` is None for one that is always missing.

    `table` makes the expression for Polars, `row` takes a row that has all columns. Neither gives NaN or infinity.
    `constant` is what it gives where that is the same for every row.
    """

    kind: Kind | None
    table: Callable[[], pl.Expr]
    row: RowFunction
    constant: Any = None
    at: int = 0


def literal(value: Any, kind: Kind, at: int = 0) -> Formula:
    """The same value for every row."""

    def table() -> pl.Expr:
        import polars as pl

        return pl.lit(value, dtype=kind.polars)

    return Formula(kind, table, lambda _: value, value, at)


def missing(kind: Kind | None, at: int = 0) -> Formula:
    """No value for any row."""

    def table() -> pl.Expr:
        import polars as pl

        return pl.lit(None, dtype=None if kind is None else kind.polars)

    return Formula(kind, table, lambda _: None, None, at)


def as_kind(found: Formula, kind: Kind) -> Formula:
    """A number as a float, a day as its midnight, nothing as nothing of that kind; anything else as it is."""
    if found.kind is None:
        return missing(kind, found.at)
    if found.kind is kind:
        return found
    if found.constant is not None:
        return literal(_widened(found.constant, kind), kind, found.at)
    inner, row = found.table, found.row

    def widened(values: Row) -> Any:
        value = row(values)
        return None if value is None else _widened(value, kind)

    return Formula(kind, lambda: inner().cast(kind.polars), widened, at=found.at)


def _widened(value: Any, kind: Kind) -> Any:
    if kind is Kind.NUMBER:
        return float(value)
    from datetime import datetime

    return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - times have no zone


def strict(
    operands: Sequence[Formula],
    kind: Kind,
    table: Callable[..., pl.Expr],
    row: Callable[..., Any],
) -> Formula:
    """Missing where an operand is. `row` takes their values and may give None; `table` takes their expressions."""
    tables = [operand.table for operand in operands]
    return Formula(kind, lambda: table(*(make() for make in tables)), _strict_row([one.row for one in operands], row))


def guarded(
    operands: Sequence[Formula],
    kind: Kind,
    table: Callable[..., pl.Expr],
    row: Callable[..., Any],
) -> Formula:
    """As `strict`, where `table` names its operands several times."""
    return strict(operands, kind, lambda *several: once(list(several), table, kind), row)


def finite(operands: Sequence[Formula], table: Callable[..., pl.Expr], row: Callable[..., Any]) -> Formula:
    """As `strict`, for a number that may come out as NaN or infinity: then it is missing."""

    def checked_table(*several: pl.Expr) -> pl.Expr:
        import polars as pl

        return pl.when(table(*several).is_finite()).then(table(*several))

    def checked_row(*several: Any) -> float | None:
        number = row(*several)
        return number if number is not None and math.isfinite(number) else None

    return guarded(operands, Kind.NUMBER, checked_table, checked_row)


def mapped(operands: Sequence[Formula], kind: Kind, convert: Callable[..., Any]) -> Formula:
    """The same where both ways use one Python function."""
    if len(operands) == 1:
        return strict(operands, kind, lambda one: by_value(one, convert, kind), convert)
    return strict(operands, kind, lambda *several: by_values(list(several), convert, kind), convert)


def _strict_row(rows: Sequence[RowFunction], function: Callable[..., Any]) -> RowFunction:
    if len(rows) == 1:
        only = rows[0]

        def of_one(values: Row) -> Any:
            value = only(values)
            return None if value is None else function(value)

        return of_one
    if len(rows) == 2:
        first, second = rows

        def of_two(values: Row) -> Any:
            left = first(values)
            if left is None:
                return None
            right = second(values)
            return None if right is None else function(left, right)

        return of_two

    def of_many(values: Row) -> Any:
        found = [row(values) for row in rows]
        return None if None in found else function(*found)

    return of_many
