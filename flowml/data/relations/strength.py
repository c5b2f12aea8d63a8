"""How much each column says about a target.

Strength is 0 to 1 and sees any shape of relation, not only straight lines: numbers are taken in 20 groups of equal
size, categories as they are, missing values as a group of their own. For classes it is Cramér's V, for numbers the
correlation ratio η, both without the part that chance alone would give (W. Bergsma, A bias-correction for Cramér's V,
2013; T. L. Kelley, An unbiased correlation ratio measure, 1935). Mutual information is in bits, corrected by Miller and
Madow (1955).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flowml.data.relations.groups import Codes, are_classes, group
from flowml.data.sampling import read_spread
from flowml.domain.errors import InvalidInput

_MOST_ROWS = 100_000
_MOST_SHOWN = 1_000
# Cells that are looked at in all, of so many rows at least, and columns at most.
_MOST_CELLS, _LEAST_ROWS, _MOST_COLUMNS = 100_000_000, 2_000, 50_000
_COLUMNS_AT_ONCE = 50
_BINS = 20
_MOST_CATEGORIES = 200
_TARGET_BINS = 10
# Categories with fewer rows are taken together: each would seem to say all about its own.
_FEWEST = 3
# A rank correlation of less is no direction worth a word.
_LEAST_DIRECTION = 0.05
# In so many groups a relation that goes one way may go back by so much of all differences.
_DIRECTION_BINS, _STEADY = 10, 0.2


def relations_of_table(request: Mapping[str, Any]) -> dict[str, Any]:
    """Of each of the `columns` (with their roles) of the `table` at this path to the `target`. Raises InvalidInput."""
    return relations(Path(request["table"]), request["columns"], request["target"])


def relations(table: Path, columns: Sequence[Mapping[str, Any]], target: str) -> dict[str, Any]:
    """Strongest first: {"target", "target_kind", "columns": [{"name", "role", "strength", "direction", "measure",
    "mutual_information"}], "note"}. Rows without a target are left out. Raises InvalidInput for a target of dates."""
    others = [column for column in columns if column["name"] != target]
    looked_at = others[:_MOST_COLUMNS]
    most_rows = min(_MOST_ROWS, max(_LEAST_ROWS, _MOST_CELLS // max(1, len(looked_at))))
    answers, note = read_spread(table, [target], most_rows)
    values = answers.to_series()
    check_target(values)
    known = values.is_not_null()
    association = Association(values.filter(known))
    found = []
    # Some at a time: opening a file of many columns takes as long as reading them.
    for start in range(0, len(looked_at), _COLUMNS_AT_ONCE):
        part = looked_at[start : start + _COLUMNS_AT_ONCE]
        sample, _ = read_spread(table, [column["name"] for column in part], most_rows)
        for column in part:
            present = sample[column["name"]].filter(known)
            strength, bits = association.with_column(present)
            found.append(
                {
                    "name": column["name"],
                    "role": column["role"],
                    "strength": strength,
                    "direction": association.direction(present) if strength else 0,
                    "measure": association.measure,
                    "mutual_information": bits,
                }
            )
    found.sort(key=lambda item: (item["strength"] is None, -(item["strength"] or 0.0)))
    notes = [note]
    if len(found) > _MOST_SHOWN:
        notes.append(f"Of {len(found):,} columns the {_MOST_SHOWN:,} that say most are shown.")
    if len(others) > len(looked_at):
        notes.append(
            f"The {len(others) - len(looked_at):,} columns behind the first {len(looked_at):,} were not looked at."
        )
    kind = "classes" if association.classes else "numbers"
    return {
        "target": target,
        "target_kind": kind,
        "columns": found[:_MOST_SHOWN],
        "note": " ".join(filter(None, notes)) or None,
    }


def check_target(values: pl.Series) -> None:
    """Raise InvalidInput for a column that nothing is related to."""
    if values.dtype.is_temporal():
        raise InvalidInput.of_field(
            "target",
            f"“{values.name}” holds dates, which are no target.",
            hint="Choose a column of numbers or classes.",
        )
    if values.null_count() == len(values):
        raise InvalidInput.of_field("target", f"“{values.name}” has no values.", hint="Choose another column.")


class Association:
    """Measures how much columns say about one target, which has a value in every row."""

    def __init__(self, target: pl.Series):
        self.classes = are_classes(target)
        self.measure = "Cramér's V" if self.classes else "correlation ratio"
        bins = len(target) if self.classes else _TARGET_BINS
        self._codes = group(target, bins=bins, categories=_MOST_CATEGORIES).codes
        self._numbers = None if self.classes else target.cast(pl.Float64).to_numpy()
        is_ordered = target.dtype.is_numeric() or target.dtype == pl.Boolean
        self._ordered = target.rank("average").to_numpy() if is_ordered else None

    def with_column(self, values: pl.Series) -> tuple[float | None, float | None]:
        """Strength and mutual information; None where the column or the target does not vary."""
        codes = group(values, bins=_BINS, categories=_MOST_CATEGORIES, fewest=_FEWEST).codes
        table = contingency(codes, self._codes)
        if min(table.shape) < 2:
            return None, None
        strength = corrected_v(table) if self._numbers is None else corrected_ratio(codes, self._numbers)
        return strength, information(table)

    def direction(self, values: pl.Series) -> int:
        """1 where the target rises with these values, -1 where it falls, 0 where neither can be said: of texts, of
        classes with names, of relations that go up and down."""
        found = self._sign(values)
        return found if found and self._is_steady(values, found) else 0

    def _is_steady(self, values: pl.Series, sign: int) -> bool:
        """Whether the target's mean rank goes one way from group to group, but for what chance and a small part of all
        differences make: beside the nearest line that never turns (isotonic regression)."""
        assert self._ordered is not None
        grouped = group(values, bins=_DIRECTION_BINS, each=_DIRECTION_BINS)
        inside = np.isfinite(self._ordered) & (grouped.codes >= 0)
        if grouped.missing is not None:
            inside &= grouped.codes != grouped.missing
        codes, ranks = grouped.codes[inside], self._ordered[inside]
        counts = np.bincount(codes)
        means = np.bincount(codes, weights=ranks)[counts > 0] / counts[counts > 0]
        counts = counts[counts > 0]
        off = float((counts * (means - sign * _never_falling(sign * means, counts)) ** 2).sum())
        differences = float((counts * (means - ranks.mean()) ** 2).sum())
        by_chance = float(ranks.var()) * (len(counts) + 3 * math.sqrt(2 * len(counts)))
        return off <= _STEADY * differences or off <= by_chance

    def _sign(self, values: pl.Series) -> int:
        if self._ordered is None or not (values.dtype.is_numeric() or values.dtype == pl.Boolean):
            return 0
        ranks = values.rank("average").to_numpy()
        both = np.isfinite(ranks)
        if both.sum() < _FEWEST:
            return 0
        first, second = (numbers[both] - numbers[both].mean() for numbers in (ranks, self._ordered))
        scale = math.sqrt(float(first @ first) * float(second @ second))
        found = float(first @ second) / scale if scale > 0 else 0.0
        return int(np.sign(found)) if abs(found) >= _LEAST_DIRECTION else 0


def _never_falling(means: NDArray[np.float64], counts: Codes) -> NDArray[np.float64]:
    """The nearest values that never fall, by pooling neighbours that do (M. Ayer et al., 1955)."""
    pools: list[tuple[float, int, int]] = []
    for mean, count in zip(means.tolist(), counts.tolist(), strict=True):
        pool = (mean, count, 1)
        while pools and pools[-1][0] >= pool[0]:
            before = pools.pop()
            weight = before[1] + pool[1]
            pool = ((before[0] * before[1] + pool[0] * pool[1]) / weight, weight, before[2] + pool[2])
        pools.append(pool)
    return np.concatenate([np.full(length, mean) for mean, _, length in pools]) if pools else means


def contingency(first: Codes, second: Codes) -> NDArray[np.float64]:
    """How often each two codes meet; rows and columns of codes that do not occur are left out."""
    if len(first) == 0:
        return np.zeros((0, 0))
    width = int(second.max()) + 1
    table = np.bincount(first * width + second, minlength=(int(first.max()) + 1) * width).reshape(-1, width)
    return np.asarray(table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0], dtype=np.float64)


def corrected_v(table: NDArray[np.float64]) -> float | None:
    """Cramér's V less what chance gives: 0 where nothing is left, None where it cannot be told."""
    total = table.sum()
    n_rows, n_columns = table.shape
    if total < 2:
        return None
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    phi = float(((table - expected) ** 2 / expected).sum()) / total
    phi = max(0.0, phi - (n_rows - 1) * (n_columns - 1) / (total - 1))
    smaller = min(size - (size - 1) ** 2 / (total - 1) for size in (n_rows, n_columns)) - 1
    return math.sqrt(min(1.0, phi / smaller)) if smaller > 0 else None


