"""Dates of a text, however they are written, and the years that it speaks of: 2019-06-01, June 1, 2019, in 2019."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flowml.assistant.numbers.signs import COUNTED, PERCENT

Day = tuple[int | None, int | None, int | None]
"""Year, month and day; None where nothing is said of it."""

DIGITS = re.compile(
    r"(?<![\w.])(?P<year>\d{4})-(?P<month>\d{2})(?:-(?P<day>\d{2})(?P<time>[T ]\d{2}:\d{2}(?::\d{2})?)?)?(?![\w-])"
    r"|(?<![\w./-])(?P<large>\d{4})/(?P<middle>\d{1,2})/(?P<small>\d{1,2})(?![\w/])"
    r"|(?<!\d)(?P<first>\d{1,2})(?:[./](?P<second>\d{1,2})[./](?P<last>\d{2,4})(?!\d)"
    r"|-(?P<next>\d{1,2})-(?P<end>\d{4})(?![\w-]))"
)
# With a small letter only where they are no words of English: “may” is none, “May” is.
_NAMES = (
    "January Januar Jan janvier enero",
    "February Februar Feb février febrero",
    "March März Mar mars marzo",
    "April Apr avril abril",
    "May Mai mayo",
    "June Juni Jun juin junio",
    "July Juli Jul juillet julio",
    "August Aug août agosto",
    "September Sept Sep septembre septiembre",
    "October Oktober Oct Okt octobre octubre",
    "November Nov novembre noviembre",
    "December Dezember Dec Dez décembre diciembre",
)
_MONTHS = {name: at for at, names in enumerate(_NAMES, 1) for name in names.split()}
# What a number in the place of a year or a day would count.
_NO_DATE = rf"(?![\w%‰]|[.,/–-]\d|{PERCENT}| (?:of|times|thousand|million|k|m)\b| {COUNTED}| [“\"])"
_WORDS = re.compile(
    r"(?<![\w.,/-])(?:(?P<day>\d{1,2})(?:st|nd|rd|th|er|\.)? (?:of |de )?)?"
    rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?"
    rf"(?: (?P<then>\d{{1,2}})(?:st|nd|rd|th)?\b)?(?:,? (?:of |de )?(?P<year>[12]\d{{3}}))?{_NO_DATE}"
)
_YEARS = re.compile(
    r"\b(?:in|since|from|until|till|between|through|before|after|during|the|years?|seit|bis|von|zwischen|jahre?|en"
    r"|depuis|entre|desde|(?:end|start|beginning|middle|spring|summer|autumn|winter|quarter) of|(?-i:By)"
    r"|by(?= (?:early|late|mid))) (?:early |late |mid-?)?[12]\d{3}"
    r"(?:(?:\s?[–/-]\s?| (?:to|and|or|until|till|through|bis|und|oder|à|et|ou|y|a|e) (?:in )?(?:early |late |mid-?)?)"
    rf"[12]\d{{3}}){{0,3}}{_NO_DATE}",
    re.IGNORECASE,
)
_YEAR = re.compile(r"[12]\d{3}")
# “2019: 1,250,000”, “(2019)”, “| 2019 |”.
_LABELS = re.compile(r"(?:^(?:[-*] )?|[|(;] ?)(?:\*\*)?[12]\d{3}(?:\*\*)?(?= ?[:|)])")


@dataclass(frozen=True)
class Dated:
    """A date of a text, from `start` to `end`, and what it may be: of 01.06.2019 the first may be the month. One
    `in_digits` is nothing but a date; to one with a time of day a day alone says too little."""

    start: int
    end: int
    readings: tuple[Day, ...]
    in_digits: bool
    has_time: bool = False


def dates(text: str) -> list[Dated]:
    """Those that say a month and a day or a year."""
    return [*_in_digits(text), *_in_words(text)]


def without_dates(text: str, some: list[Dated]) -> str:
    """With a line in the places of these."""
    parts, at = [], 0
    for one in sorted(some, key=lambda one: one.start):
        if one.start >= at:
            parts += [text[at : one.start], "_" * (one.end - one.start)]
            at = one.end
    return "".join([*parts, text[at:]])


def days_of(text: str) -> frozenset[Day]:
    """All that may be said of its dates: the day, its month and year, its year, the day of the year.

    >>> (2019, 6, None) in days_of("From 2019-06-01 on."), (2019, 7, None) in days_of("From 2019-06-01 on.")
    (True, False)
    """
    found = set[Day]()
    for year, month, day in (reading for one in dates(text) for reading in one.readings):
        found |= {(year, month, day), (None, month, day)} if day else set()
        found |= {(year, month, None), (year, None, None)} if year else set()
    return frozenset(found)


def years(text: str) -> dict[int, int]:
    """The years that a text speaks of, by where they end: those behind a word of time, and what counts nothing.

    >>> years("In 2019 and 2024"), years("in 2019 rows"), years("It predicts 2019.")
    ({7: 2019, 16: 2024}, {}, {})
    """
    return {
        found.start() + one.end(): int(one.group())
        for pattern in (_YEARS, _LABELS)
        for found in pattern.finditer(text)
        for one in _YEAR.finditer(found.group())
    }


def _in_digits(text: str) -> Iterator[Dated]:
    for found in DIGITS.finditer(text):
        if found["large"]:
            readings: list[Day] = [(int(found["large"]), int(found["middle"]), int(found["small"]))]
        elif found["year"]:
            day = int(found["day"]) if found["day"] else None
            readings = [(int(found["year"]), int(found["month"]), day)]
        else:
            one, other = int(found["first"]), int(found["second"] or found["next"])
            last = int(found["last"] or found["end"])
            there = (1900 + last, 2000 + last) if last < 100 else (last,)
            readings = [(year, *pair) for year in there for pair in ((other, one), (one, other))]
        yield Dated(found.start(), found.end(), _possible(readings), True, bool(found["time"]))


def _in_words(text: str) -> Iterator[Dated]:
    for found in _WORDS.finditer(text):
        day, year = found["day"] or found["then"], found["year"]
        if (day or year) and not (found["day"] and found["then"]):
            readings = [(int(year) if year else None, _MONTHS[found["month"]], int(day) if day else None)]
            yield Dated(found.start(), found.end(), _possible(readings), False)


def _possible(readings: Iterable[Day]) -> tuple[Day, ...]:
    return tuple(
        (year, month, day)
        for year, month, day in readings
        if month and 1 <= month <= 12 and (day is None or 1 <= day <= 31)
    )
