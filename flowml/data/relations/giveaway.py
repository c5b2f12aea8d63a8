"""Columns that know the answer: they would not be there, or not say so much, when a new row is to be predicted.

A column alone, in groups learned on one half of the rows, is asked about the other half. What a cause of the target
would hardly reach is a suspicion; a person knows what the column means.
"""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flowml.data.relations.groups import Codes, codes_of, group
from flowml.domain.datasets import FEWEST_ROWS_FOR_LEAKAGE

FEWEST_ROWS = FEWEST_ROWS_FOR_LEAKAGE
MOST_COLUMNS = 2_000
_BINS, _CATEGORIES = 64, 1_000
_NEARLY_ALL = {True: 0.99, False: 0.98}
# Where another column is nearly as good, the question may simply be easy: only an even better one is a suspect then.
_SECOND_LEAVES, _TIMES_AS_MUCH = 0.05, 5.0
_MUCH = 0.5
_KNOWN = 0.9
_ROWS_A_CLASS = 6
_IN_STEP = 0.99999
_FEWEST_FILLED = 20
_ONE_CLASS = 0.97
_BY_LUCK = 1e-6
_ALL_BUT = 0.9995


class Verdict(StrEnum):
    """How much a column tells: nearly all, as no other does; nearly all, but others come close; a good part."""

    ALONE = "alone"
    NEARLY_ALL = "nearly all"
    MUCH = "much"


