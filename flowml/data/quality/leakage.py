"""Columns that know the answer: they would not be there, or not say so much, when a new row is to be predicted.

A column alone, in groups learned on one half of the rows, is asked about the other half. What a cause of the target
would hardly reach is a suspicion, and named as such; a person knows what the column means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flowml.data import wording
from flowml.data.names import named_after
from flowml.data.quality.examined import Examined, Found, found
from flowml.data.relations.groups import Codes, are_classes, group
from flowml.domain.datasets import ColumnStats, Role, Severity

_FEWEST_ROWS = 50
_MOST_COLUMNS = 2_000
_BINS, _CATEGORIES = 64, 1_000
_NEARLY_ALL = {True: 0.99, False: 0.98}
# Where another column is nearly as good, the question may simply be easy: only an even better one is a suspect then.
_SECOND_LEAVES, _TIMES_AS_MUCH = 0.05, 5.0
_TELLING_NAME = 0.5
_FEWEST_FILLED = 20
_ONE_CLASS = 0.97
_BY_LUCK = 1e-6
_AFTERWARDS = re.compile(
    r"(?:^|[^a-z])(outcome|result|final|closed|resolved|resolution|cancel(?:led|lation)?|refund(?:ed)?|discharged?"
    r"|settled|paid|approved|rejected|churned|leaving|exit|terminated|termination|death|died|cause of)(?:$|[^a-z])"
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True)
class _Suspect:
    stats: ColumnStats
    power: float


def leaks(table: Examined) -> Iterator[Found]:
    """Columns that say nearly all about the target, as no other does, or are filled for one class only."""
    target = table.target
    if target is None or target.n_unique < 2 or target.count < _FEWEST_ROWS:
        return
    answers = table.sample(target.name)
    known = answers.is_not_null()
    answers = answers.filter(known)
    if (
        answers.dtype.is_temporal()
        or len(answers) < _FEWEST_ROWS
        or answers.n_unique() > 0.5 * len(answers)
        and (answers.dtype == pl.String)
    ):
        return
    judge = _Judge(answers)
    columns = [item for item in table.features if item.role is not Role.CONSTANT and item.count][:_MOST_COLUMNS]
    suspects = []
    for item in columns:
        values = table.sample(item.name).filter(known)
        filled = judge.filled_for_one_class(values)
        if filled is not None:
            yield _found_filled(table, item, filled)
        else:
            suspects.append(_Suspect(item, judge.power(values)))
    suspects.sort(key=lambda suspect: -suspect.power)
    for at, suspect in enumerate(suspects):
        second = suspects[1 if at == 0 else 0].power if len(suspects) > 1 else 0.0
        yield from _judged(table, suspect, second, judge)


def _judged(table: Examined, suspect: _Suspect, second: float, judge: _Judge) -> Iterator[Found]:
    assert table.target is not None
    name, target, power = suspect.stats.name, table.target.name, suspect.power
    nearly_all = _NEARLY_ALL[judge.classes]
    alone = 1 - second > max(_SECOND_LEAVES, _TIMES_AS_MUCH * (1 - power))
    drop = [{"op": "drop", "columns": [name]}]
    told = "all" if power > 0.9995 else wording.percent(power)
    how = (
        f"tells {told} of “{target}” on its own"
        if not judge.classes
        else (f"tells “{target}” on its own, with {'no error' if power > 0.9995 else 'hardly an error'}")
    )
    if power >= nearly_all and alone or power > 0.9999:
        yield found(
            "leakage",
            Severity.CRITICAL,
            [name],
            f"“{name}” {how}, as nothing else does. It may be the answer in other words, or something that is only "
            "known once the answer is.",
            "Drop it, unless it will be known before the prediction.",
            drop,
            size=power,
        )
    elif power >= _TELLING_NAME and (named_after(name, target) or _AFTERWARDS.search(_CAMEL.sub("_", name).lower())):
        hint = f"is named after “{target}”" if named_after(name, target) else "is by its name known afterwards"
        yield found(
            "leakage",
            Severity.WARNING,
            [name],
            f"“{name}” {hint} and tells a good part of “{target}” on its own ({wording.percent(power)}).",
            "Drop it, if it is not known yet when a prediction is made.",
            drop,
            size=power,
        )
    elif power >= 0.5 * (1 + nearly_all):
        yield found(
            "leakage",
            Severity.WARNING,
            [name],
            f"“{name}” {how}; other columns come close.",
            "Make sure that it is known before the prediction.",
            drop,
            size=power,
        )


def _found_filled(table: Examined, item: ColumnStats, filled: tuple[str, str, float, float]) -> Found:
    assert table.target is not None
    how, label, share, of_rows = filled
    return found(
        "leakage",
        Severity.CRITICAL,
        [item.name],
        f"“{item.name}” is {how} in {wording.percent(of_rows)} of the rows, and in {wording.percent(share)} of these "
        f"“{table.target.name}” is {label}. It seems to be recorded only once the answer is known.",
        "Drop it, unless it will be known before the prediction.",
        [{"op": "drop", "columns": [item.name]}],
        size=share,
    )


class _Judge:
    """Asks one column at a time about the target, which has a value in every row."""

    def __init__(self, target: pl.Series):
        self.classes = are_classes(target)
        grouped = group(target, bins=len(target), categories=_CATEGORIES) if self.classes else None
        self._labels = [item.label for item in grouped.groups] if grouped else []
        self._codes: Codes = grouped.codes if grouped else np.zeros(0, dtype=np.int64)
        self._numbers = np.zeros(0) if grouped else target.cast(pl.Float64).to_numpy()
        # Every other row of each class, or of the ordered values, is learned from.
        order = np.lexsort((np.random.default_rng(0).random(len(target)), self._codes if grouped else self._numbers))
        self._learned = np.zeros(len(target), dtype=bool)
        self._learned[order[::2]] = True

    def power(self, values: pl.Series) -> float:
        """How much of the target the column explains on rows it was not learned from, 0 to 1: the gain over guessing
        (2 · AUC - 1) of two classes, the share of errors avoided of more, the share of the variance of numbers."""
        codes = group(values, bins=_BINS, categories=_CATEGORIES).codes
        both = [self._avoided(codes, learned) for learned in (self._learned, ~self._learned)]
        return float(max(0.0, min(both), 0.0 if self.classes else self._in_step(values)))

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

    def _in_step(self, values: pl.Series) -> float:
        """The squared rank correlation (Spearman 1904): groups are too coarse for a formula."""
        if not values.dtype.is_numeric():
            return 0.0
        pairs = pl.DataFrame({"one": values.cast(pl.Float64), "other": self._numbers}).drop_nulls()
        if pairs.height < max(_FEWEST_ROWS, 0.9 * len(values)) or pairs["one"].n_unique() <= _BINS:
            return 0.0
        found = pairs.select(pl.corr("one", "other", method="spearman")).item()
        return float(found) ** 2 if found is not None and np.isfinite(found) else 0.0

    def filled_for_one_class(self, values: pl.Series) -> tuple[str, str, float, float] | None:
        """(“filled” or “missing”, the class, its share among such rows, the share of such rows)."""
        if not self.classes:
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
    ranks = pl.Series(scores).rank("average").to_numpy()
    area = (ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * (len(positive) - n_positive))
    return float(2 * area - 1)
