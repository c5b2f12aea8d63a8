"""Shares, times and cells as the pages write them, with the numbers of `domain.wording`; `static/js/format.js` writes
them the same way in the browser."""

import math
from datetime import UTC, date, datetime
from typing import Any

from flowml.domain.wording import NONE, fixed, significant

_SAFE_WHOLE = 2**53 - 1


def percent(share: float | None, digits: int = 1) -> str:
    """
    >>> percent(0.8316)
    '83.2 %'
    """
    return NONE if share is None else f"{fixed(share * 100, digits)} %"


def duration(seconds: float | None) -> str:
    """
    >>> duration(0.0042), duration(3.21), duration(3), duration(75), duration(3600)
    ('4 ms', '3.2 s', '3 s', '1 min 15 s', '1 h')
    """
    if seconds is None:
        return NONE
    if 0 < seconds < 0.0995:
        return f"{fixed(seconds * 1000)} ms"
    if seconds < 59.5:
        return f"{fixed(seconds, 1 if seconds < 9.95 and not float(seconds).is_integer() else 0)} s"
    total = _rounded(seconds)
    parts = ((total // 3600, "h"), (total % 3600 // 60, "min"), (total % 60, "s"))
    return " ".join(f"{count} {unit}" for count, unit in [part for part in parts if part[0]][:2])


def milliseconds(value: float | None) -> str:
    """
    >>> milliseconds(0.0312), milliseconds(12.8)
    ('0.03 ms', '13 ms')
    """
    if value is None:
        return NONE
    return f"{fixed(value, 0 if value >= 10 else 1 if value >= 1 else 2)} ms"


def cell(value: Any) -> str:
    """A value of the table as it stands in its cell; missing is empty. Of a number the digits that are not due to
    rounding.

    >>> cell(0.1 + 0.2), cell(7.0), cell(0.0000001), cell(1e20)
    ('0.3', '7', '1e-7', '1e+20')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value):
        if value.is_integer() and abs(value) <= _SAFE_WHOLE:
            return str(int(value))
        shown = significant(value, 15).normalize()
        return f"{shown:f}" if 1e-6 <= abs(shown) < 1e15 else f"{shown:e}"
    if isinstance(value, datetime | date):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    return str(value)


def age(at: float, now: float) -> str:
    """How long ago a time in seconds since the epoch was; after a month its day.

    >>> age(0, 10), age(0, 600), age(0, 7200), age(0, 86400 * 3), age(0, 86400 * 40)
    ('just now', '10 min ago', '2 h ago', '3 days ago', '1970-01-01')
    """
    seconds = now - at
    if seconds < 45:
        return "just now"
    if seconds < 3600:
        return f"{max(1, _rounded(seconds / 60))} min ago"
    if seconds < 86_400:
        return f"{_rounded(seconds / 3600)} h ago"
    days = _rounded(seconds / 86_400)
    if days == 1:
        return "yesterday"
    return f"{days} days ago" if days < 30 else datetime.fromtimestamp(at, UTC).date().isoformat()


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)
