"""Points in time and durations as calendars and cards write them (RFC 5545, RFC 6350, ISO 8601)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_MOMENT = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ]?(\d\d):?(\d\d)(?::?(\d\d)(?:[.,]\d{1,9})?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$",
    re.ASCII,
)
_OFFSET = re.compile(r"([+-]?)(\d\d):?(\d\d)?:?(\d\d)?$", re.ASCII)
_DURATION = re.compile(
    r"([+-]?)P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?$", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Moment:
    """`time` is as written; `offset` its distance from UTC where the text says that; a `whole_day` has no time."""

    time: datetime
    offset: timedelta | None = None
    whole_day: bool = False


def parse_moment(text: str) -> Moment | None:
    """A date, or a date and a time; None for anything else.

    >>> parse_moment("20240101T120000Z")
    Moment(time=datetime.datetime(2024, 1, 1, 12, 0), offset=datetime.timedelta(0), whole_day=False)
    """
    match = _MOMENT.match(text.strip().upper()[:60])
    if match is None:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    time = wall_time(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    if time is None:
        return None
    offset = None if zone is None else timedelta() if zone == "Z" else parse_offset(zone)
    return Moment(time, offset, whole_day=hour is None)


def wall_time(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime | None:
    """A time as a clock shows it, in a zone still to be known; None where there is no such time."""
    try:
        # A leap second is the last one of its minute.
        return datetime(year, month, day, hour, minute, second - (second == 60))  # noqa: DTZ001
    except ValueError:
        return None


def parse_offset(text: str) -> timedelta | None:
    """A distance from UTC, such as -0500.

    >>> parse_offset("-0530")
    datetime.timedelta(days=-1, seconds=66600)
    """
    match = _OFFSET.match(text.strip())
    if match is None:
        return None
    sign, hours, minutes, seconds = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0), seconds=int(seconds or 0))
    return -offset if sign == "-" else offset


def parse_duration(text: str) -> timedelta | None:
    """A duration, such as P1DT2H; None for anything else.

    >>> parse_duration("-PT15M").total_seconds()
    -900.0
    """
    match = _DURATION.match(text.strip().upper()[:60])
    if match is None or all(part is None for part in match.groups()[1:]):
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
    duration = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -duration if match[1] else duration


def shifted(time: datetime, by: timedelta) -> datetime | None:
    """A time plus a duration, None beyond the years 1 to 9999."""
    try:
        return time + by
    except OverflowError:
        return None
