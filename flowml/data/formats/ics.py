"""Calendars: iCalendar (ICS) files and the older vCalendar, one row per event."""

from __future__ import annotations

import re
from pathlib import Path

from flowml.data.entries.opening import opening_lines
from flowml.data.format import CERTAIN, LIKELY, NO, Format, Option, Reading, Source

_CALENDAR = re.compile(r"BEGIN\s*:\s*VCALENDAR$", re.IGNORECASE)
_ENTRY = re.compile(r"BEGIN\s*:\s*V(EVENT|TODO|JOURNAL|FREEBUSY)$", re.IGNORECASE)


def sniff(head: bytes, path: Path) -> float:
    lines = opening_lines(head)
    if lines and _CALENDAR.match(lines[0]):
        return CERTAIN
    if any(_CALENDAR.match(line) for line in lines) or (lines and _ENTRY.match(lines[0])):
        return LIKELY
    return NO


def read(source: Source) -> Reading:
    from flowml.data.entries.calendars import read_calendars

    return read_calendars(source)


FORMAT = Format(
    name="ics",
    title="a calendar (ICS)",
    extensions=("ics", "ical", "ifb", "vcs", "icalendar"),
    sniff=sniff,
    read=read,
    options=(
        Option(
            "component", "what to read: events (VEVENT), to-dos (VTODO), journal entries (VJOURNAL), free/busy times"
        ),
        Option("encoding", "such as utf-8 or cp1252"),
    ),
)
