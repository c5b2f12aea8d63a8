"""Numbers, sizes and times as people read them; `static/js/format.js` writes them the same way in the browser.

Half goes up, as a script's `toFixed` and `toPrecision` do it, and exactly: a score must not end in another digit once
the page's script has written it again.
"""

import math
from datetime import UTC, date, datetime
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from typing import Any

NONE = "–"

# Every float is exact in so many digits.
_EXACT = Context(prec=1100, rounding=ROUND_HALF_UP, Emax=MAX_EMAX, Emin=MIN_EMIN)
_SAFE_WHOLE = 2**53 - 1


def fixed(value: float, digits: int = 0) -> str:
    """With so many decimals.

    >>> fixed(86.125, 2), fixed(12_344.5), fixed(-0.001, 2)
    ('86.13', '12,345', '0.00')
    """
    return f"{Decimal(value).quantize(Decimal(1).scaleb(-digits), context=_EXACT):z,f}"


def _significant(value: float, digits: int) -> Decimal:
    return Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(Decimal(value))


def number(value: float | None) -> str:
    """1,234 for whole numbers, four digits that matter for others.

    >>> number(1234567), number(6140.2), number(0.0123456), number(None)
    ('1,234,567', '6,140', '0.01235', '–')
    >>> number(0.0000123456)
    '1.23e-5'
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NONE
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1e15 or abs(value) < 1e-4:
        return f"{_significant(value, 3):.2e}"
    if abs(value) >= 10_000:
        return fixed(value)
    text = f"{_significant(value, 4):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float | None, digits: int = 1) -> str:
    """
    >>> percent(0.8316)
    '83.2 %'
    """
    return NONE if share is None else f"{fixed(share * 100, digits)} %"


def size(count: float | None) -> str:
    """
    >>> size(61_194), size(812)
    ('61.2 kB', '812 B')
    """
    if count is None:
        return NONE
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{fixed(value, 0 if unit == 'B' or value >= 100 else 1)} {unit}"


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


def plural(count: int, noun: str, many: str | None = None) -> str:
    """
    >>> plural(1, "row"), plural(891, "row")
    ('1 row', '891 rows')
    """
    return f"{number(count)} {noun if count == 1 else many or noun + 's'}"


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
        shown = _significant(value, 10).normalize()
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
