"""Arithmetic. What has no result (a division by zero, the logarithm of -1, too large a number) is missing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from flowml.data.recipes.expression.formula import (
    LARGEST_WHOLE,
    Formula,
    as_kind,
    finite,
    guarded,
    mapped,
    strict,
)
from flowml.data.recipes.kinds import Kind

if TYPE_CHECKING:
    import polars as pl

# Beyond it a float has no decimals to round.
_EVEN = 2.0**52


def common(operands: Sequence[Formula]) -> Kind:
    """Whole where all are whole."""
    return Kind.WHOLE if all(operand.kind is Kind.WHOLE for operand in operands) else Kind.NUMBER


def sum_of(operands: Sequence[Formula]) -> Formula:
    return _exact(operands, lambda left, right: left + right)


def difference(operands: Sequence[Formula]) -> Formula:
    return _exact(operands, lambda left, right: left - right)


def product(operands: Sequence[Formula]) -> Formula:
    return _exact(operands, lambda left, right: left * right)


def negative(operands: Sequence[Formula]) -> Formula:
    return _exact(operands, lambda one: -one)


def absolute(operands: Sequence[Formula]) -> Formula:
    return _exact(operands, abs)


def _exact(operands: Sequence[Formula], compute: Callable[..., Any]) -> Formula:
    """An operation that keeps whole numbers whole, the same for values and for expressions."""
    kind = common(operands)
    if kind is Kind.NUMBER:
        return finite([as_kind(operand, kind) for operand in operands], compute, compute)

    def table(*expressions: pl.Expr) -> pl.Expr:
        import polars as pl

        about = compute(*(expression.cast(pl.Float64) for expression in expressions))
        return pl.when(about.abs() <= LARGEST_WHOLE).then(compute(*expressions))

    def row(*values: Any) -> Any:
        return compute(*values) if abs(compute(*map(float, values))) <= LARGEST_WHOLE else None

    return guarded(operands, kind, table, row)


def quotient(operands: Sequence[Formula]) -> Formula:
    floats = [as_kind(operand, Kind.NUMBER) for operand in operands]
    return finite(floats, lambda left, right: left / right, lambda left, right: left / right if right else None)


def remainder(operands: Sequence[Formula]) -> Formula:
    """With the sign of the divisor, as in Python."""
    kind = common(operands)
    if kind is Kind.WHOLE:

        def whole(left: pl.Expr, right: pl.Expr) -> pl.Expr:
            import polars as pl

            return pl.when(right != 0).then(left % right)

        return guarded(operands, kind, whole, lambda left, right: left % right if right else None)

    def row(left: float, right: float) -> float | None:
        if not right or not math.isfinite(left / right):
            return None
        return left - right * float(math.floor(left / right))

    floats = [as_kind(operand, kind) for operand in operands]
    return finite(floats, lambda left, right: left - right * (left / right).floor(), row)


def power(operands: Sequence[Formula]) -> Formula:
    def compute(base: float, exponent: float) -> float | None:
        try:
            found = base**exponent
        except (OverflowError, ZeroDivisionError):
            return None
        return _finite(found) if isinstance(found, float) else None

    return mapped([as_kind(operand, Kind.NUMBER) for operand in operands], Kind.NUMBER, compute)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _guarded(function: Callable[[float], float]) -> Callable[[Sequence[Formula]], Formula]:
    def compute(value: float) -> float | None:
        try:
            return _finite(function(value))
        except (ValueError, OverflowError):
            return None

    return lambda operands: mapped([as_kind(operands[0], Kind.NUMBER)], Kind.NUMBER, compute)


log = _guarded(math.log)
log10 = _guarded(math.log10)
log1p = _guarded(math.log1p)
exp = _guarded(math.exp)


def square_root(operands: Sequence[Formula]) -> Formula:
    return finite(
        [as_kind(operands[0], Kind.NUMBER)],
        lambda value: value.sqrt(),
        lambda value: math.sqrt(value) if value >= 0 else None,
    )


def floor(operands: Sequence[Formula]) -> Formula:
    return _to_whole(operands, lambda value: value.floor(), math.floor)


def ceil(operands: Sequence[Formula]) -> Formula:
    return _to_whole(operands, lambda value: value.ceil(), math.ceil)


def _to_whole(operands: Sequence[Formula], table: Callable[[Any], Any], row: Callable[[float], int]) -> Formula:
    if operands[0].kind is Kind.WHOLE:
        return operands[0]
    return strict(operands, Kind.NUMBER, table, lambda value: float(row(value)))


def round_to(operands: Sequence[Formula]) -> Formula:
    """Halves away from zero, as people round. The number of decimals is a literal."""
    decimals = operands[1].constant if len(operands) > 1 else 0
    if operands[0].kind is Kind.WHOLE and decimals >= 0:
        return operands[0]
    factor = 10.0 ** abs(decimals)

    def scaled(value: Any) -> Any:
        return value * factor if decimals >= 0 else value / factor

    def unscaled(value: Any) -> Any:
        return value / factor if decimals >= 0 else value * factor

    def table(value: pl.Expr) -> pl.Expr:
        import polars as pl

        size = scaled(value.abs())
        rounded = unscaled((size + 0.5).floor())
        signed = pl.when(value < 0).then(-rounded).otherwise(rounded)
        return pl.when(size < _EVEN).then(signed).otherwise(value)

    def row(value: float) -> float:
        size = scaled(abs(value))
        if size >= _EVEN:
            return value
        rounded: float = unscaled(float(math.floor(size + 0.5)))
        return -rounded if value < 0 else rounded

    return finite([as_kind(operands[0], Kind.NUMBER)], table, row)


def least(operands: Sequence[Formula]) -> Formula:
    return _extreme(operands, min, "min_horizontal")


def greatest(operands: Sequence[Formula]) -> Formula:
    return _extreme(operands, max, "max_horizontal")


def _extreme(operands: Sequence[Formula], choose: Callable[..., Any], name: str) -> Formula:
    """Of those that are there."""
    kind = operands[0].kind
    assert kind is not None
    rows = [operand.row for operand in operands]
    tables = [operand.table for operand in operands]

    def table() -> pl.Expr:
        import polars as pl

        return getattr(pl, name)(*(make() for make in tables))  # type: ignore[no-any-return]

    def row(values: Any) -> Any:
        found = [value for value in (one(values) for one in rows) if value is not None]
        return choose(found) if found else None

    return Formula(kind, table, row)
