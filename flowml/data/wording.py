"""Figures as a sentence has them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

_LONGEST_VALUE = 40


def number(value: float) -> str:
    """With four significant digits, thousands separated.

    >>> number(1234567.8), number(0.123456), number(3.0), number(-1e-12)
    ('1,234,568', '0.1235', '3', '-1e-12')
    """
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    digits = 3 - math.floor(math.log10(abs(value)))
    if not 0 < digits < 9:
        return f"{value:,.0f}" if abs(value) >= 1e3 and abs(value) < 1e15 else f"{value:.4g}"
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".")


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
    """A value of a table, texts in quotes and shortened.

    >>> value("a"), value(2.5), value(True), value(None)
    ('“a”', '2.5', 'true', 'missing')
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
    text = str(item)
    return f"“{text[: _LONGEST_VALUE - 1]}…”" if len(text) > _LONGEST_VALUE else f"“{text}”"


def plural(count: int, noun: str, many: str | None = None) -> str:
    """
    >>> plural(1, "row"), plural(2000, "row"), plural(3, "category", "categories")
    ('1 row', '2,000 rows', '3 categories')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


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
