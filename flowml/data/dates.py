"""Dates written as text."""

from __future__ import annotations

from itertools import product

import polars as pl

# Digits and separators or a month's name, a year of four digits: most texts are turned away by this alone.
_SHAPE = (
    r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}[- ][A-Za-z]{3,9}\.?,?[- ]\d{4}"
    r"|[A-Za-z]{3,9}\.? \d{1,2},? \d{4})([T ,].{0,24})?$"
)

# ISO and its variants first. With dots the day comes first wherever people write so.
_PLAIN = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d.%m.%Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d %Y",
)
# Day first and month first look the same: believed only where a value proves which.
_AMBIGUOUS = (("%d/%m/%Y", "%m/%d/%Y"), ("%d-%m-%Y", "%m-%d-%Y"))
_TIMES = ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M:%S%.f %#z")


def parse_dates(column: pl.Series, probe: pl.Series) -> tuple[pl.Series | None, str | None]:
    """The column as Date or Datetime (UTC, microseconds) when every value parses in exactly one way.

    `probe` is some of its values, none missing, to say no quickly. The second answer is a sentence for the person:
    when the order of day and month cannot be told, the column stays text and the sentence says so.
    """
    if not probe.str.contains(_SHAPE).all():
        return None, None
    for form in _PLAIN:
        found = _as_date(column, probe, form)
        if found is not None:
            return found, None
    for day_first, month_first in _AMBIGUOUS:
        days, months = _as_date(column, probe, day_first), _as_date(column, probe, month_first)
        if days is not None and months is not None:
            if days.equals(months):
                return days, None
            return None, f"In “{column.name}”, day and month cannot be told apart: the dates were left as text."
        if days is not None or months is not None:
            return days if days is not None else months, None
    for form in _ZONED:
        zoned = _as_datetime(column, probe, form)
        if zoned is not None:
            return zoned, f"In “{column.name}”, times were converted to UTC." if _has_offset(probe) else None
    return None, None


def _as_date(column: pl.Series, probe: pl.Series, form: str) -> pl.Series | None:
    """As a date, or with a time of day after it."""
    if probe.str.to_date(form, strict=False).null_count() == 0:
        dates = column.str.to_date(form, strict=False)
        return dates if dates.null_count() == column.null_count() else None
    for separator, time in product((" ", "T", ", "), _TIMES):
        found = _as_datetime(column, probe, f"{form}{separator}{time}")
        if found is not None:
            return found
    return None


def _as_datetime(column: pl.Series, probe: pl.Series, form: str) -> pl.Series | None:
    if probe.head(20).str.to_datetime(form, time_unit="us", strict=False).null_count():
        return None
    moments = column.str.to_datetime(form, time_unit="us", strict=False)
    if moments.null_count() != column.null_count():
        return None
    zone = getattr(moments.dtype, "time_zone", None)
    return moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else moments


def _has_offset(probe: pl.Series) -> bool:
    return not probe.str.contains(r"(Z|\+00:?00)$").all()
