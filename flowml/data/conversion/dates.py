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

ORDERS = ("day_first", "month_first", "year_first")

# Most texts are turned away by this alone.
_SHAPE = (
    r"^(?:\d{4}([-/.])\d{1,2}[-/.]\d{1,2}|\d{1,2}([-/.])\d{1,2}[-/.](?:\d{4}|\d{2}))"
    r"(?:(?:T|,? +)(\d{1,2}:\d{2}.{0,24}))?$"
)
_TIMES = ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_ZONE = r"\d(?: (?i:[ap]m))?\s*(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$"
_HALF_OF_DAY = r"(?i)\s*([ap])\.?\s?m\.?(\s*(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?)$"
# Google Forms writes GMT+1.
_FROM_GMT, _SHORT_ZONE = r"\s*(?:GMT|UTC)([+-]\d)", r"([+-])(\d(?::?\d{2})?)$"
_SHIFTED = r"(?i:\d|m)\s*(?:GMT|UTC)?[+-]\d{1,2}(?::?\d{2})?$"
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


def parse_dates(column: pl.Series, probe: pl.Series, *, order: str | None = None) -> Guess:
    """The column as Date or Datetime (UTC, microseconds) when every value parses in exactly one way.

    `probe` is some of its values, none missing, to say no quickly. `order` settles which of day, month and year comes
    first where the values themselves do not. Without it such a column is `unclear`.
    """
    named = with_plain_signs(column, probe)
    if named is None:
        named = with_numbered_months(column, probe)
    if named is not None:
        if named.null_count() > column.null_count():
            return NOTHING
        iso = named.head(1000).drop_nulls()
        found = _parse(named, iso if len(iso) else named.drop_nulls(), "%Y-%m-%d")
        return _with_zone(column.name, probe, found)
    if not probe.str.contains(_SHAPE).all():
        return NOTHING
    forms = _forms(probe, column.name, order)
    parsed = {which: found for which, form in forms if (found := _parse(column, probe, form)) is not None}
    if order in parsed:
        parsed = {order: parsed[order]}
    if not parsed:
        return NOTHING
    if len(parsed) > 1:
        first, *others = parsed.values()
        if not all(first.equals(other) for other in others):
            return Guess(unclear="date")
        return _with_zone(column.name, probe, first)
    which, found = next(iter(parsed.items()))
    # With points or with the year in front there was nothing to choose.
    proof = which if len(forms) > 1 and order is None else None
    guess = _with_zone(column.name, probe, found, proof)
    return replace(guess, notation=Notation("date", order=which))


def unclear_dates(name: str) -> str:
    """What is said of dates that can be read in several ways."""
    said = f"In “{name}”, day and month cannot be told apart: the dates were left as text."
    return f"{said} The option “date_order” decides."


def settled_dates(name: str, order: str) -> str:
    """What is said of dates that other columns settled."""
    return f"In “{name}”, {_SAID[order]} was read as coming first, as in the file's other dates."


def numbered_dates(column: pl.Series) -> Guess:
    """Whole numbers like 20240131, or seconds since 1970, where the column's name says what they are."""
    is_date, is_time = _DATE_NAME.search(column.name), _TIME_NAME.search(column.name)
    if not (is_date or is_time):
        return NOTHING
    least, most = column.min(), column.max()
    if not isinstance(least, int) or not isinstance(most, int):
        return NOTHING
    if is_date and least >= 19_000_101 and most <= 21_001_231:
        dates = column.cast(pl.String).str.to_date("%Y%m%d", strict=False)
        if dates.null_count() == column.null_count():
            remark = f"In “{column.name}”, numbers like {least} were read as dates."
            return Guess(dates, remark, notation=Notation("date", counted="ymd"))
    if is_time or column.name.lower().endswith("date"):
        for unit, spelled, per_second in _UNITS:
            if least >= _EARLIEST * per_second and most < _LATEST * per_second:
                moments = pl.from_epoch(column, time_unit=unit).cast(pl.Datetime("us"))
                remark = f"In “{column.name}”, numbers were read as {spelled} since 1970 (UTC)."
                return Guess(moments, remark, notation=Notation("date", counted=unit))
    return NOTHING


def _forms(probe: pl.Series, name: str, order: str | None) -> list[tuple[str, str]]:
    """Which orders the texts may be in, each with its form."""
    first: str = probe.item(0)
    separator = first[4] if first[:4].isdigit() else first[1 if not first[1].isdigit() else 2]
    if first[:4].isdigit():
        return [("year_first", f"%Y{separator}%m{separator}%d")]
    short = re.match(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2}(?!\d)", first) is not None
    if short and separator == "." and not _DATE_NAME.search(name) and probe.str.contains(_MAYBE_VERSION).any():
        return []
    year = "%y" if short else "%Y"
    day_first = ("day_first", f"%d{separator}%m{separator}{year}")
    month_first = ("month_first", f"%m{separator}%d{separator}{year}")
    year_first = ("year_first", f"%y{separator}%m{separator}%d")
    if short and order == "year_first":
        return [year_first]
    if separator == "." and order != "month_first":
        # With points the day comes first wherever people write so.
        return [day_first]
    if short and separator == "-" and all(_parse(probe, probe, form) is None for _, form in (day_first, month_first)):
        return [year_first]
    return [day_first, month_first]


def _parse(column: pl.Series, probe: pl.Series, form: str) -> pl.Series | None:
    """As dates, or with a time of day after them, or with a zone after that."""
    if probe.str.to_date(form, strict=False).null_count() == 0:
        dates = column.str.to_date(form, strict=False)
        return dates if dates.null_count() == column.null_count() else None
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
        moments = _as_datetime(column, probe, with_time + ("%#z" if zoned.all() else ""))
        if moments is not None:
            return moments
    return None


def _with_times(form: str, example: str) -> Iterator[str]:
    separator = "T" if re.search(r"\dT\d", example) else ", " if "," in example.partition(":")[0] else " "
    for time in _TIMES:
        yield f"{form}{separator}{time}"
    if "," in example.partition(":")[2]:
        # Programs in Europe write the fraction of a second after a comma.
        yield f"{form}{separator}%H:%M:%S,%3f"


def _as_datetime(column: pl.Series, probe: pl.Series, form: str) -> pl.Series | None:
    if probe.head(20).str.to_datetime(form, time_unit="us", strict=False).null_count():
        return None
    moments = column.str.to_datetime(form, time_unit="us", strict=False)
    if moments.null_count() != column.null_count():
        return None
    zone = getattr(moments.dtype, "time_zone", None)
    return moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else moments


def _with_zone(name: str, probe: pl.Series, found: pl.Series | None, proof: str | None = None) -> Guess:
    if found is None:
        return NOTHING
    shifted = found.dtype != pl.Date and probe.str.contains(_SHIFTED).any()
    shifted = shifted and not probe.str.contains(r"(Z|UTC|GMT|\+00?(:?00)?)$").all()
    remark = f"In “{name}”, times were converted to UTC." if shifted else None
    return Guess(found, remark, proof, notation=Notation("date"))
