"""Whether a column is what is to be predicted, written in another way: revenue divided by quantity is the price."""

from bisect import bisect_right

import numpy as np
import polars as pl

_NEARLY_ALL = 0.95
_CLOSE = 1e-3
_FEWEST_ROWS, _FEWEST_VALUES, _MOST_LEVELS = 20, 10, 50
_SURE = 0.995
_TIMES = 3


def is_target(made: pl.Series, target: np.ndarray, *, classes: bool) -> bool:
    """Whether in nearly all rows the target, float64 or codes of `classes`, (rows,), follows from this column alone: by
    a line or an order, of classes by where its values lie. False where there are few rows or values."""
    known = made.is_not_null().to_numpy()
    if made.dtype.is_float():
        known &= made.is_finite().fill_null(False).to_numpy()
    if known.sum() < max(_FEWEST_ROWS, _NEARLY_ALL * len(target)) or len(np.unique(target[known])) < 2:
        return False
    values, wanted = made.filter(pl.Series(known)), target[known]
    if not values.dtype.is_numeric() or (classes and values.n_unique() <= _MOST_LEVELS):
        return classes and _decides(values, wanted)
    numbers = values.cast(pl.Float64).to_numpy()
    if classes:
        ordered = wanted[np.lexsort((wanted, numbers))]
        changes = int((ordered[1:] != ordered[:-1]).sum())
        return changes <= 2 * (len(np.unique(wanted)) - 1) + (1 - _SURE) * len(wanted)
    if min(len(np.unique(numbers)), len(np.unique(wanted))) < _FEWEST_VALUES:
        return False
    return _on_a_line(numbers, wanted) or _in_order(numbers, wanted) or _in_order(-numbers, wanted)


def _decides(values: pl.Series, wanted: np.ndarray) -> bool:
    """Whether of each value nearly all rows are of one class; a class that nearly all rows have says nothing."""
    counts = pl.DataFrame([values.alias("value"), pl.Series("class", wanted)]).group_by("value", "class").len()
    sure = int(counts.group_by("value").agg(pl.col("len").max())["len"].sum())
    usual = int(counts.group_by("class").agg(pl.col("len").sum())["len"].max())  # type: ignore[arg-type]
    few = values.n_unique() <= max(2, len(wanted) // 10)
    return bool(few and len(wanted) - sure <= min((1 - _SURE) * len(wanted), 0.1 * (len(wanted) - usual)))


def _on_a_line(numbers: np.ndarray, wanted: np.ndarray) -> bool:
    rows = np.arange(len(numbers))
    left = np.zeros(len(numbers))
    for _ in range(_TIMES):
        if np.ptp(numbers[rows]) == 0:
            return False
        slope, start = np.polyfit(numbers[rows], wanted[rows], 1)
        left = np.abs(wanted - (slope * numbers + start))
        # A few that are far out would decide the line.
        rows = np.argsort(left)[: max(2, int(_NEARLY_ALL * len(left)))]
    return bool((left <= _CLOSE * wanted.std()).mean() >= _NEARLY_ALL)


def _in_order(numbers: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether sorted by the one, nearly all of the others are sorted as well: the longest part that is."""
    tops: list[float] = []
    for value in wanted[np.lexsort((wanted, numbers))].tolist():
        place = bisect_right(tops, value)
        tops[place : place + 1] = [value]
    return len(tops) >= _NEARLY_ALL * len(wanted)
