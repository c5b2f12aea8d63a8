"""Calendars (iCalendar, RFC 5545, and vCalendar 1.0) as a table with one row per event.

Times are in UTC, with the zone they were written in beside; times without a zone stand as they are. Repeating events
are one row with their rule, never expanded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from flowml.data.entries.components import Component, components
from flowml.data.entries.contentlines import Property, properties
from flowml.data.entries.moments import parse_duration, parse_moment, shifted
from flowml.data.entries.table import Entries
from flowml.data.entries.text import NO_DATE, NO_PLACE, BadLines, encoding_of, lines, say_encoding, shown
from flowml.data.entries.timezones import Zones
from flowml.data.format import Reading, Source
from flowml.domain.errors import InvalidInput, UnreadableFile
from flowml.domain.remarks import Remark, decision, loss, note

# In the order in which they are looked for; anything else a calendar may hold comes after.
_KINDS = {"VEVENT": "events", "VTODO": "to-dos", "VJOURNAL": "journal entries", "VFREEBUSY": "free/busy times"}
_MOMENTS = {
    "DTSTART": "start",
    "DTEND": "end",
    "DUE": "due",
    "COMPLETED": "completed",
    "RECURRENCE-ID": "recurrence_id",
    "CREATED": "created",
    "DCREATED": "created",
    "LAST-MODIFIED": "last_modified",
    "DTSTAMP": "dtstamp",
}
_LISTS_OF_MOMENTS = {"EXDATE": "exdate", "RDATE": "rdate", "FREEBUSY": "freebusy"}
_WHOLE = {"SEQUENCE": "sequence", "PRIORITY": "priority", "PERCENT-COMPLETE": "percent_complete"}
_LISTS = {"CATEGORIES": "categories", "RESOURCES": "resources"}
_COLUMNS = (
    *("calendar", "uid", "summary", "start", "end", "all_day", "duration_seconds", "timezone", "due", "completed"),
    *("percent_complete", "location", "description", "status", "categories", "organizer", "organizer_name"),
    *("attendees", "attendee_count", "rrule", "rdate", "exdate", "recurrence_id", "freebusy", "alarms", "alarm_count"),
    *("priority", "class", "transp", "url", "geo_latitude", "geo_longitude", "sequence", "created", "last_modified"),
    *("dtstamp", "contact", "comment", "related_to", "resources", "attach"),
)
_ALWAYS = {"uid": str, "summary": str, "start": datetime, "end": datetime, "all_day": bool}
_MOST_LISTED = 1_000
_MOST_CALENDARS = 100_000


class _Calendars:
    """What is known of a file before its entries are read: a zone or a calendar's name may come after them."""

    def __init__(self, source: Source):
        self.bad_lines = BadLines()
        self.source = source
        self.encoding = encoding_of(source)
        self.zones = Zones()
        self.kinds: Counter[str] = Counter()
        self.names: list[str | None] = []
        self.unknown_zones: Counter[str] = Counter()
        self.empty = 0
        self.cut_off = False
        for component in self.components(BadLines()):
            if component.name == "VCALENDAR":
                self.names.append(_calendar_name(component))
                if len(self.names) > _MOST_CALENDARS:
                    raise UnreadableFile(f"The file holds more than {_MOST_CALENDARS:,} calendars.")
            elif component.name == "VTIMEZONE":
                self.zones.add(component)
            else:
                self.kinds[component.name] += 1
                self.cut_off |= not component.closed

    def components(self, bad_lines: BadLines) -> Iterator[Component]:
        items = properties(lines(self.source, self.encoding), bad_lines)
        return components(items, "VCALENDAR", bad_lines, wherever=frozenset(_KINDS))


def read_calendars(source: Source) -> Reading:
    """The table of an ICS file. Raises UnreadableFile where there is nothing in it."""
    file = _Calendars(source)
    kind = _choose(file)
    remarks: list[Remark] = []
    entries = Entries(source.limits, _COLUMNS, _ALWAYS)
    calendar = 0
    for component in file.components(file.bad_lines):
        if component.name == "VCALENDAR":
            calendar += 1
        elif component.name == kind:
            name = file.names[calendar] if calendar < len(file.names) else None
            row = _row(component, file)
            file.empty += not row
            entries.add({"calendar": name, **row})
    reading = Reading(entries.frame(remarks), "ics", typed=True, remarks=remarks)
    return _told(reading, file, kind)


