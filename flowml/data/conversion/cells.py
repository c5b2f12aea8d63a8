"""One value as the notation of its column has it, whatever stands beside it: in a file to be scored, in a request."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from flowml.data.conversion.missing import MISSING, MISSING_AMONG_NUMBERS
from flowml.data.conversion.notation import Kind, Notation
from flowml.data.conversion.styles import BLANK, CURRENCY, INFINITE, Style

_MISSING = frozenset(MISSING)
_AMONG_NUMBERS = frozenset((*MISSING, *MISSING_AMONG_NUMBERS))
_CURRENCY, _INFINITE = re.compile(CURRENCY), re.compile(INFINITE)
_BRACKETS = re.compile(r"\((.*\d.*)\)")
_CURRENCY_IN_FRONT = re.compile(rf"([-+]?)\s*{CURRENCY}\s*")
_SIGN_BEHIND = re.compile(rf"(\d[.,]?){BLANK}*(?:{CURRENCY}|%)(-?)$")
_MINUS_BEHIND = re.compile(r"(\d.*)-")
_MINUS_APART = re.compile(rf"-{BLANK}+")
# 1,234 and 1.234: a little more than one, or more than a thousand.
_TWIN = re.compile(r"-?[1-9]\d{0,2}[.,]\d{3}")
_FORMULA = re.compile(r'(?s)="((?:[^"]|"")*)"')

_DATE = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{4}|\d{1,2})(?:(?:T|,? +)(\d{1,2}:\d{2}.*))?", re.ASCII)
_TIME = re.compile(
    r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([ap]\.?\s?m\.?)?"
    r"\s*(Z|UTC|(?:GMT|UTC)?[+-]\d{1,2}(?::?\d{2})?|GMT)?",
    re.ASCII | re.IGNORECASE,
)
# The shortest name of a month has three letters.
_WORD = re.compile(r"[^\W\d_]{3,}")
_SIGNS_OF_DATES = re.compile("[年년]")
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - times are kept in UTC without a zone


def cell_reader(kind: Kind, notation: Notation) -> Callable[[str], Any]:
    """A function that reads one text of a column: a number, truth value, moment (UTC, without a zone) or text; None for
    a missing one. It raises ValueError for a text that is none, written as the column's are.

    >>> read = cell_reader("number", Notation("number", ",", "."))
    >>> read("3.790"), read("-0,5"), read("n/a")
    (3790, -0.5, None)
    """
    read = {"number": number_in, "boolean": truth_in, "date": moment_in, "text": text_in}[kind]
    return lambda text: read(text, notation)


def text_in(text: str, notation: Notation) -> str | None:
    """The text itself, in which a blank at the ends or a spelling of missing counts only where it did in training."""
    if notation.literal:
        return text or None
    text = text.strip()
    if notation.formulas and (formula := _FORMULA.fullmatch(text)):
        text = formula[1].replace('""', '"').strip()
    return None if text in _missing(notation, _MISSING) else text


def truth_in(text: str, notation: Notation) -> bool | None:
    """True and false in any case, and what else says yes or no. Raises ValueError."""
    text = text.strip()
    if _is_absent(text, notation):
        return None
    word = text.lower()
    if word in ("true", "t", "yes", "y", "on", "1", "1.0"):
        return True
    if word in ("false", "f", "no", "n", "off", "0", "0.0"):
        return False
    raise ValueError("neither true nor false")


def number_in(text: str, notation: Notation) -> int | float | None:
    """The number, by the column's decimal sign and thousands separator; with a currency or a percent sign only where
    the column has the same. Infinity as it is. Raises ValueError."""
    text = text.strip()
    if _is_absent(text, notation):
        return None
    if _INFINITE.fullmatch(text):
        return -math.inf if text.startswith("-") else math.inf
    if len(text) > 100:
        raise ValueError("not a number")
    currency = _CURRENCY.search(text)
    if (currency and currency[0] != notation.currency) or ("%" in text and not notation.percent):
        raise ValueError("another sign")
    bare = _bare(text)
    decimal = notation.decimal or ("," if notation.thousands == "." else ".")
    if _matches(Style(decimal, ""), bare):
        return _value(bare, decimal)
    for thousands in (notation.thousands,) if notation.thousands else ("." if decimal == "," else ",", " ", "'"):
        style = Style(decimal, thousands)
        if not _matches(style, bare):
            continue
        if not notation.thousands and notation.decimal is None and _TWIN.fullmatch(bare):
            break
        return _value(re.sub(style.thousands_pattern, "", bare), decimal)
    raise ValueError("not a number")


def moment_in(text: str, notation: Notation) -> datetime | None:
    """The moment, at midnight for a day alone. Raises ValueError, also where day and month could be either."""
    text = text.strip()
    if _is_absent(text, notation):
        return None
    if notation.counted and text.isascii() and text.isdecimal():
        return _counted(int(text), notation.counted)
    if len(text) > 60 or not text[:1].isalnum():
        raise ValueError("not a date")
    found = _DATE.fullmatch(text)
    if found is None and (_WORD.search(text) or _SIGNS_OF_DATES.search(text)):
        found = _DATE.fullmatch(_with_numbers(text))
    if found is None:
        # What else ISO 8601 has, such as weeks. Raises ValueError.
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    day = _day(found[1], found[2], found[3], found[4], notation.order)
    return day if found[5] is None else _at(day, found[5])


def is_spelled_missing(text: str) -> bool:
    """Whether a text is one of the usual spellings of missing, among texts."""
    return text.strip() in _MISSING


def _missing(notation: Notation, usual: Collection[str]) -> Collection[str]:
    return usual if notation.missing is None else ("", *notation.missing)


def _is_absent(text: str, notation: Notation) -> bool:
    known = _missing(notation, _AMONG_NUMBERS)
    return text in known or (notation.missing is None and text.lower() in known)


def _bare(text: str) -> str:
    """Without currency and percent signs, with a plain minus in front where it is negative."""
    if bracketed := _BRACKETS.fullmatch(text):
        text = f"-{bracketed[1]}"
    text = text.replace("−", "-").replace("–", "-")
    text = _CURRENCY_IN_FRONT.sub(r"\1", text, count=1) if _CURRENCY_IN_FRONT.match(text) else text
    text = _SIGN_BEHIND.sub(r"\1\2", text)
    if behind := _MINUS_BEHIND.fullmatch(text):
        text = f"-{behind[1]}"
    return _MINUS_APART.sub("-", text, count=1) if text.startswith("-") else text.removeprefix("+")


@lru_cache(maxsize=64)
def _pattern(style: Style) -> re.Pattern[str]:
    return re.compile(style.pattern, re.ASCII)


def _matches(style: Style, bare: str) -> bool:
    return _pattern(style).search(bare) is not None


def _value(digits: str, decimal: str) -> int | float:
    plain = digits.replace(",", ".") if decimal == "," else digits
    try:
        return int(plain)
    except ValueError:
        return float(plain)


def _counted(number: int, counted: str) -> datetime:
    if counted == "ymd":
        return datetime.strptime(str(number), "%Y%m%d")  # noqa: DTZ007
    try:
        return _EPOCH + timedelta(microseconds=number * 1_000_000 // _PER_SECOND[counted])
    except OverflowError:
        raise ValueError("beyond the year 9999") from None


def _day(first: str, separator: str, second: str, third: str, order: str | None) -> datetime:
    if len(first) == 4:
        year, month, day = first, second, third
    elif len(first) > 2:
        raise ValueError("not a date")
    elif len(third) == 2 and order == "year_first":
        year, month, day = first, second, third
    elif separator == "." and order != "month_first":
        year, month, day = third, second, first
    elif order in ("day_first", "month_first"):
        month, day = (second, first) if order == "day_first" else (first, second)
        year = third
    else:
        year = third
        either = {(int(second), int(first)), (int(first), int(second))}
        possible = [(month, day) for month, day in either if 1 <= month <= 12 and 1 <= day <= 31]
        if len(possible) != 1:
            raise ValueError("day and month cannot be told apart")
        month, day = (str(part) for part in possible[0])
    if len(year) not in (2, 4) or len(month) > 2 or len(day) > 2:
        raise ValueError("not a date")
    number = int(year)
    if len(year) == 2:
        # As everywhere (`years.FIRST_YEAR`).
        number += 1900 if number >= 69 else 2000
    return datetime(number, int(month), int(day))  # noqa: DTZ001


def _at(day: datetime, text: str) -> datetime:
    """The day with a time behind it, in UTC."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError("not a time")
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if hour == 24 and not minute and not second:
        # The midnight at the end of its day (ISO 8601).
        day, hour = day + timedelta(days=1), 0
    if found[5]:
        if not 1 <= hour <= 12:
            raise ValueError("not a time")
        hour = hour % 12 + (12 if found[5].lower().startswith("p") else 0)
    moment = day.replace(hour=hour, minute=minute, second=second, microsecond=int((found[4] or "0").ljust(6, "0")[:6]))
    zone = re.sub(r"(?i)^(GMT|UTC)(?=.)", "", found[6] or "")
    if not zone or zone.upper() in ("Z", "UTC", "GMT"):
        return moment
    digits = zone[1:].replace(":", "")
    shift = (
        timedelta(hours=int(digits[:-2] or 0), minutes=int(digits[-2:]))
        if len(digits) > 2
        else timedelta(hours=int(digits))
    )
    offset = timezone(-shift if zone[0] == "-" else shift)
    return moment.replace(tzinfo=offset).astimezone(UTC).replace(tzinfo=None)


@lru_cache(maxsize=4096)
def _with_numbers(text: str) -> str:
    """A date with its month as a word, or with the signs of East Asia, in digits alone; another text as it is."""
    import polars as pl

    from flowml.data.conversion.characters import with_plain_signs
    from flowml.data.conversion.months import MONTHS, with_numbered_months

    if not _SIGNS_OF_DATES.search(text) and not any(word.lower() in MONTHS for word in _WORD.findall(text)):
        return text
    one = pl.Series([text])
    signs, months = with_plain_signs(one, one), with_numbered_months(one, one)
    for found in (signs, None if months is None else months[0]):
        if found is not None and found[0] is not None:
            return str(found[0])
    return text
