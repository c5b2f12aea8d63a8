"""Figures and values as people read them, wherever they stand; `static/js/format.js` writes numbers the same way.

Half goes up, as a script's `toFixed` and `toPrecision` do it, and exactly: a score must not end in another digit once
the page's script has written it again.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from typing import Any

NONE = "–"
# Every float is exact in so many digits.
_INNER = str.maketrans("“”", "‘’")
_EXACT = Context(prec=1100, rounding=ROUND_HALF_UP, Emax=MAX_EMAX, Emin=MIN_EMIN)


def fixed(value: float, digits: int = 0) -> str:
    """With so many decimals.

    >>> fixed(86.125, 2), fixed(12_344.5), fixed(-0.001, 2)
    ('86.13', '12,345', '0.00')
    """
    return f"{Decimal(value).quantize(Decimal(1).scaleb(-digits), context=_EXACT):z,f}"


def significant(value: float, digits: int) -> Decimal:
    """With so many digits that matter."""
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
        return f"{significant(value, 3):.2e}"
    if abs(value) >= 10_000:
        return fixed(value)
    text = f"{significant(value, 4):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


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


def percent(share: float) -> str:
    """Rounded, but never to all or nothing.

    >>> percent(0.5), percent(0.99833), percent(0.99999), percent(0.0004), percent(1.0)
    ('50%', '99.8%', '99.99%', '0.04%', '100%')
    """
    if share in (0.0, 1.0) or 0.01 <= share <= 0.99:
        return f"{share:.0%}"
    if share > 0.5:
        return f"{share * 100:.3g}%" if share < 0.9995 else f"{min(share, 0.9999) * 100:.4g}%"
    return f"{share * 100:.1g}%" if share >= 1e-6 else "0.0001%"


def value(item: Any) -> str:
    """A value of a table, texts in quotes and shortened; where it ends is always seen.

    >>> value("a"), value(2.5), value(True), value(None), value("a” b")
    ('“a”', '2.5', 'true', 'missing', '“a’ b”')
    """
    match item:
        case None:
            return "missing"
        case bool():
            return "true" if item else "false"
        case int() | float():
            return number(item)
        case dt.date():
            return item.isoformat(sep=" ") if isinstance(item, dt.datetime) else item.isoformat()
    return quoted(shortened(str(item)))


def quoted(text: str) -> str:
    """In quotation marks, which it holds none of: where it ends is always seen.

    >>> quoted("a” b")
    '“a’ b”'
    """
    return f"“{unquoted(text)}”"


def unquoted(text: str) -> str:
    """The text with single quotation marks in the place of “ and ”."""
    return text.translate(_INNER)


def shortened(text: str, longest: int = 40) -> str:
    """
    >>> shortened("Anna"), shortened("Annabelle", 5)
    ('Anna', 'Anna…')
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def plural(count: int, noun: str, many: str | None = None) -> str:
    """
    >>> plural(1, "row"), plural(2000, "row"), plural(3, "category", "categories")
    ('1 row', '2,000 rows', '3 categories')
    """
    return f"{number(count)} {noun if count == 1 else many or noun + 's'}"


def listed(items: Sequence[str], most: int = 5) -> str:
    """
    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"], most=2)
    ('a', 'a and b', 'a, b and 1 more')
    """
    shown = list(items[:most])
    if len(items) > most:
        return f"{', '.join(shown)} and {len(items) - most:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def columns(names: Sequence[str], most: int = 5) -> str:
    """
    >>> columns(["a", "b"])
    '“a” and “b”'
    """
    return listed([f"“{name}”" for name in names], most)
