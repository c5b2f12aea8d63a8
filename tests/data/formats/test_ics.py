"""Calendars as their owners would expect them: one row per event, times in UTC, nothing dropped without a word."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowml.data.format import CERTAIN, LIKELY, NO
from flowml.data.formats.ics import FORMAT, sniff
from flowml.domain.errors import InvalidInput, UnreadableFile
from tests.data.formats.mutations import damaged, read_or_refuse
from tests.data.formats.times import at
from tests.data.reading import read

EVENT = """BEGIN:VEVENT
UID:1@example.org
SUMMARY:Lunch\\, with
  friends
DTSTART;TZID=Europe/Berlin:20240701T120000
DTEND;TZID=Europe/Berlin:20240701T133000
LOCATION:Café\\nBack room
CATEGORIES:FOOD,FRIENDS
ORGANIZER;CN=Jo Doe:mailto:jo@example.org
ATTENDEE;CN="Doe, Jane";PARTSTAT=ACCEPTED;ROLE=CHAIR:mailto:jane@example.org
ATTENDEE:mailto:max@example.org
RRULE:FREQ=WEEKLY;COUNT=1000000000
EXDATE;TZID=Europe/Berlin:20240708T120000,20240715T120000
GEO:52.5;13.4
SEQUENCE:2
X-COLOR:blue
BEGIN:VALARM
ACTION:DISPLAY
TRIGGER:-PT15M
UID:alarm
END:VALARM
END:VEVENT
"""
CALENDAR = f"BEGIN:VCALENDAR\nVERSION:2.0\nX-WR-CALNAME:Mine\n{EVENT}END:VCALENDAR\n"


def calendar(*lines: str) -> str:
    return "\n".join(["BEGIN:VCALENDAR", *lines, "END:VCALENDAR", ""])


def event(*lines: str) -> str:
    return calendar("BEGIN:VEVENT", *lines, "END:VEVENT")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_an_event_is_a_row_with_all_its_fields(tmp_path: Path, newline: str, encoding: str) -> None:
    frame, warnings = read(tmp_path, "a.ics", CALENDAR.replace("\n", newline).encode(encoding))
    assert warnings == ""
    assert frame.to_dicts() == [
        {
            "calendar": "Mine",
            "uid": "1@example.org",
            "summary": "Lunch, with friends",
            "start": at(2024, 7, 1, 10),
            "end": at(2024, 7, 1, 11, 30),
            "all_day": False,
            "duration_seconds": 5400,
            "timezone": "Europe/Berlin",
            "location": "Café\nBack room",
            "categories": "FOOD; FRIENDS",
            "organizer": "jo@example.org",
            "organizer_name": "Jo Doe",
            "attendees": "Doe, Jane <jane@example.org> (ACCEPTED, CHAIR); max@example.org",
            "attendee_count": 2,
            "rrule": "FREQ=WEEKLY;COUNT=1000000000",
            "exdate": "2024-07-08T10:00:00Z, 2024-07-15T10:00:00Z",
            "alarms": "DISPLAY -PT15M",
            "alarm_count": 1,
            "geo_latitude": 52.5,
            "geo_longitude": 13.4,
            "sequence": 2,
            "x_color": "blue",
        }
    ]


@pytest.mark.parametrize(
    ("written", "start", "all_day", "zone"),
    [
        ("DTSTART:20240101T120000Z", at(2024, 1, 1, 12), False, "UTC"),
        ("DTSTART:20240101T120000", at(2024, 1, 1, 12), False, None),
        ("DTSTART;VALUE=DATE:20240101", at(2024, 1, 1), True, None),
        ("DTSTART:20240101", at(2024, 1, 1), True, None),
        (
            "DTSTART;TZID=Eastern Standard Time:20240101T120000",
            at(2024, 1, 1, 17),
            False,
            "Eastern Standard Time",
        ),
        (
            "DTSTART;TZID=/example.org/2024_1/Asia/Tokyo:20240101T120000",
            at(2024, 1, 1, 3),
            False,
            "/example.org/2024_1/Asia/Tokyo",
        ),
        ("DTSTART:00010101T000000Z", at(1, 1, 1), False, "UTC"),
        ("DTSTART\n ;VALUE=DATE\n\n :20240101", at(2024, 1, 1), True, None),
    ],
)
def test_times_are_utc_and_say_their_zone(
    tmp_path: Path, written: str, start: datetime, all_day: bool, zone: str | None
) -> None:
    frame, _ = read(tmp_path, "a.ics", event("SUMMARY:a", written))
    row = frame.to_dicts()[0]
    assert (row["start"], row["all_day"], row.get("timezone")) == (start, all_day, zone)


ZONE = """BEGIN:VTIMEZONE
TZID:Home
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
END:VTIMEZONE"""


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("20240330T120000", at(2024, 3, 30, 11)),
        ("20240331T120000", at(2024, 3, 31, 10)),
        ("20241026T120000", at(2024, 10, 26, 10)),
        ("20241027T120000", at(2024, 10, 27, 11)),
        ("20250101T120000", at(2025, 1, 1, 11)),
        ("19600101T120000", at(1960, 1, 1, 11)),
    ],
)
def test_a_zone_of_the_file_is_followed_even_when_it_comes_last(tmp_path: Path, local: str, utc: datetime) -> None:
    text = calendar("BEGIN:VEVENT", f"DTSTART;TZID=Home:{local}", "END:VEVENT", ZONE)
    assert read(tmp_path, "a.ics", text)[0]["start"].to_list() == [utc]


def test_a_zone_nobody_knows_leaves_the_time_and_says_so(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "a.ics", event("DTSTART;TZID=Nowhere/Land:20240101T120000"))
    assert frame["start"].to_list() == [at(2024, 1, 1, 12)]
    assert "Nowhere/Land" in warnings


def test_a_zone_that_is_a_path_opens_nothing(tmp_path: Path) -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "America", "..", "a" * 5_000, "\N{SNOWMAN}/B"):
        frame, warnings = read(tmp_path, "a.ics", event(f"DTSTART;TZID={name}:20240101T120000"))
        assert frame["start"].to_list() == [at(2024, 1, 1, 12)]
        assert "knows the time zone" in warnings


def test_a_duration_gives_the_end(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "a.ics", event("DTSTART:20240101T120000Z", "DURATION:P1DT2H"))
    assert frame["end"].to_list() == [at(2024, 1, 2, 14)]
    assert frame["duration_seconds"].to_list() == [93_600]


def test_what_cannot_be_read_is_named_by_line_and_content(tmp_path: Path) -> None:
    text = event("SUMMARY:kept", "DTSTART:99999999T000000", "no property", "DURATION:soon", "GEO:here")
    frame, warnings = read(tmp_path, "a.ics", text)
    assert frame["summary"].to_list() == ["kept"]
    for said in ("Line 4", "99999999T000000", "Line 5", "no property", "Line 6", "soon", "Line 7", "here"):
        assert said in warnings


def test_other_components_are_named_and_can_be_chosen(tmp_path: Path) -> None:
    text = calendar(
        *("BEGIN:VTODO", "SUMMARY:Do", "DUE:20240105T100000Z", "PERCENT-COMPLETE:50", "END:VTODO"),
        *("BEGIN:VEVENT", "SUMMARY:Be", "END:VEVENT", "BEGIN:VJOURNAL", "SUMMARY:Say", "END:VJOURNAL"),
    )
    frame, warnings = read(tmp_path, "a.ics", text)
    assert frame["summary"].to_list() == ["Be"]
    assert "to-dos (1), journal entries (1)" in warnings
    frame, _ = read(tmp_path, "a.ics", text, {"component": "VTODO"})
    assert frame.select("summary", "due", "percent_complete").rows() == [("Do", at(2024, 1, 5, 10), 50)]
    with pytest.raises(InvalidInput, match="no “VALARM”"):
        read(tmp_path, "a.ics", text, {"component": "VALARM"})


@pytest.mark.parametrize("kind", ["VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY"])
def test_without_events_the_next_kind_is_read(tmp_path: Path, kind: str) -> None:
    frame, _ = read(tmp_path, "a.ics", calendar(f"BEGIN:{kind}", "UID:7", f"END:{kind}"))
    assert frame["uid"].to_list() == ["7"]


def test_each_event_says_its_calendar(tmp_path: Path) -> None:
    calendars = [calendar("BEGIN:VEVENT", f"UID:{name}", "END:VEVENT", f"X-WR-CALNAME:{name}") for name in "ab"]
    frame, _ = read(tmp_path, "a.ics", "\n".join(calendars))
    assert frame.select("calendar", "uid").rows() == [("a", "a"), ("b", "b")]


def test_an_event_inside_of_something_else_is_a_row(tmp_path: Path) -> None:
    text = calendar("BEGIN:X-BOX", "X-A:1", "BEGIN:VEVENT", "UID:in", "DURATION:", "END:VEVENT", "END:X-BOX")
    frame, warnings = read(tmp_path, "a.ics", text)
    assert frame["uid"].to_list() == ["in"]
    assert "X-BOX (1)" in warnings


def test_events_that_say_nothing_are_rows_all_the_same(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "a.ics", "BEGIN:VCALENDAR\n" + "BEGIN:VEVENT\nEND:VEVENT\n" * 3)
    assert frame.height == 3
    assert "3 of the 3 events say nothing" in warnings


@pytest.mark.parametrize("content", ["BEGIN:VCALENDAR\nEND:VCALENDAR\n", "\ufeffBEGIN:VCALENDAR\n", ""])
def test_an_empty_calendar_is_refused_in_one_sentence(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableFile, match=r"^(The calendar is empty|The file is empty)"):
        read(tmp_path, "a.ics", content)


def test_a_file_cut_off_is_read_and_said(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "a.ics", CALENDAR[: CALENDAR.index("LOCATION")])
    assert frame["uid"].to_list() == ["1@example.org"]
    assert "cut off" in warnings


def test_an_attachment_is_its_kind_and_size(tmp_path: Path) -> None:
    text = event("ATTACH;FMTTYPE=image/png;ENCODING=BASE64;VALUE=BINARY:iVBORw0KGgo=", "ATTACH:https://example.org/a")
    frame, _ = read(tmp_path, "a.ics", text)
    assert frame["attach"].to_list() == ["image/png, 8 bytes; https://example.org/a"]


def test_calendars_are_known_by_a_whole_line() -> None:
    assert sniff(CALENDAR.encode("utf-16"), Path()) == CERTAIN
    assert sniff(b"\r\n\r\n  begin:vcalendar \r\n", Path()) == CERTAIN
    assert sniff(f"Sent from my phone\n\n{CALENDAR}".encode(), Path()) == LIKELY
    assert sniff(b"word,count\nBEGIN:VCALENDAR,3\n", Path()) == NO
    assert sniff(b"", Path()) == NO


@pytest.mark.parametrize(
    "content",
    [
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:a" + "\n b" * 1_000_000,
        "BEGIN:VCALENDAR\n" + "".join(f"BEGIN:A{number}\n" for number in range(100_000)),
        "BEGIN:VCALENDAR\n" + "nothing\n" * 100_000,
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + "X-A:1\n" * 200_000,
        "BEGIN:VCALENDAR\nSUMMARY:" + "a" * 20_000_000,
    ],
    ids=["folds", "nesting", "stray", "properties", "long"],
)
def test_a_hostile_calendar_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableFile):
        read(tmp_path, "a.ics", content)


def test_names_made_up_for_every_event_make_no_wide_table(tmp_path: Path) -> None:
    events = "".join(f"BEGIN:VEVENT\nUID:{number}\nX-A{number}:1\nEND:VEVENT\n" for number in range(3_000))
    frame, warnings = read(tmp_path, "a.ics", f"BEGIN:VCALENDAR\n{events}END:VCALENDAR\n")
    assert (frame.height, frame.width) == (3_000, 506)
    assert frame["other"][2_999] == '{"x_a2999": "1"}'
    assert "“other”" in warnings


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_calendar_is_read_or_refused(data: st.DataObject) -> None:
    content = calendar(EVENT, ZONE, "BEGIN:VTODO", "DUE:20240101", "END:VTODO").encode()
    read_or_refuse("a.ics", data.draw(damaged(content)), FORMAT)
