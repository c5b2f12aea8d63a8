"""Dates written as text, or as a number whose column says that it is one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import polars as pl

from flowml.data.conversion.characters import with_plain_signs
from flowml.data.conversion.guess import NOTHING, Guess
from flowml.data.conversion.months import with_numbered_months
from flowml.data.conversion.notation import Notation
from flowml.data.conversion.odd import may_be_impossible
from flowml.data.conversion.years import has_short_years, short_years_said, with_full_years, without_impossible_years
from flowml.domain.remarks import Remark, decision, note

# Most texts are turned away by this alone.
SHAPE = (
    r"^(?:\d{4}([-/.])\d{1,2}[-/.]\d{1,2}|\d{1,2}([-/.])\d{1,2}[-/.](?:\d{4}|\d{2}))"
    r"(?:(?:T|,? +)(\d{1,2}:\d{2}.{0,24}))?$"
)
_TIMES = ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_ZONE = r"\d(?: (?i:[ap]m))?\s*(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$"
_HALF_OF_DAY = r"(?i)\s*([ap])\.?\s?m\.?(\s*(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?)$"
# Google Forms writes GMT+1.
_FROM_GMT, _SHORT_ZONE = r"\s*(?:GMT|UTC)([+-]\d)", r"([+-])(\d(?::?\d{2})?)$"
_SHIFTED = r"(?i:\d|m)\s*(?:GMT|UTC)?[+-]\d{1,2}(?::?\d{2})?$"
_FORMS = {"day_first": "%d-%m-%Y", "month_first": "%m-%d-%Y", "year_first": "%Y-%m-%d"}
_SAID = {"day_first": "the day", "month_first": "the month", "year_first": "the year"}
# 1.12.10 is a version more often than a day, unless its column says so.
_MAYBE_VERSION = r"^(?:\d\.\d{1,2}|\d{2}\.\d)\.\d{2}$"
_DATE_NAME = re.compile(
    r"(?i)(^|[^a-z])(date|datum|day|dt|ymd|fecha|data|jour|tag|dag|giorno|dia)([^a-z]|$)|date|datum"
)
_TIME_NAME = re.compile(
    r"(?i:(^|[^a-z])(timestamp|time|epoch|ts|unix\w*)([^a-z]|$)|timestamp|[a-z]_at$|^at$|_ts$)|[a-z]At$"
)
_UNITS: tuple[tuple[Literal["s", "ms", "us", "ns"], str, int], ...] = (
    ("s", "seconds", 1),
    ("ms", "milliseconds", 10**3),
    ("us", "microseconds", 10**6),
    ("ns", "nanoseconds", 10**9),
)
# 1990 to 2100: a count of seconds outside is more likely something else.
_EARLIEST, _LATEST = 631_152_000, 4_102_444_800


def parse_dates(column: pl.Series, probe: pl.Series, *, order: str | None = None, slack: float = 0.0) -> Guess:
    """The column as Date or Datetime (UTC, microseconds) when every value parses in exactly one way.

    `probe` is some of its values, none missing, to say no quickly. `order` settles which of day, month and year comes
    first where the values themselves do not. Without it such a column is `unclear`. A share of `slack` of the values
    may be missing from the result: days that no calendar has. So are, always, years before 1 and after 9999.
    """
    named = with_plain_signs(column, probe)
    if named is not None:
        return _of_names(named, column, probe, slack)
    numbered = with_numbered_months(column, probe)
    if numbered is not None:
        return _with_years(_of_names(numbered[0], column, probe, slack), column, numbered[1])
    if not probe.str.contains(SHAPE).all():
        return NOTHING
    first: str = probe.item(0)
    if first[:4].isdigit():
        guess = _with_zone(column.name, probe, _parse(column, probe, f"%Y{first[4]}%m{first[4]}%d", slack))
        return guess if guess.series is None else replace(guess, notation=Notation("date", order="year_first"))
    separator = first[1 if not first[1].isdigit() else 2]
    is_short = has_short_years(column).fill_null(value=False)
    n_short = int(is_short.sum())
    orders = _orders(probe, column.name, order, separator, short=n_short == len(column) - column.null_count())
    parsed = {
        which: dates
        for which in orders
        if (dates := _parse_order(column, probe, which, separator, slack, short=n_short > 0)) is not None
    }
    if parsed:
        # Where days are allowed that no calendar has, the order with fewer of them is meant.
        fewest = min(found.null_count() for found in parsed.values())
        parsed = {which: found for which, found in parsed.items() if found.null_count() == fewest}
    if order in parsed:
        parsed = {order: parsed[order]}
    if not parsed:
        return NOTHING
    which, found = next(iter(parsed.items()))
    proof = None
    if len(parsed) > 1:
        if not all(found.equals(other) for other in parsed.values()):
            return Guess(unclear="date")
        guess = _with_zone(column.name, probe, found)
    else:
        # With points or with the year in front there was nothing to choose.
        proof = which if len(orders) > 1 and order is None else None
        guess = replace(_with_zone(column.name, probe, found, proof), notation=Notation("date", order=which))
    return _with_years(guess, column, is_short)


def unclear_dates(name: str) -> Remark:
    """What is said of dates that can be read in several ways."""
    said = f"In “{name}”, day and month cannot be told apart: the dates were left as text."
    return decision("unclear_date_order", f"{said} The option “date_order” decides.")


def settled_dates(name: str, order: str) -> Remark:
    """What is said of dates that other columns settled."""
    return note("date_order", f"In “{name}”, {_SAID[order]} was read as coming first, as in the file's other dates.")


def numbered_dates(column: pl.Series) -> Guess:
    """Whole numbers like 20240131, or seconds since 1970, where the column's name says what they are."""
    is_date, is_time = _DATE_NAME.search(column.name), _TIME_NAME.search(column.name)
    if not (is_date or is_time):
        return NOTHING
    least, most = column.min(), column.max()
    if not isinstance(least, int) or not isinstance(most, int):
        return NOTHING
    if is_date and most >= 19_000_101:
        dates = column.cast(pl.String).str.to_date("%Y%m%d", strict=False)
        dates = dates.set((column < 19_000_101) | (column > 21_001_231), None)
        zeros, odd = int((column == 0).sum()), dates.null_count() - column.null_count()
        # As among texts: zeros may be many, and days that no calendar has (20240231) some.
        is_dated = ((column == 0) | column.is_between(10_000_000, 99_999_999)).all()
        if is_dated and may_be_impossible(len(column) - column.null_count(), zeros, odd - zeros):
            example = column.filter(dates.is_not_null()).item(0)
            said = f"In “{column.name}”, numbers like {example} were read as dates."
            return Guess(dates, note("numbers_as_dates", said), notation=Notation("date", counted="ymd"))
    if is_time or column.name.lower().endswith("date"):
        for unit, spelled, per_second in _UNITS:
            if least >= _EARLIEST * per_second and most < _LATEST * per_second:
                moments = pl.from_epoch(column, time_unit=unit).cast(pl.Datetime("us"))
                said = f"In “{column.name}”, numbers were read as {spelled} since 1970 (UTC)."
                return Guess(moments, note("numbers_as_dates", said), notation=Notation("date", counted=unit))
    return NOTHING