def _told(reading: Reading, file: _Calendars, kind: str) -> Reading:
    reading.decided["component"] = kind
    reading.choices["component"] = list(file.kinds)
    others = [f"{_title(name)} ({count:,})" for name, count in file.kinds.items() if name != kind]
    if others:
        said = f"The {_title(kind)} were read; the file also has {', '.join(others)}. The option “component” chooses."
        reading.remarks.append(decision("table_chosen", said))
    if file.empty:
        said = f"{file.empty:,} of the {reading.frame.height:,} {_title(kind)} say nothing at all."
        reading.remarks.append(note("empty_entries", said))
    for zone, count in file.unknown_zones.most_common(5):
        said = f"Neither the file nor the zone database knows the time zone “{shown(zone)}”:"
        said += f" {count:,} {'time stands' if count == 1 else 'times stand'} as written."
        reading.remarks.append(decision("unknown_time_zone", said))
    if file.cut_off:
        reading.remarks.append(loss("cut_off", "The file ends inside of an entry: it may be cut off."))
    reading.remarks += file.bad_lines.remarks()
    say_encoding(reading, file.encoding)
    return reading


def _choose(file: _Calendars) -> str:
    if not file.kinds:
        raise UnreadableFile(
            "The calendar is empty: it holds no events, to-dos or journal entries.",
            hint="Choose a calendar with events in the program it came from and export it again.",
        )
    asked = file.source.text_option("component")
    if asked is None:
        return next((kind for kind in _KINDS if file.kinds[kind]), next(iter(file.kinds)))
    for name in file.kinds:
        if asked.upper() in (name, name.removeprefix("V")) or asked.lower() == _title(name):
            return name
    has = ", ".join(f"“{name}”" for name in list(file.kinds)[:20])
    raise InvalidInput.of_field("options.component", f"There is no “{asked[:80]}” in the calendar. It has {has}.")


def _title(kind: str) -> str:
    return _KINDS.get(kind, kind)


def _calendar_name(calendar: Component) -> str | None:
    name = calendar.first("X-WR-CALNAME") or calendar.first("NAME")
    return name.text() or None if name is not None else None


def _row(component: Component, file: _Calendars) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for item in component.properties:
        if item.name in _MOMENTS:
            _put_moment(row, item, file)
        elif item.name == "DURATION":
            duration = parse_duration(item.value)
            if duration is None and item.value.strip():
                file.bad_lines.add(
                    loss("values_left_out", "has no duration that can be read, so it was left out"),
                    item.line,
                    item.value,
                )
            elif duration is not None:
                row["duration_seconds"] = int(duration.total_seconds())
        else:
            _put(row, item, file)
    _complete_end(row)
    _put_people(row, component)
    if alarms := [_alarm(part) for part in component.parts if part.name == "VALARM"]:
        row["alarms"], row["alarm_count"] = "; ".join(alarms), len(alarms)
    return row


def _put(row: dict[str, Any], item: Property, file: _Calendars) -> None:
    """A property that is neither a point in time nor a person."""
    name = item.name.lower().replace("-", "_")
    if item.name in ("ATTENDEE", "ORGANIZER"):
        return
    if item.name in _WHOLE and item.value.strip().isdecimal() and len(item.value) < 18:
        row.setdefault(name, int(item.value))
        return
    if item.name == "GEO":
        latitude, _, longitude = item.value.replace(",", ";").partition(";")
        try:
            row["geo_latitude"], row["geo_longitude"] = float(latitude), float(longitude)
        except ValueError:
            file.bad_lines.add(NO_PLACE, item.line, item.value)
        return
    if item.name in _WHOLE:
        file.bad_lines.add(loss("values_left_out", "has no whole number, so it was left out"), item.line, item.value)
        return
    if item.name in _LISTS_OF_MOMENTS:
        text = _moments(item, file)
    elif item.name in _LISTS:
        text = "; ".join(part for part in item.texts(",") if part)
    elif item.is_binary:
        text = binary_note(item)
    else:
        text = item.text()
    if text:
        row[name] = f"{row[name]}; {text}" if row.get(name) else text


