"""The few values that keep a column of numbers as text."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from flowml.data.conversion.numbers import looks_like_number

# So many of a column's values must be numbers that the others are worth a remark.
MOSTLY = 0.8
_SHOWN = 3
_WITH_UNIT = r"^[-+−]?\d[\d.,]*[ \u00a0\u202f]?((?:[\p{L}°µ%‰][\p{L}²³/]{0,5})?)$"
LineOf = Callable[[int], int | None]


def no_numbers(column: pl.Series, blanked: pl.Series, line_of: LineOf) -> str | None:
    """What to say of a column of numbers with a few texts in between; `blanked` is it without its missing values."""
    odd = (~looks_like_number(blanked)).fill_null(value=False)
    return _remark(column, odd, ("is no number", "are no numbers"), line_of)


def no_quantities(column: pl.Series, probe: pl.Series, line_of: LineOf) -> str | None:
    """What to say of a column of numbers with a unit (“12 kg”) and a few other texts."""
    if (probe.str.contains(_WITH_UNIT).mean() or 0) < MOSTLY:  # type: ignore[operator]
        return None
    units = column.str.extract(_WITH_UNIT)
    commonest = units.drop_nulls().value_counts(sort=True)
    unit, count = commonest.row(0)
    if not unit or count < MOSTLY * (len(column) - column.null_count()):
        return None
    odd = units.is_null() & column.is_not_null()
    return _remark(column, odd, (f"is no number with “{unit}”", f"are no numbers with “{unit}”"), line_of)


def _remark(column: pl.Series, odd: pl.Series, says: tuple[str, str], line_of: LineOf) -> str | None:
    count, total = int(odd.sum()), len(column) - column.null_count()
    if count == 0 or count > (1 - MOSTLY) * total:
        return None
    shown = []
    for row in odd.arg_true().head(_SHOWN):
        line = line_of(row)
        value = column[row] if len(column[row]) <= 40 else f"{column[row][:39]}…"
        shown.append(f"“{value}” ({f'line {line:,}' if line else f'row {row + 1:,}'})")
    more = f" and {count - _SHOWN:,} more" if count > _SHOWN else ""
    said = f"In “{column.name}”, {count:,} of {total:,} values {says[count > 1]}: {', '.join(shown)}{more}."
    return f"{said} It was kept as text."
