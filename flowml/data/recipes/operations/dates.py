"""Dates read from texts, and taken apart."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flowml.data.recipes import scalars
from flowml.data.recipes.expression import texts
from flowml.data.recipes.kinds import Columns, Kind, kind_of_column, new_name
from flowml.data.recipes.operations.base import Field, FieldKind, OperationType, Step, in_place, present
from flowml.domain.errors import InvalidInput
from flowml.domain.recipes import Operation

if TYPE_CHECKING:
    import polars as pl

_MONTH_WORD = r"(?P<month_word>[^\W\d_]{3,12})\.?"
_CODES = {
    "Y": r"(?P<year>[0-9]{4})",
    "y": r"(?P<short_year>[0-9]{2})",
    "m": r"(?P<month>[0-9]{1,2})",
    "B": _MONTH_WORD,
    "b": _MONTH_WORD,
    "d": r"(?P<day>[0-9]{1,2})",
    "H": r"(?P<hour>[0-9]{1,2})",
    "I": r"(?P<hour>[0-9]{1,2})",
    "M": r"(?P<minute>[0-9]{1,2})",
    "S": r"(?P<second>[0-9]{1,2})",
    "f": r"(?P<fraction>[0-9]{1,6})",
    "p": r"(?P<half>[AaPp]\.?[Mm]\.?)",
    "z": r"(?P<zone>Z|[-+][0-9]{2}:?[0-9]{2})",
    "%": "%",
}
_YEAR = r"(?:(?P<year>[0-9]{4})|(?P<short_year>[0-9]{2}))"
_MONTH = rf"(?:(?P<month>[0-9]{{1,2}})|{_MONTH_WORD})"
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_BETWEEN = r"(?:\s*[-/.,]\s*|\s+)"
_TIME = (
    r"(?:(?:[T,]\s*|\s+)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,6}))?)?"
    r"(?:\s*(?P<half>[AaPp]\.?[Mm]\.?))?(?:\s*(?P<zone>Z|[-+][0-9]{2}:?[0-9]{2}))?)?"
)
_ORDERS = {
    "ymd": rf"(?:{_YEAR}{_BETWEEN}{_MONTH}{_BETWEEN}{_DAY}|(?P<compact>[0-9]{{8}})){_TIME}",
    "dmy": rf"{_DAY}{_BETWEEN}{_MONTH}{_BETWEEN}{_YEAR}{_TIME}",
    "mdy": rf"{_MONTH}{_BETWEEN}{_DAY}{_BETWEEN}{_YEAR}{_TIME}",
}
_ORDER_WORDS = {"ymd": "year, month, day", "dmy": "day, month, year", "mdy": "month, day, year"}
_LONGEST = 100
_CENTURY = 69
_PARTS: dict[str, tuple[str, Callable[[Any], int]]] = {
    "year": ("year", lambda value: value.year),
    "quarter": ("quarter", texts.quarter_of),
    "month": ("month", lambda value: value.month),
    "week": ("week", texts.week_of),
    "day": ("day", lambda value: value.day),
    "weekday": ("weekday", lambda value: value.isoweekday()),
    "hour": ("hour", lambda value: value.hour),
    "minute": ("minute", lambda value: value.minute),
}
_TIMED = ("hour", "minute")


def _parse_dates(operation: Operation, columns: Columns) -> Step:
    import polars as pl

    name = operation["column"]
    have = kind_of_column(columns, name, "column")
    if ("order" in operation) == ("format" in operation):
        raise InvalidInput.of_field("order", "Give either the order of day, month and year or a format.")
    if have.is_time:
        raise InvalidInput.of_field("column", f"“{name}” holds dates already.", hint="Use cast to add or drop times.")
    if have not in (Kind.TEXT, Kind.WHOLE):
        raise InvalidInput.of_field("column", f"“{name}” holds {have.words}, and dates are read from texts.")
    read = _reader(operation)
    wanted = Kind.DATE if operation.get("to") == "date" else Kind.MOMENT
    learn = None
    if "to" not in operation:

        def learn(frame: pl.LazyFrame) -> Operation:
            values = frame.select(pl.col(name).drop_nulls().unique()).collect(engine="streaming").to_series()
            timed = any(found is not None and found[1] for found in map(read, map(scalars.text_of, values.to_list())))
            return {**operation, "to": "datetime" if timed else "date"}

    def convert(value: Any) -> date | None:
        found = read(scalars.text_of(value))
        if found is None:
            return None
        return found[0].date() if wanted is Kind.DATE else found[0]

    step = in_place(
        columns,
        name,
        wanted,
        lambda: scalars.by_value(pl.col(name), convert, wanted),
        present(convert),
        converts="read as dates",
    )
    return Step(**{**vars(step), "learn": learn})


def _reader(operation: Operation) -> Callable[[str], tuple[datetime, bool] | None]:
    """Reads a text as a moment (UTC where it names a zone), and says whether it has a time of day."""
    from flowml.data.conversion.months import MONTHS

    pattern = _pattern_of(operation["format"]) if "format" in operation else re.compile(_ORDERS[operation["order"]])

    def read(text: str) -> tuple[datetime, bool] | None:
        found = pattern.fullmatch(text.strip(scalars.BLANKS)) if len(text) <= _LONGEST else None
        if found is None:
            return None
        try:
            return _moment(found.groupdict(), MONTHS)
        except (ValueError, KeyError, OverflowError):
            return None

    return read


def _moment(parts: dict[str, str | None], months: dict[str, str]) -> tuple[datetime, bool]:
    """Raises ValueError, KeyError or OverflowError for what is no date."""
    if compact := parts.get("compact"):
        year, month, day = int(compact[:4]), int(compact[4:6]), int(compact[6:])
    else:
        short = parts.get("short_year")
        year = int(parts["year"] or 0) if short is None else int(short) + (1900 if int(short) >= _CENTURY else 2000)
        word = parts.get("month_word")
        month = int(months[word.lower()]) if word else int(parts["month"] or 0)
        day = int(parts["day"] or 0)
    hour = int(parts.get("hour") or 0)
    if half := parts.get("half"):
        if not 1 <= hour <= 12:
            raise ValueError("an hour that no clock shows")
        hour = hour % 12 + (12 if half[0] in "Pp" else 0)
    fraction = int((parts.get("fraction") or "0").ljust(6, "0"))
    moment = datetime(  # noqa: DTZ001 - times are kept in UTC without a zone
        year, month, day, hour, int(parts.get("minute") or 0), int(parts.get("second") or 0), fraction
    )
    zone = parts.get("zone")
    if zone and zone != "Z":
        away = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        moment = moment.replace(tzinfo=UTC).replace(tzinfo=None) - (away if zone[0] == "+" else -away)
    return moment, parts.get("hour") is not None


def _pattern_of(form: str) -> re.Pattern[str]:
    pattern, place = "", 0
    seen: set[str] = set()
    if len(form) > _LONGEST:
        raise InvalidInput.of_field("format", f"A format has at most {_LONGEST} characters.")
    while place < len(form):
        if form[place] != "%":
            pattern += r"\s+" if form[place] == " " else re.escape(form[place])
            place += 1
            continue
        code = form[place + 1 : place + 2]
        if code not in _CODES or (code in seen and code != "%"):
            raise InvalidInput.of_field(
                "format",
                f"“%{code}” cannot stand here in a format.",
                hint="Use each of %Y %y %m %b %B %d %H %I %M %S %f %p %z at most once, such as %d.%m.%Y %H:%M.",
            )
        seen.add(code)
        pattern += _CODES[code]
        place += 2
    if not (seen & set("Yy") and seen & set("mbB") and "d" in seen):
        raise InvalidInput.of_field("format", "A format needs the year (%Y), the month (%m) and the day (%d).")
    try:
        return re.compile(pattern)
    except re.error:
        raise InvalidInput.of_field("format", "The format names something twice.") from None


def _date_parts(operation: Operation, columns: Columns) -> Step:
    import polars as pl

    name, parts = operation["column"], operation["parts"]
    kind = kind_of_column(columns, name, "column")
    if not kind.is_time:
        raise InvalidInput.of_field(
            "column", f"“{name}” holds {kind.words}, not dates.", hint="Read them as dates first, with parse_dates."
        )
    if kind is Kind.DATE and any(part in _TIMED for part in parts):
        raise InvalidInput.of_field("parts", f"The dates in “{name}” have no time of day.")
    names = {part: new_name(columns, f"{name}_{part}", "parts") for part in parts}
    taken = [(names[part], _PARTS[part][1]) for part in parts]

    def table(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.with_columns(
            getattr(pl.col(name).dt, _PARTS[part][0])().cast(pl.Int64).alias(names[part]) for part in parts
        )

    def row(values: dict[str, Any]) -> None:
        value = values[name]
        for made, part in taken:
            values[made] = None if value is None else part(value)

    outputs = tuple(names.values())
    return Step({**columns, **dict.fromkeys(outputs, Kind.WHOLE)}, table, row, (name,), outputs)


def _describe_parsing(operation: Operation) -> str:
    how = f"as “{operation['format']}”" if "format" in operation else f"as {_ORDER_WORDS[operation['order']]}"
    return f"Read “{operation['column']}” as dates, written {how}"


TYPES = (
    OperationType(
        "parse_dates",
        "Read dates",
        "Reads texts as dates, by the order of day, month and year or by a format. What is no date becomes missing.",
        (
            Field("column", FieldKind.COLUMN, "the column"),
            Field("order", FieldKind.CHOICE, "the order in which they are written", False, tuple(_ORDERS)),
            Field("format", FieldKind.TEXT, "how they are written, such as %d.%m.%Y %H:%M", False),
            Field("to", FieldKind.CHOICE, "whether times of day are kept", False, ("date", "datetime"), learned=True),
        ),
        _parse_dates,
        _describe_parsing,
    ),
    OperationType(
        "date_parts",
        "Take dates apart",
        "Adds columns for the year, the month, the weekday (1 is Monday) and so on.",
        (
            Field("column", FieldKind.COLUMN, "the column with dates"),
            Field("parts", FieldKind.CHOICES, "the parts, each a new column called COLUMN_PART", choices=tuple(_PARTS)),
        ),
        _date_parts,
        lambda operation: f"Take from “{operation['column']}”: {', '.join(operation['parts'])}",
    ),
)
