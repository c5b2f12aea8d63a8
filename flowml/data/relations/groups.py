"""The rows of a table in groups by the values of one column: its categories, or equal shares of its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flowml.data.profiling.distribution import as_value
from flowml.data.values import plain
from flowml.domain import wording

Codes = NDArray[np.int64]

_FEW_CLASSES = 20
_FEW_CLASSES_SHARE = 0.05


@dataclass(frozen=True)
class Group:
    """`label` is what to call it; `low` and `high` are its ends where it is a bin, JSON-ready. `is_text`: the label is
    a text of the data."""

    label: str
    low: Any = None
    high: Any = None
    is_text: bool = False

    @property
    def in_sentence(self) -> str:
        """What to call it in the middle of a sentence: texts of the data in quotation marks, shortened."""
        return wording.value(self.label) if self.is_text else self.label


@dataclass(frozen=True)
class Grouped:
    """The group of each row, -1 for rows in none, and what the groups are. `other` and `missing` are the codes of the
    groups of all other categories and of missing values, where there are such."""

    codes: Codes
    groups: tuple[Group, ...]
    other: int | None = None
    missing: int | None = None

    @property
    def counts(self) -> Codes:
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.groups))


def are_classes(values: pl.Series) -> bool:
    """Whether predicting this column would mean to tell classes apart: texts, yes and no, two or few whole numbers each
    of which occurs many times."""
    if values.dtype in (pl.String, pl.Boolean):
        return True
    if not values.dtype.is_numeric():
        return False
    present = values.drop_nulls()
    if present.dtype.is_float() and not (present == present.floor()).all():
        return False
    n_unique = present.n_unique()
    return n_unique == 2 or (n_unique <= _FEW_CLASSES and n_unique < _FEW_CLASSES_SHARE * len(present))


def group(
    values: pl.Series, *, bins: int = 10, categories: int = 20, each: int | None = None, fewest: int = 1
) -> Grouped:
    """Numbers and dates in up to `bins` groups of about as many rows, or one for each value where they have no more
    than `each`; of anything else the most frequent `categories` that have at least `fewest` rows. Missing values are a
    group of their own, the last."""
    if values.dtype in (pl.String, pl.Boolean):
        return _by_category(values, categories, fewest)
    return _by_share(values, bins, bins if each is None else each)


def _by_category(values: pl.Series, most: int, fewest: int) -> Grouped:
    """The most frequent categories first, then the others together, then the missing."""
    counts = (
        values.drop_nulls().alias("value").value_counts(name="count").sort(["count", "value"], descending=[True, False])
    )
    shown = counts.filter(pl.col("count") >= fewest)["value"].head(most).to_list()
    codes = np.zeros(len(values), dtype=np.int64)
    if shown:
        order = {value: code for code, value in enumerate(shown)}
        codes = values.replace_strict(order, default=len(shown), return_dtype=pl.Int64).to_numpy().copy()
    groups = [Group(_label(value), is_text=isinstance(value, str)) for value in shown]
    other = missing = None
    is_missing = values.is_null().to_numpy()
    if counts.height > len(shown):
        other = len(groups)
        groups.append(Group("all others"))
    codes[is_missing] = -1
    if is_missing.any():
        missing = len(groups)
        groups.append(Group("missing"))
        codes[is_missing] = missing
    return Grouped(codes, tuple(groups), other, missing)


def codes_of(values: pl.Series, *, bins: int, categories: int) -> Codes:
    """The codes of `group` without what the groups are, which takes most of its time; missing values have the last."""
    if values.dtype in (pl.String, pl.Boolean):
        return _by_category(values, categories, 1).codes
    codes, starts = _shares(_numbers(values), bins, bins)
    return np.where(codes < 0, len(starts), codes)


def _numbers(values: pl.Series) -> NDArray[np.float64]:
    """NaN where a value is missing."""
    return values.to_physical().cast(pl.Float64).to_numpy()


def _shares(numbers: NDArray[np.float64], bins: int, each: int) -> tuple[Codes, NDArray[np.float64]]:
    """The group of each number, -1 for those that are missing, and where the groups begin."""
    known = np.isfinite(numbers)
    codes = np.full(len(numbers), -1, dtype=np.int64)
    starts, counts = np.unique(numbers[known], return_counts=True)
    if len(starts) > each:
        starts = _starts(starts, counts, bins)
    codes[known] = np.searchsorted(starts, numbers[known], side="right") - 1
    return codes, starts


def _by_share(values: pl.Series, bins: int, each: int) -> Grouped:
    numbers = _numbers(values)
    codes, starts = _shares(numbers, bins, each)
    known = codes >= 0
    single = len(np.unique(numbers[known])) <= each
    groups: list[Group] = []
    for code, start in enumerate(starts.tolist()):
        if single:
            shown = _shown(start, values.dtype)
            groups.append(Group(_label(shown), plain(shown), plain(shown)))
            continue
        last = float(numbers[codes == code].max())
        low, high = _shown(start, values.dtype), _shown(last, values.dtype)
        label = _label(low) if start == last else f"{_label(low)} to {_label(high)}"
        groups.append(Group(label, plain(low), plain(high)))
    missing = None
    if not known.all():
        missing = len(groups)
        groups.append(Group("missing"))
        codes[~known] = missing
    return Grouped(codes, tuple(groups), None, missing)


def _starts(values: NDArray[np.float64], counts: Codes, bins: int) -> NDArray[np.float64]:
    """Where groups of about as many rows begin. A value that fills a group alone has it for itself, so that what is
    left of a column of many zeros is told apart as well."""
    heavy = counts * bins >= counts.sum()
    left = np.cumsum(np.where(heavy, 0, counts))
    n_left = max(2, bins - int(heavy.sum()))
    at = np.searchsorted(left, np.arange(n_left) / n_left * left[-1], side="right")
    after = np.flatnonzero(heavy) + 1
    begin = np.concatenate([[0], at, np.flatnonzero(heavy), after])
    return np.asarray(values[np.unique(begin[begin < len(values)])])


def _shown(physical: float, dtype: pl.DataType) -> Any:
    if dtype.is_temporal():
        try:
            return as_value(int(physical), dtype)
        except OverflowError:
            return str(physical)
    return int(physical) if dtype.is_integer() else physical


def _label(value: Any) -> str:
    return value if isinstance(value, str) else wording.value(value)