def _orders(probe: pl.Series, name: str, order: str | None, separator: str, *, short: bool) -> list[str]:
    """Which orders the texts may be in; `short` when every year has two digits."""
    if short and separator == "." and not _DATE_NAME.search(name) and probe.str.contains(_MAYBE_VERSION).any():
        return []
    if short and order == "year_first":
        return ["year_first"]
    if separator == "." and order != "month_first":
        # With points the day comes first wherever people write so.
        return ["day_first"]
    usual = ["day_first", "month_first"]
    if (
        short
        and separator == "-"
        and all(_parse_order(probe, probe, which, separator, 0, short=True) is None for which in usual)
    ):
        return ["year_first"]
    return usual


def _parse_order(
    column: pl.Series, probe: pl.Series, order: str, separator: str, slack: float, *, short: bool
) -> pl.Series | None:
    if short:
        column, probe = (with_full_years(values, year_first=order == "year_first") for values in (column, probe))
    return _parse(column, probe, _FORMS[order].replace("-", separator), slack)


def _of_names(iso: pl.Series, column: pl.Series, probe: pl.Series, slack: float) -> Guess:
    """Of dates whose names for months or for days have become numbers."""
    if iso.null_count() > column.null_count() + slack * len(column):
        return NOTHING
    some = iso.head(1000).drop_nulls()
    found = _parse(iso, some if len(some) else iso.drop_nulls(), "%Y-%m-%d", slack)
    return _with_zone(column.name, probe, found)