def corrected_ratio(codes: Codes, numbers: NDArray[np.float64]) -> float | None:
    """The correlation ratio less what chance gives: 0 where nothing is left, None where it cannot be told."""
    counts = np.bincount(codes)
    n_groups, total = int((counts > 0).sum()), len(codes)
    # The squares of the largest floats are none.
    numbers = numbers / max(1.0, float(np.abs(numbers).max(initial=0.0)))
    centred = numbers - numbers.mean()
    squares = float(centred @ centred)
    if squares <= 0 or total <= n_groups or not math.isfinite(squares):
        return None
    sums = np.bincount(codes, weights=centred)[counts > 0]
    within = 1 - float((sums**2 / counts[counts > 0]).sum()) / squares
    return math.sqrt(min(1.0, max(0.0, 1 - within * (total - 1) / (total - n_groups))))


def information(table: NDArray[np.float64]) -> float:
    """Mutual information of rows and columns of a contingency table, in bits."""
    total = table.sum()
    shares = table / total
    independent = np.outer(shares.sum(axis=1), shares.sum(axis=0))
    present = shares > 0
    found = float((shares[present] * np.log2(shares[present] / independent[present])).sum())
    # Miller and Madow: each cell that is filled by chance adds to it.
    by_chance = (present.sum() - table.shape[0] - table.shape[1] + 1) / (2 * total * math.log(2))
    return max(0.0, found - float(by_chance))
