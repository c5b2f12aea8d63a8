"""Dates are taken apart by arithmetic as Python takes them apart."""

import math
from collections.abc import Sequence
from datetime import date, timedelta

from flowml.automl.export.calendar import parts_of


class Numbers:
    def linear(self, terms: Sequence[tuple[float, float]], constant: float = 0.0) -> float:
        return sum(factor * value for factor, value in terms) + constant

    def whole(self, value: float, divisor: float = 1.0) -> float:
        return float(math.floor(value / divisor))

    def reaches(self, value: float, least: float) -> float:
        return float(value >= least)


def test_every_part_of_every_kind_of_day() -> None:
    first, last = date.min.toordinal(), date.max.toordinal()
    epoch = date(1970, 1, 1).toordinal()
    # The ends, the turns of centuries, and others of every year.
    days = {first, last, *range(first, last, 97)}
    for year in (4, 1600, 1700, 1900, 1999, 2000, 2023, 2024, 2100, 2400):
        days |= {date(year, 2, 27).toordinal() + more for more in range(5)} | {date(year, 12, 31).toordinal()}
    for ordinal in days:
        day = date.min + timedelta(ordinal - 1)
        of_year = ordinal - date(day.year, 1, 1).toordinal() + 1
        expected = [ordinal - epoch + 0.25, day.year, day.month, day.day, of_year, day.weekday(), 6.0]
        assert parts_of(Numbers(), ordinal - epoch + 0.25) == expected
