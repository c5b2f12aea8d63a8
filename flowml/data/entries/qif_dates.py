"""Dates of QIF files: their order is that of the country, and a year of two digits may be of either century."""

from __future__ import annotations

import re
from datetime import datetime

from flowml.data.entries.moments import wall_time
from flowml.domain.remarks import Remark, decision

# 2/10'2020, " 1/ 1'00", 10.18.23, 2022-09-23, 12-31-1999
_NUMERIC = re.compile(r"(\d{1,4})\s*[-/.' ]\s*(\d{1,2})\s*([-/.' ])\s*(\d{1,4})(?:[T ].*)?$", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)$", re.ASCII)
_DAY_MONTH = re.compile(r"(\d{1,2})[-/. ]*([A-Za-z]{3,9})[-/.,' ]*(\d{4}|\d\d)$", re.ASCII)
_MONTH_DAY = re.compile(r"([A-Za-z]{3,9})[. ]*(\d{1,2}),?[-/' ]*(\d{4}|\d\d)$", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST = 40
_PIVOT = 70


class DateOrder:
    """Whether days stand before months, decided over all the dates of a file: a number beyond 12 is a day."""

    def __init__(self) -> None:
        self._day_first = self._month_first = self._open = self._dotted = 0
        self._has_apostrophe = False
        self.impossible = 0
        self.asked: str | None = None

    def look(self, text: str) -> None:
        """Take in a date of the file."""
        match = _NUMERIC.match(text.strip()[:_LONGEST])
        if match is None or len(match[1]) > 2:
            return
        first, second = int(match[1]), int(match[2])
        if max(first, second) > 31 or min(first, second) > 12:
            self.impossible += 1
            return
        self._day_first += first > 12
        self._month_first += second > 12
        self._open += first <= 12 and second <= 12 and first != second
        self._dotted += "." in text
        # Quicken writes years from 2000 on after an apostrophe, so that those after a slash are before.
        self._has_apostrophe |= match[3] == "'" and len(match[4]) <= 2

    @property
    def day_first(self) -> bool:
        if self.asked:
            return self.asked == "day_first"
        if self._day_first or self._month_first:
            return self._day_first > self._month_first
        # With dots the day comes first wherever people write so; otherwise the order is that of Quicken's country.
        return self._dotted > 0

    def remark(self, asked_by_file: bool) -> Remark | None:
        """What to say where the order is not clear."""
        order = "day/month" if self.day_first else "month/day"
        if self.asked and not asked_by_file:
            return None
        if self._day_first and self._month_first:
            said = f"Some dates can only be day/month and others only month/day: {order} was taken, and the other order"
            return decision("unclear_date_order", f"{said} where that is no date.")
        if self._open and not self.asked and not (self._day_first or self._month_first):
            said = f"Day and month cannot be told apart in any date: {order} was taken."
            return decision("unclear_date_order", f"{said} The option “date_order” changes it.")
        return None

    def parse(self, text: str) -> datetime | None:
        """The date, or None where it is none."""
        text = text.strip()[:_LONGEST]
        if match := _COMPACT.match(text):
            return wall_time(int(match[1]), int(match[2]), int(match[3]))
        if match := _NUMERIC.match(text):
            first, second = int(match[1]), int(match[2])
            if len(match[1]) > 2:
                return wall_time(first, second, int(match[4]))
            year = self._year(match[4], match[3])
            day, month = (first, second) if self.day_first else (second, first)
            return wall_time(year, month, day) or wall_time(year, day, month)
        if match := _DAY_MONTH.match(text):
            return wall_time(self._year(match[3], " "), _month(match[2]), int(match[1]))
        if match := _MONTH_DAY.match(text):
            return wall_time(self._year(match[3], " "), _month(match[1]), int(match[2]))
        return None

    def _year(self, text: str, separator: str) -> int:
        year = int(text)
        if len(text) > 2:
            return year
        if separator == "'":
            return 2000 + year
        return 1900 + year if self._has_apostrophe or year >= _PIVOT else 2000 + year


def _month(name: str) -> int:
    return next((number for number, short in enumerate(_MONTHS, start=1) if name.lower().startswith(short)), 0)
