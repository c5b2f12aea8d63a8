"""Edges of histogram bins that a person can read: multiples of a round number, whole numbers, days, months, years."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

Edges = NDArray[np.float64]

# The roundest first: what is tried before a step of two digits such as 0.37.
_ROUND = (1.0, 2.0, 5.0, 2.5, 1.5, 3.0, 4.0, 6.0, 8.0, 1.2)
_TWO_DIGITS = tuple(step / 10 for step in range(10, 100))
# Round steps may leave this share of the bins empty at an end.
_EMPTY_SHARE = 0.25
_SECOND, _DAY = 1_000_000, 86_400_000_000
_FIXED_STEPS = (
    *(n * _SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * 60 * _SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * 3600 * _SECOND for n in (1, 2, 3, 6, 12)),
    *(n * _DAY for n in (1, 2)),
)
_WEEK = 7 * _DAY
# 1970-01-05 was a Monday.
_FIRST_MONDAY = 4 * _DAY
_MONTH_STEPS = (1, 2, 3, 6, *(12 * n for n in (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000)))
_MICROSECOND = dt.timedelta(microseconds=1)
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - times of a table are in UTC, without a zone
_FIRST = (dt.datetime(1, 1, 1) - _EPOCH) // _MICROSECOND  # noqa: DTZ001
_LAST = (dt.datetime(9999, 12, 31) - _EPOCH) // _MICROSECOND  # noqa: DTZ001


def number_edges(least: float, greatest: float, bins: int, *, whole: bool = False) -> Edges:
    """`bins` + 1 edges around the values, at multiples of a round number where that wastes few bins.

    Whole numbers that span less than `bins` get a bin each, from a half below to a half above. Bins that are narrower
    than floats can tell apart fall together.

    >>> number_edges(0.5, 9.7, 5).tolist(), number_edges(1, 3, 20, whole=True).tolist()
    ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [0.5, 1.5, 2.5, 3.5])
    """
    # Beyond 2^52 there are no halves between whole numbers.
    if whole and greatest - least < bins and max(abs(least), abs(greatest)) < 2**52:
        return np.arange(least - 0.5, greatest + 1.0)
    if least == greatest:
        around = max(0.5, abs(least) * 1e-6)
        return np.linspace(least - around, greatest + around, bins + 1)
    round_edges = _round_edges(least, greatest, bins, whole=whole)
    if round_edges is not None:
        return round_edges
    # As a mean of both ends, because the width of the widest range is no float.
    share = np.linspace(0.0, 1.0, bins + 1)
    return np.unique(np.clip(least * (1 - share) + greatest * share, least, greatest))


def _round_edges(least: float, greatest: float, bins: int, *, whole: bool) -> Edges | None:
    width = greatest / bins - least / bins
    if not 1e-290 < width < 1e290 or width < 1e-9 * max(abs(least), abs(greatest)):
        return None
    magnitude = 10.0 ** math.floor(math.log10(width))
    for mantissas in (_ROUND, _TWO_DIGITS):
        for mantissa in mantissas:
            for step in (mantissa * magnitude, mantissa * magnitude * 10):
                first = math.floor(least / step)
                # The greatest whole number lies before the last edge, or two values would share the last bin.
                last = math.floor(greatest / step) + 1 if whole else math.ceil(greatest / step)
                fits = math.ceil(bins * (1 - _EMPTY_SHARE)) <= last - first <= bins
                if fits and (not whole or step.is_integer()):
                    return _multiples(first, bins, step)
    return None


def _multiples(first: int, bins: int, step: float) -> Edges:
    """Without the noise of floats: 0.3, not 0.30000000000000004."""
    digits = max(0, 2 - math.floor(math.log10(step)))
    edges = [round((first + at) * step, digits) for at in range(bins + 1)]
    return np.array(edges, dtype=np.float64)


def date_edges(least: int, greatest: int, bins: int, dtype: pl.DataType) -> Edges:
    """At most `bins` + 1 edges where the calendar has them, as polars stores such values: whole minutes, hours, days,
    weeks from Monday, months or years.

    >>> edges = date_edges(18262, 18627, 12, pl.Date())  # the days of 2020
    >>> [str(dt.date(1970, 1, 1) + dt.timedelta(days=edge)) for edge in edges[:3].tolist()]
    ['2020-01-01', '2020-02-01', '2020-03-01']
    """
    unit = _DAY if dtype == pl.Date else 1
    first, last = least * unit, greatest * unit
    if first >= _FIRST and last <= _LAST:
        edges = next(_calendar(first, last, bins, _DAY if unit == _DAY else _SECOND), None)
        if edges is not None:
            return np.array(edges, dtype=np.float64) / unit
    return number_edges(float(least), float(greatest), bins)


def _calendar(first: int, last: int, bins: int, smallest: int) -> Iterator[list[int]]:
    """Edges in microseconds, finest first, of steps that need no more than `bins`."""
    steps = [(step, 0) for step in _FIXED_STEPS if step >= smallest] + [
        (_WEEK, _FIRST_MONDAY),
        (2 * _WEEK, _FIRST_MONDAY),
    ]
    for step, offset in steps:
        start = (first - offset) // step * step + offset
        count = (last - start) // step + 1
        if count <= bins:
            yield [start + at * step for at in range(count + 1)]
    start_month, last_month = _month(first), _month(last)
    for months in _MONTH_STEPS:
        start = start_month // months * months
        count = (last_month - start) // months + 1
        if count <= bins and start >= 12 and start + count * months < 12 * 9999:
            yield [_moment(start + at * months) for at in range(count + 1)]


def _month(microseconds: int) -> int:
    moment = _EPOCH + dt.timedelta(microseconds=microseconds)
    return moment.year * 12 + moment.month - 1


def _moment(month: int) -> int:
    return (dt.datetime(month // 12, month % 12 + 1, 1) - _EPOCH) // _MICROSECOND  # noqa: DTZ001