def _parse(column: pl.Series, probe: pl.Series, form: str, slack: float) -> pl.Series | None:
    """As dates, or with a time of day after them, or with a zone after that."""
    if probe.str.to_date(form, strict=False).null_count() <= slack * len(probe):
        return _if_few_lost(column.str.to_date(form, strict=False), column, slack)
    first: str = probe.item(0)
    if ":" not in first:
        return None
    if "GMT" in first or "UTC" in first:
        column, probe = (
            values.str.replace(_FROM_GMT, "${1}").str.replace(_SHORT_ZONE, "${1}0${2}") for values in (column, probe)
        )
        first = probe.item(0)
    if re.search(_HALF_OF_DAY, first):
        column, probe = (values.str.replace(_HALF_OF_DAY, " ${1}m${2}") for values in (column, probe))
    zoned = probe.str.contains(_ZONE)
    if zoned.any() and not zoned.all():
        return None
    if zoned.all():
        column, probe = (
            values.str.replace(r"\s*(?:Z|UTC|GMT)$", "+00:00").str.replace(r"\s+([+-]\d{2}(?::?\d{2})?)$", "${1}")
            for values in (column, probe)
        )
    for with_time in _with_times(form, first):
        moments = _as_datetime(column, probe, with_time + ("%#z" if zoned.all() else ""), slack)
        if moments is not None:
            return moments
    return None


def _if_few_lost(found: pl.Series, column: pl.Series, slack: float) -> pl.Series | None:
    lost, present = found.null_count() - column.null_count(), len(column) - column.null_count()
    return without_impossible_years(found) if lost <= slack * present else None


def _with_times(form: str, example: str) -> Iterator[str]:
    separator = "T" if re.search(r"\dT\d", example) else ", " if "," in example.partition(":")[0] else " "
    for time in _TIMES:
        yield f"{form}{separator}{time}"
    if "," in example.partition(":")[2]:
        # Programs in Europe write the fraction of a second after a comma.
        yield f"{form}{separator}%H:%M:%S,%3f"


def _as_datetime(column: pl.Series, probe: pl.Series, form: str, slack: float) -> pl.Series | None:
    few = probe if slack else probe.head(20)
    if few.str.to_datetime(form, time_unit="us", strict=False).null_count() > slack * len(few):
        return None
    moments = column.str.to_datetime(form, time_unit="us", strict=False)
    if getattr(moments.dtype, "time_zone", None):
        moments = moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return _if_few_lost(moments, column, slack)


def _with_zone(name: str, probe: pl.Series, found: pl.Series | None, proof: str | None = None) -> Guess:
    if found is None:
        return NOTHING
    shifted = found.dtype != pl.Date and probe.str.contains(_SHIFTED).any()
    shifted = shifted and not probe.str.contains(r"(Z|UTC|GMT|\+00?(:?00)?)$").all()
    remark = note("times_to_utc", f"In “{name}”, times were converted to UTC.") if shifted else None
    return Guess(found, remark, proof, notation=Notation("date"))


def _with_years(found: Guess, column: pl.Series, is_short: pl.Series) -> Guess:
    """With what is to be said of years of two digits."""
    if found.series is None or not is_short.any():
        return found
    said = short_years_said(column, found.series, is_short)
    return replace(found, remark=found.remark.followed_by(said) if found.remark else said)
