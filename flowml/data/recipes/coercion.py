"""Values from outside as values of a column: JSON's numbers and texts, and columns that a file has in another type."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from flowml.data.recipes import scalars
from flowml.data.recipes.kinds import Kind

if TYPE_CHECKING:
    import polars as pl

Coerce = Callable[[Any], Any]


def coercion(kind: Kind) -> Coerce:
    """A function that gives the value as one of this kind, None for a missing one. It raises ValueError for others, or
    OverflowError.

    A number with decimals stays one among whole numbers.

    >>> coercion(Kind.WHOLE)("3"), coercion(Kind.NUMBER)(2), coercion(Kind.TEXT)(3.0), coercion(Kind.DATE)("2020-01-02")
    (3, 2.0, '3', datetime.date(2020, 1, 2))
    """
    return {
        Kind.WHOLE: _whole,
        Kind.NUMBER: _number,
        Kind.BOOLEAN: _truth,
        Kind.TEXT: _text,
        Kind.DATE: _date,
        Kind.MOMENT: _moment,
    }[kind]


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value or None
    if value is None:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a text")
    if not isinstance(value, bool | int | float | date | time):
        raise ValueError("not a text")
    return scalars.text_of(value)


def _number(value: Any) -> float | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        found = scalars.number_of(value)
        if found is None:
            truth = scalars.truth_of(value)
            found = None if truth is None else float(truth)
    elif isinstance(value, bool | int | float):
        # Raises OverflowError for a whole number beyond all floats.
        found = float(value) if math.isfinite(value) else None
    else:
        found = None
    if found is None:
        raise ValueError("not a number")
    return found


def _whole(value: Any) -> int | float | None:
    if type(value) is int and scalars.LEAST_WHOLE <= value <= scalars.LARGEST_WHOLE:
        return value
    if isinstance(value, str):
        whole = scalars.whole_of(value)
        if whole is not None:
            return whole
    number = _number(value)
    if number is None:
        return None
    whole = scalars.whole_of_number(number)
    return number if whole is None else whole


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool) or value is None:
        return value
    if value == "":
        return None
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    found = scalars.truth_of(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("neither true nor false")
    return found


def _date(value: Any) -> date | None:
    moment = _moment(value)
    return None if moment is None else moment.date()


def _moment(value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        # Raises ValueError for what is no date.
        value = datetime.fromisoformat(value.strip())
    if isinstance(value, datetime):
        return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    if not isinstance(value, date):
        raise ValueError("not a date")
    return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - times are kept in UTC without a zone


def coerced_series(values: pl.Series, kind: Kind) -> pl.Series:
    """A column as one of this kind; what cannot be is missing. Whole numbers with decimals among them stay numbers."""
    import polars as pl

    wanted = kind.polars
    if values.dtype == wanted:
        return values.set(values == "", None) if kind is Kind.TEXT else values
    if values.dtype.is_integer() and kind is Kind.WHOLE or values.dtype.is_numeric() and kind is Kind.NUMBER:
        return values.cast(wanted, strict=False)
    coerce = coercion(kind)
    if values.dtype == pl.Datetime and getattr(values.dtype, "time_zone", None):
        values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if isinstance(values.dtype, pl.Categorical | pl.Enum):
        values = values.cast(pl.String)

    def convert(value: Any) -> Any:
        if value is None:
            return None
        try:
            return coerce(value)
        except (ValueError, OverflowError):
            return None

    found = [convert(value) for value in scalars.in_range(values).to_list()]
    if kind is Kind.WHOLE and any(isinstance(value, float) for value in found):
        return pl.Series(values.name, found, dtype=pl.Float64, strict=False)
    return pl.Series(values.name, found, dtype=wanted)
