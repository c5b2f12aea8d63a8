"""One value of a table as the encoders see it: a number, a label, or days since 1970.

Whole columns are read by the same rules (`prepared.py`), so that one row and a table of it are encoded alike.
"""

import math
from datetime import date, datetime, time, timedelta
from typing import Any

LARGEST = 3e38
"""Beyond it a number has no place in float32 and counts as missing, as infinity does."""

DAY_SECONDS = 86_400.0
FIRST_DAY, DAY_AFTER_LAST = -719_162, 2_932_897
"""The years 1 to 9999 as days since 1970; what lies outside counts as missing."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - times are compared in UTC without a zone
_EPOCH_DATE = _EPOCH.date()
_MICROSECOND = timedelta(microseconds=1)
_TRUTH = {
    **dict.fromkeys(("true", "t", "yes", "y", "on"), 1.0),
    **dict.fromkeys(("false", "f", "no", "n", "off"), 0.0),
}
_TRUTH_INITIALS = frozenset("tyofnTYOFN")


def label_of(value: Any) -> str | None:
    """The value as a person would type it; None for a missing one.

    >>> label_of(3.0), label_of(True), label_of("3.0"), label_of("")
    ('3', 'true', '3.0', None)
    """
    if value is None:
        return None
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def number_of(value: Any) -> float:
    """The value as a number, yes and true as 1; NaN for a missing or infinite one, or a text that is no number.

    >>> number_of(" 2.5 "), number_of(True), number_of("no"), number_of("abc")
    (2.5, 1.0, 0.0, nan)
    """
    if type(value) is float:
        return value if -LARGEST <= value <= LARGEST else math.nan
    if value is None:
        return math.nan
    if isinstance(value, str):
        return _number_of_text(value)
    if isinstance(value, date | time | timedelta):
        return days_of(value)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return number if abs(number) <= LARGEST else math.nan


def _number_of_text(text: str) -> float:
    text = text.strip()
    if not text or text[0] in _TRUTH_INITIALS:
        return _TRUTH.get(text.lower(), math.nan)
    try:
        # Python reads 1_000 as a number; in a table it is a typing error or a code.
        number = math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan
    return number if abs(number) <= LARGEST else math.nan


def days_of(value: Any) -> float:
    """A date or time as days since 1970 (UTC where it has a zone), NaN for a missing one or another kind of value.

    A time of day is a part of the first day, a duration as many days.

    >>> days_of("1970-01-02T12:00:00"), days_of(date(1969, 12, 31)), days_of("06:00"), days_of("soon")
    (1.5, -1.0, 0.25, nan)
    """
    if isinstance(value, str):
        value = _parsed(value.strip())
    if isinstance(value, datetime):
        since = value.replace(tzinfo=None) - _EPOCH - (value.utcoffset() or timedelta())
    elif isinstance(value, date):
        since = timedelta((value - _EPOCH_DATE).days)
    elif isinstance(value, time):
        since = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    elif isinstance(value, timedelta):
        since = value
    else:
        return math.nan
    days = since // _MICROSECOND / (DAY_SECONDS * 1e6)
    return days if FIRST_DAY <= days < DAY_AFTER_LAST else math.nan


def _parsed(text: str) -> datetime | time | None:
    for kind in (datetime, time):
        try:
            return kind.fromisoformat(text)
        except ValueError:
            continue
    return None