def binary_note(item: Property) -> str:
    """What is kept of bytes inside a file: their kind and how many they are.

    >>> binary_note(Property("ATTACH", {"FMTTYPE": ["image/png"], "ENCODING": ["BASE64"]}, "iVBORw==", "", 1))
    'image/png, 4 bytes'
    """
    kind = item.parameter("FMTTYPE") or item.parameter("MEDIATYPE") or ", ".join(item.types) or "binary"
    letters = sum(map(len, item.value.split())) - item.value[-4:].count("=")
    return f"{kind}, {letters * 3 // 4:,} bytes"


def _put_moment(row: dict[str, Any], item: Property, file: _Calendars) -> None:
    name = _MOMENTS[item.name]
    moment = parse_moment(item.decoded())
    if moment is None:
        if item.value.strip():
            file.bad_lines.add(NO_DATE, item.line, item.value)
        return
    zone = item.parameter("TZID")
    time: datetime | None = moment.time
    if moment.offset is not None:
        zone, time = "UTC" if not moment.offset else zone, shifted(moment.time, -moment.offset)
    elif zone and not moment.whole_day:
        time = file.zones.to_utc(moment.time, zone)
        if time is None:
            file.unknown_zones[zone] += 1
            time = moment.time
    if time is None or row.get(name) is not None:
        return
    row[name] = time
    if name == "start":
        row["all_day"] = moment.whole_day
    if name in ("start", "due") and zone and not moment.whole_day:
        row.setdefault("timezone", zone)


def _complete_end(row: dict[str, Any]) -> None:
    """The end that a duration gives, and the duration that an end gives."""
    start, end, seconds = row.get("start"), row.get("end") or row.get("due"), row.get("duration_seconds")
    if start is None:
        return
    if end is None and seconds is not None:
        row["end"] = shifted(start, timedelta(seconds=seconds))
    elif end is not None and seconds is None:
        row["duration_seconds"] = int((end - start).total_seconds())


def _moments(item: Property, file: _Calendars) -> str:
    """Several points in time or periods as a text, in UTC where their zone is known."""
    written = item.value.split(",", _MOST_LISTED)
    if len(written) > _MOST_LISTED:
        return item.value
    zone = item.parameter("TZID")
    periods = ["/".join(_iso(part, zone, file) for part in text.split("/", 1)) for text in written if text.strip()]
    kind = item.parameter("FBTYPE")
    return ", ".join(f"{kind} {period}" if kind else period for period in periods)


def _iso(text: str, zone: str, file: _Calendars) -> str:
    moment = parse_moment(text)
    if moment is None:
        return text.strip()
    if moment.whole_day:
        return f"{moment.time:%Y-%m-%d}"
    time = shifted(moment.time, -moment.offset) if moment.offset is not None else file.zones.to_utc(moment.time, zone)
    return f"{time.isoformat()}Z" if time is not None else moment.time.isoformat()


def _put_people(row: dict[str, Any], component: Component) -> None:
    if (organizer := component.first("ORGANIZER")) is not None:
        row["organizer"] = _address(organizer)
        row["organizer_name"] = organizer.parameter("CN")
    if attendees := component.all("ATTENDEE"):
        row["attendees"], row["attendee_count"] = "; ".join(map(_attendee, attendees)), len(attendees)


def _attendee(person: Property) -> str:
    """Such as “Jane Doe <jane@example.org> (ACCEPTED)”."""
    name, address = person.parameter("CN"), _address(person)
    usual = ("", "REQ-PARTICIPANT", "INDIVIDUAL", "NEEDS-ACTION")
    notes = [person.parameter(key).upper() for key in ("PARTSTAT", "ROLE", "CUTYPE")]
    said = ", ".join(note for note in notes if note not in usual)
    text = f"{name} <{address}>" if name and name != address else address
    return f"{text} ({said})" if said else text


def _address(person: Property) -> str:
    address = person.text()
    return address[7:] if address[:7].lower() == "mailto:" else address


def _alarm(alarm: Component) -> str:
    parts = [found.text() for name in ("ACTION", "TRIGGER") if (found := alarm.first(name)) is not None]
    return " ".join(parts)
