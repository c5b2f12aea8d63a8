"""How often each value of a column occurs: one pass from which its quantiles, extremes, frequent values and histogram
follow.

Numbers, dates and truth values are counted over their whole range where that is small, by a hash table where few values
repeat, and by one sort otherwise. Texts that hardly repeat are counted by their 64-bit hashes: sorting these is twice
as fast as a hash table of texts, and two of a million texts share a hash once in 40 million tables.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

# A hash table beats a sort where some of so many probed values are equal.
_PROBED, _DIFFERENT_SHARE = 16_384, 0.85
_SMALL_RANGE = 1 << 16


@dataclass(frozen=True)
class Counts:
    """Distinct values in ascending order (int64 or float64; dates as polars stores them) and how often each occurs."""

    values: NDArray[Any]
    counts: NDArray[np.int64]

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """How many values there are up to each, itself included."""
        return np.cumsum(self.counts)

    @cached_property
    def total(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def quantile(self, share: float) -> float | None:
        """By linear interpolation, as NumPy does by default; None of no values."""
        total = self.total
        if total == 0:
            return None
        position = share * (total - 1)
        at = np.searchsorted(self.ends, [math.floor(position), math.ceil(position)], side="right")
        below, above = (float(self.values[index]) for index in at)
        share_above = position - math.floor(position)
        between = above - below
        # Nothing lies further apart than the largest float.
        return (
            below + between * share_above if math.isfinite(between) else below * (1 - share_above) + above * share_above
        )

    def within(self, edges: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many lie in each bin between ascending edges; the last bin has both its edges."""
        at = np.searchsorted(self.values, edges, side="left")
        at[-1] = np.searchsorted(self.values, edges[-1], side="right")
        return np.diff(np.where(at > 0, self.ends[at - 1], 0))

    def top(self, most: int) -> tuple[list[Any], list[int]]:
        """The most frequent values, most frequent first, equally frequent ones in ascending order."""
        # Whatever is as frequent as the last one shown competes with it.
        shown = np.flatnonzero(self.counts >= _cut(self.counts, most))
        shown = shown[np.argsort(-self.counts[shown], kind="stable")][:most]
        return self.values[shown].tolist(), self.counts[shown].tolist()


def count_values(present: pl.Series) -> Counts:
    """Of numbers, dates or truth values, none of them missing or NaN."""
    numbers = present.to_physical() if present.dtype.is_temporal() else present
    if numbers.dtype == pl.Boolean:
        n_true = int(numbers.sum())
        return _existing(np.array([0, 1]), np.array([len(numbers) - n_true, n_true]))
    if numbers.is_empty():
        return Counts(np.empty(0), np.empty(0, dtype=np.int64))
    if numbers.dtype.is_integer():
        numbers = numbers.cast(pl.Int64)
        least, greatest = int(numbers.min()), int(numbers.max())  # type: ignore[arg-type]
        if greatest - least < _SMALL_RANGE:
            found = np.bincount(numbers.to_numpy() - least)
            return _existing(np.arange(len(found)) + least, found)
    # A small column is sorted before anything else has begun.
    if len(numbers) > _PROBED and _repeats(numbers):
        counted = numbers.alias("value").value_counts(name="count").sort("value")
        return Counts(counted["value"].to_numpy(), counted["count"].cast(pl.Int64).to_numpy())
    # In one thread, because columns are counted side by side.
    ordered = np.sort(numbers.to_numpy()) if len(numbers) <= _PROBED else numbers.sort(multithreaded=False).to_numpy()
    starts = _starts(ordered)
    if len(starts) == len(ordered):
        return Counts(ordered, np.ones(len(ordered), dtype=np.int64))
    return Counts(ordered[starts], np.diff(starts, append=len(ordered)))


def count_texts(present: pl.Series, most: int) -> tuple[int, list[str], list[int]]:
    """How many different texts there are, the `most` frequent ones and their counts; equally frequent ones come in
    alphabetical order. None of them is missing."""
    texts = present.alias("value")
    if _repeats(texts):
        counted = texts.value_counts(name="count")
        n_unique = counted.height
    else:
        n_unique, counted = _count_by_hash(texts, most)
    top = counted.sort(["count", "value"], descending=[True, False]).head(most)
    return n_unique, top["value"].to_list(), top["count"].to_list()


def _count_by_hash(texts: pl.Series, most: int) -> tuple[int, pl.DataFrame]:
    hashes = texts.hash()
    ordered = hashes.sort(multithreaded=False).to_numpy()
    starts = _starts(ordered)
    counts = np.diff(starts, append=len(ordered))
    cut = _cut(counts, most)
    frequent = counts > cut if cut == 1 else counts >= cut
    wanted = hashes.is_in(pl.Series(ordered[starts[frequent]], dtype=pl.UInt64).implode())
    counted = texts.filter(wanted).value_counts(name="count")
    if cut == 1:
        # All others occur once: the first ones by alphabet are enough.
        single = texts.filter(~wanted).bottom_k(most)
        counted = pl.concat([counted, pl.DataFrame({"value": single}).with_columns(count=pl.lit(1, pl.UInt32))])
    return len(starts), counted


def _repeats(values: pl.Series) -> bool:
    """Whether values repeat so much that a hash table of them stays small, by a probe spread over the column."""
    probe = values.gather_every(max(1, len(values) // _PROBED))
    return probe.n_unique() <= _DIFFERENT_SHARE * len(probe)


def _cut(counts: NDArray[np.int64], most: int) -> int:
    """The count of the last one among the `most` frequent, 1 at least."""
    if len(counts) <= most:
        return 1
    if int(counts.max()) > len(counts):
        return int(np.partition(counts, -most)[-most])
    at_least = np.cumsum(np.bincount(counts)[::-1])[::-1]
    return int(np.flatnonzero(at_least >= most)[-1])


def _starts(ordered: NDArray[Any]) -> NDArray[np.int64]:
    """Where each run of equal values begins."""
    is_start = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_start[1:])
    return np.flatnonzero(is_start)


def _existing(values: NDArray[np.int64], counts: NDArray[np.int64]) -> Counts:
    return Counts(values[counts > 0], counts[counts > 0])
