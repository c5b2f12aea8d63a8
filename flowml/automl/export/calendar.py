"""The parts of a date out of days since 1970, in the arithmetic of databases and graphs, which have no dates in common.

The calendar is the Gregorian one of all times, as Python's. Years are counted from March on, so that the day which only
leap years have is the last one, and in eras of 400 years, which have 146,097 days each.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

Value = TypeVar("Value")


class Operations(Protocol[Value]):
    """What a language can do with numbers; of a missing one each is missing, but for `reaches`."""

    def linear(self, terms: Sequence[tuple[float, Value]], constant: float = 0.0) -> Value:
        """Σ factor · value + constant."""
        ...

    def whole(self, value: Value, divisor: float = 1.0) -> Value:
        """The greatest whole number ≤ value / divisor."""
        ...

    def reaches(self, value: Value, least: float) -> Value:
        """1 where value ≥ least, else 0."""
        ...


def parts_of(of: Operations[Value], days: Value) -> list[Value]:
    """Days, year, month, day of the month, day of the year, weekday from Monday on, and hour, as encoders take them."""
    day = of.whole(days)
    since = of.linear([(1, day)], 719_468)
    era = of.whole(since, 146_097)
    of_era = of.linear([(1, since), (-146_097, era)])
    leap_days = [(-1, of.whole(of_era, 1_460)), (1, of.whole(of_era, 36_524)), (-1, of.whole(of_era, 146_096))]
    year_of_era = of.whole(of.linear([(1, of_era), *leap_days]), 365)
    from_march = of.linear(
        [(1, of_era), (-365, year_of_era), (-1, of.whole(year_of_era, 4)), (1, of.whole(year_of_era, 100))]
    )
    # From March on, every five months have 153 days.
    month_from_march = of.whole(of.linear([(5, from_march)], 2), 153)
    before_month = of.whole(of.linear([(153, month_from_march)], 2), 5)
    is_next_year = of.reaches(month_from_march, 10)
    year = of.linear([(1, year_of_era), (400, era), (1, is_next_year)])
    last = of.linear([(1, year)], -1)
    until_last = [(-365, last), (-1, of.whole(last, 4)), (1, of.whole(last, 100)), (-1, of.whole(last, 400))]
    from_monday = of.linear([(1, day)], 3)
    return [
        days,
        year,
        of.linear([(1, month_from_march), (-12, is_next_year)], 3),
        of.linear([(1, from_march), (-1, before_month)], 1),
        of.linear([(1, day), *until_last], 719_163),
        of.linear([(1, from_monday), (-7, of.whole(from_monday, 7))]),
        of.linear([(24, days), (-24, day)]),
    ]