class Judge:
    """Asks one column at a time about a target that has a value in every row. `classes`: whether its values are told
    apart as classes, or come near each other as numbers."""

    def __init__(self, target: pl.Series, *, classes: bool, seed: int = 0):
        self.classes = classes
        grouped = group(target, bins=len(target), categories=_CATEGORIES) if classes else None
        self._labels = [item.in_sentence for item in grouped.groups] if grouped else []
        self._codes: Codes = grouped.codes if grouped else np.zeros(0, dtype=np.int64)
        self._numbers = np.zeros(0) if grouped else target.cast(pl.Float64).to_numpy()
        # Every other row of each class, or of the ordered values, is learned from.
        order = np.lexsort((np.random.default_rng(seed).random(len(target)), self._codes if grouped else self._numbers))
        self._learned = np.zeros(len(target), dtype=bool)
        self._learned[order[::2]] = True

    @property
    def is_coarse(self) -> bool:
        """Whether there are more classes than groups of numbers, or hardly rows of each to learn from."""
        return self.classes and (len(self._labels) > _BINS or len(self._codes) < _ROWS_A_CLASS * len(self._labels))

    def power(self, values: pl.Series) -> float:
        """How much of the target the column explains on rows it was not learned from, 0 to 1: the gain over guessing
        (2 · AUC - 1) of two classes, the share of errors avoided of more, the share of the variance of numbers."""
        codes = codes_of(values, bins=_BINS, categories=_CATEGORIES)
        both = [self._avoided(codes, learned) for learned in (self._learned, ~self._learned)]
        return float(max(0.0, min(both), self._apart(values) if self.classes else self._in_step(values)))

    def _avoided(self, codes: Codes, learned: NDArray[np.bool_]) -> float:
        size = int(codes.max()) + 1
        counts = np.bincount(codes[learned], minlength=size)
        tested = ~learned
        if self.classes:
            n_classes = len(self._labels)
            table = np.bincount(codes[learned] * n_classes + self._codes[learned], minlength=size * n_classes)
            usual = np.bincount(self._codes[learned], minlength=n_classes).argmax()
            shares = table.reshape(size, n_classes)
            if n_classes == 2:
                return _ranked(shares[:, 1] + 0.5, counts + 1, codes[tested], self._codes[tested] == 1)
            guesses = np.where(counts > 0, shares.argmax(axis=1), usual)
            wrong = (guesses[codes[tested]] != self._codes[tested]).mean()
            always = (self._codes[tested] != usual).mean()
            return float(1 - wrong / always) if always > 0 else 0.0
        mean = self._numbers[learned].mean()
        sums = np.bincount(codes[learned], weights=self._numbers[learned] - mean, minlength=size)
        guesses = mean + sums / (counts + 1)
        left = ((self._numbers[tested] - guesses[codes[tested]]) ** 2).sum()
        total = ((self._numbers[tested] - mean) ** 2).sum()
        return float(1 - left / total) if total > 0 and np.isfinite(left) else 0.0

    def _apart(self, values: pl.Series) -> float:
        """2 · AUC - 1 of two classes by the number itself: in few rows hardly any are in the groups that are learned.
        Nothing is learned but the side, so that it holds for other rows, unless there are so few of one class that it
        could be chance."""
        if len(self._labels) != 2 or not values.dtype.is_numeric():
            return 0.0
        known = ~values.is_null().to_numpy()
        positive = (self._codes == 1)[known]
        n, k = len(positive), int(positive.sum())
        if known.mean() < _KNOWN or math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) < -math.log(
            _BY_LUCK
        ):
            return 0.0
        ranks = values.filter(pl.Series(known)).cast(pl.Float64).rank("average").to_numpy()
        area = (ranks[positive].sum() - k * (k + 1) / 2) / (k * (n - k)) if 0 < k < n else 0.5
        found = float(abs(2 * area - 1) * known.mean())
        # It has no error only where it has none.
        return found if found == 1.0 else min(found, _ALL_BUT)

    def _in_step(self, values: pl.Series) -> float:
        """The squared rank correlation (Spearman 1904): groups are too coarse for a formula."""
        if not values.dtype.is_numeric():
            return 0.0
        pairs = pl.DataFrame({"one": values.cast(pl.Float64), "other": self._numbers}).drop_nulls()
        if pairs.height < max(FEWEST_ROWS, 0.9 * len(values)) or pairs["one"].n_unique() <= _BINS:
            return 0.0
        found = pairs.select(pl.corr("one", "other", method="spearman")).item()
        return float(found) ** 2 if found is not None and np.isfinite(found) else 0.0

    def is_target(self, values: pl.Series) -> bool:
        """Whether the column is the target in other words: its values and those of the target name each other, or are
        a straight line of each other."""
        known = ~values.is_null().to_numpy() if values.null_count() else np.ones(len(values), dtype=bool)
        if known.mean() < _KNOWN:
            return False
        if self.classes:
            target = self._codes[known]
            codes = codes_of(values.filter(known), bins=_CATEGORIES, categories=_CATEGORIES)
            distinct = int(codes.max(initial=-1)) + 1
            if distinct != len(np.unique(target)) or distinct < 2:
                return False
            return distinct == len(np.unique(codes * len(self._labels) + target))
        if not values.dtype.is_numeric():
            return False
        numbers, target = values.cast(pl.Float64).to_numpy()[known], self._numbers[known]
        if not np.isfinite(numbers).all() or np.ptp(numbers) == 0 or np.ptp(target) == 0:
            return False
        return abs(float(np.corrcoef(numbers, target)[0, 1])) >= _IN_STEP

    def verdict(self, power: float, second: float) -> Verdict | None:
        """What so much power says, beside that of the best other column."""
        nearly_all = _NEARLY_ALL[self.classes]
        alone = 1 - second > max(_SECOND_LEAVES, _TIMES_AS_MUCH * (1 - power))
        if power >= nearly_all and alone:
            return Verdict.ALONE
        if power >= 0.5 * (1 + nearly_all):
            return Verdict.NEARLY_ALL
        return Verdict.MUCH if power >= _MUCH else None

    def filled_for_one_class(self, values: pl.Series) -> tuple[str, str, float, float] | None:
        """(“filled” or “missing”, the class, its share among such rows, the share of such rows)."""
        if not self.classes:
            return None
        if not values.null_count():
            return None
        missing = values.is_null().to_numpy()
        shares = np.bincount(self._codes, minlength=len(self._labels)) / len(self._codes)
        for rows, words in ((~missing, "filled"), (missing, "missing")):
            n_rows = int(rows.sum())
            if not _FEWEST_FILLED <= n_rows < len(rows):
                continue
            counts = np.bincount(self._codes[rows], minlength=len(self._labels))
            code = int(counts.argmax())
            share = float(counts[code] / n_rows)
            # The same share among all rows would make it no news.
            news = 1 - share < 0.25 * (1 - shares[code]) and shares[code] ** n_rows < _BY_LUCK
            if share >= _ONE_CLASS and news:
                return words, self._labels[code], share, n_rows / len(rows)
        return None


def _ranked(sums: np.ndarray, counts: Codes, codes: Codes, positive: NDArray[np.bool_]) -> float:
    """2 · AUC - 1 of rows that are ranked by the share of positives learned for their group."""
    scores = (sums / counts)[codes]
    n_positive = int(positive.sum())
    if n_positive in (0, len(positive)):
        return 0.0
    _, place, counted = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counted) - (counted - 1) / 2)[place]
    area = (ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * (len(positive) - n_positive))
    return float(2 * area - 1)
