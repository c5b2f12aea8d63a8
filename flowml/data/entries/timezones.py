"""What the time zones of a calendar are: by their name, or by the rules that the file carries."""

from __future__ import annotations

import calendar
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flowml.data.entries.components import Component
from flowml.data.entries.moments import parse_moment, parse_offset, shifted

# A name becomes the path of a file of the zone database, so it must look like one of its names.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{1,40}(?:/[A-Za-z0-9_+-]{1,40}){0,2}$", re.ASCII)
_WEEKDAYS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
_BY_DAY = re.compile(r"([+-]?\d)?(MO|TU|WE|TH|FR|SA|SU)$", re.ASCII)
_MOST_ONSETS = 500
_MOST_ZONES = 2_000
_MOST_KEPT = 200


@dataclass(frozen=True)
class _Change:
    """One STANDARD or DAYLIGHT part: when it begins (each year, or at some times), and the offsets before and in it.

    `yearly` is month, weekday, and either which one of the month (negative from its end) or the earliest day.
    """

    start: datetime
    before: timedelta
    offset: timedelta
    yearly: tuple[int, int, int | None, int] | None
    until: datetime | None
    dates: tuple[datetime, ...]

    def onsets(self, years: Iterable[int]) -> Iterator[datetime]:
        """When it begins: at its fixed times, and in each of some years."""
        yield from (self.start, *self.dates)
        if self.yearly is not None:
            for year in years:
                onset = _onset(year, self.yearly, self.start)
                if self.start <= onset and not (self.until and onset > self.until):
                    yield onset


@dataclass
class Zones:
    """The zones a file may name; those it carries itself are added as they are found."""

    _of_file: dict[str, list[_Change]] = field(default_factory=dict)
    _aliases: dict[str, str] = field(default_factory=dict)
    _known: dict[str, ZoneInfo | None] = field(default_factory=dict)
    _onsets: dict[tuple[str, int], list[tuple[datetime, timedelta]]] = field(default_factory=dict)

    def add(self, component: Component) -> None:
        """Take in a VTIMEZONE."""
        name = component.first("TZID")
        if name is None or len(self._of_file) >= _MOST_ZONES:
            return
        changes = [change for part in component.parts[:_MOST_ONSETS] if (change := _change(part)) is not None]
        self._of_file[name.value.strip()] = changes
        if (location := component.first("X-LIC-LOCATION")) is not None:
            self._aliases[name.value.strip()] = location.value.strip()

    def to_utc(self, time: datetime, name: str) -> datetime | None:
        """A time of this zone in UTC; None where nobody knows the zone."""
        zone = self._zone(name)
        try:
            if zone is not None:
                return time.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
        except (OverflowError, ValueError):
            return None
        return shifted(time, -self._offset(name, time)) if self._of_file.get(name) else None

    def _offset(self, name: str, time: datetime) -> timedelta:
        onsets = self._onsets.get((name, time.year))
        if onsets is None:
            if len(self._onsets) >= _MOST_KEPT:
                self._onsets.clear()
            years = [year for year in (time.year - 1, time.year) if year > 0]
            changes = self._of_file[name]
            onsets = sorted((onset, change.offset) for change in changes for onset in change.onsets(years))
            self._onsets[name, time.year] = onsets
        position = bisect_right(onsets, time, key=lambda item: item[0])
        if position:
            return onsets[position - 1][1]
        return min(self._of_file[name], key=lambda change: change.start).before

    def _zone(self, name: str) -> ZoneInfo | None:
        if name not in self._known:
            if len(self._known) >= _MOST_ZONES:
                return None
            self._known[name] = _by_name(name) or _by_name(self._aliases.get(name, ""))
        return self._known[name]


def _by_name(name: str) -> ZoneInfo | None:
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    name = name.strip().strip('"')
    # Names made unique by a path in front: /example.org/20240101_1/Europe/Berlin.
    parts = name.strip("/").split("/")[:10]
    for candidate in (WINDOWS_TO_OLSON.get(name, ""), name, "/".join(parts[-3:]), "/".join(parts[-2:])):
        if _NAME.match(candidate):
            try:
                return ZoneInfo(candidate)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                continue
    return None


def _change(part: Component) -> _Change | None:
    def value(name: str) -> str:
        found = part.first(name)
        return "" if found is None else found.value

    offset = parse_offset(value("TZOFFSETTO"))
    if offset is None:
        return None
    start = parse_moment(value("DTSTART"))
    before = parse_offset(value("TZOFFSETFROM"))
    rule = dict(item.split("=", 1) for item in value("RRULE").upper().split(";")[:20] if "=" in item)
    until = parse_moment(rule.get("UNTIL", ""))
    moments = [parse_moment(text) for item in part.all("RDATE") for text in item.value.split(",", _MOST_ONSETS)]
    return _Change(
        start.time if start else datetime.min,  # noqa: DTZ901
        offset if before is None else before,
        offset,
        _yearly(rule),
        until.time if until else None,
        tuple(moment.time for moment in moments[:_MOST_ONSETS] if moment),
    )


def _yearly(rule: dict[str, str]) -> tuple[int, int, int | None, int] | None:
    """A rule of the form that zones have: such a weekday of such a month each year. Others are not followed."""
    day = _BY_DAY.match(rule.get("BYDAY", ""))
    month, days = rule.get("BYMONTH", ""), rule.get("BYMONTHDAY", "").split(",")
    if rule.get("FREQ") != "YEARLY" or day is None or not month.isdecimal() or not 1 <= int(month) <= 12:
        return None
    earliest = min((int(text) for text in days[:31] if text.isdecimal() and len(text) <= 2), default=1)
    return int(month), _WEEKDAYS[day[2]], int(day[1]) if day[1] else None, min(max(earliest, 1), 28)


def _onset(year: int, yearly: tuple[int, int, int | None, int], start: datetime) -> datetime:
    month, weekday, which, earliest = yearly
    first, length = calendar.monthrange(year, month)
    if which is not None and which < 0:
        last = length - (first + length - 1 - weekday) % 7
        day = last + 7 * (which + 1)
    else:
        day = earliest + (weekday - first - (earliest - 1)) % 7 + 7 * ((which or 1) - 1)
    return start.replace(year=year, month=month, day=min(max(day, 1), length))
