"""Whether the values of a column are spread as they were in training.

The population stability index, PSI = Σ (p − q) ln(p / q) over bins with the shares p in training and q now (Lewis 1994;
Siddiqi 2006): the two Kullback-Leibler divergences together. Numbers and dates have bins of about equally many training
rows, categories one each and one for all others; missing is a bin of its own. Below 0.1 is usually called stable, above
0.25 changed. Few rows alone give an index above 0: without any change, PSI / (1/n + 1/m) is about χ² with (bins − 1)
degrees of freedom (Yurdakul and Naranjo 2020), so that only what is above the 95 % quantile of that is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from flowml.automl.features.prepared import is_labels, labels_of
from flowml.automl.features.values import DAY_SECONDS
from flowml.automl.schema.schema import ModelSchema
from flowml.domain.datasets import Role

_BINS = 10
_CATEGORIES = 20
_SOME, _LARGE = 0.1, 0.25
# A bin that one side has nothing in would make the index infinite.
_HALF_A_ROW = 0.5
# The standard normal's 95 % quantile.
_NORMAL_95 = 1.6448536


@dataclass(frozen=True)
class Bins:
    """`edges`: of numbers, ascending, float64; a value is in the bin of how many edges are ≤ it. `levels`: of texts.
    `counts`: int64 (bins,), of training rows, of which the last two bins are for other texts (none of numbers) and for
    missing."""

    edges: np.ndarray | None
    levels: tuple[str, ...]
    counts: np.ndarray

    def count(self, values: pl.Series) -> np.ndarray:
        """How many of these values are in each bin, int64 (bins,)."""
        return _counted(values, self.edges, self.levels)


@dataclass(frozen=True)
class Reference:
    """What the columns of a model, and what it predicts, were like in training; by name. `missing`: the share of the
    rows without a value, also of columns that have no bins."""

    bins: Mapping[str, Bins] = field(default_factory=dict)
    target: Bins | None = None
    missing: Mapping[str, float] = field(default_factory=dict)


def reference_of(frame: pl.DataFrame, schema: ModelSchema) -> Reference:
    """Of the training rows, or of some of them drawn by chance: the columns that are behind the model's recipe."""
    bins = {
        feature.name: bins_of(frame[feature.name], is_text=is_labels(feature.role))
        for feature in schema.features
        if feature.name in frame.columns and feature.role not in (Role.IDENTIFIER, Role.TEXT)
    }
    target = frame[schema.target] if schema.target in frame.columns else None
    missing = {
        feature.name: n_missing(frame[feature.name], is_text=is_labels(feature.role)) / max(1, frame.height)
        for feature in schema.features
        if feature.name in frame.columns
    }
    return Reference(bins, None if target is None else bins_of(target, is_text=schema.classes is not None), missing)


def n_missing(values: pl.Series, *, is_text: bool) -> int:
    """How many of these have no value; a text that is empty is none."""
    if is_text and values.dtype == pl.String:
        return int((values.fill_null("") == "").sum())
    return values.null_count()


def bins_of(values: pl.Series, *, is_text: bool) -> Bins:
    """The bins of a column, by its values in training."""
    if is_text:
        texts = labels_of(values)
        frequent = texts.drop_nulls().value_counts(sort=True).head(_CATEGORIES)
        levels = tuple(frequent[texts.name].to_list())
        return Bins(None, levels, _counted(values, None, levels))
    numbers = _numbers(values)
    numbers = numbers[~np.isnan(numbers)]
    quantiles = np.quantile(numbers, np.linspace(0, 1, _BINS + 1)[1:-1]) if len(numbers) else np.empty(0)
    # A value that many rows have is the edge of a bin once; what is below the least of all is in the first.
    edges = np.unique(quantiles)
    return Bins(edges, (), _counted(values, edges, ()))


def psi(training: np.ndarray, now: np.ndarray) -> float | None:
    """The index of two counts over the same bins; None where either side has no rows."""
    if not training.sum() or not now.sum():
        return None
    some = (training > 0) | (now > 0)
    p, q = (np.maximum(counts[some], _HALF_A_ROW) for counts in (training, now))
    p, q = p / p.sum(), q / q.sum()
    return float(((p - q) * np.log(p / q)).sum())


def psi_by_chance(training: np.ndarray, now: np.ndarray) -> float:
    """What the index is at most, 19 of 20 times, when nothing has changed."""
    freedom = max(1, int(((training > 0) | (now > 0)).sum()) - 1)
    # Wilson and Hilferty (1931): the χ² quantile by the normal one.
    quantile = freedom * (1 - 2 / (9 * freedom) + _NORMAL_95 * np.sqrt(2 / (9 * freedom))) ** 3
    return float(quantile * (1 / max(1, training.sum()) + 1 / max(1, now.sum())))


def verdict(index: float | None, by_chance: float) -> str | None:
    """`none`, `some` or `large`; None where it cannot be said."""
    if index is None:
        return None
    if index <= by_chance or index < _SOME:
        return "none"
    return "some" if index < _LARGE else "large"


def _counted(values: pl.Series, edges: np.ndarray | None, levels: tuple[str, ...]) -> np.ndarray:
    if edges is None:
        codes = pl.DataFrame(
            {"level": [*levels], "code": np.arange(len(levels))}, schema_overrides={"level": pl.String}
        )
        counts = labels_of(values).alias("level").to_frame().group_by("level").len().join(codes, on="level", how="left")
        found = np.zeros(len(levels) + 2, dtype=np.int64)
        for level, n_rows, code in counts.iter_rows():
            found[-1 if level is None else len(levels) if code is None else code] += n_rows
        return found
    numbers = _numbers(values)
    missing = np.isnan(numbers)
    inner = np.bincount(np.searchsorted(edges, numbers[~missing], side="right"), minlength=len(edges) + 1)
    return np.concatenate([inner, [0, int(missing.sum())]]).astype(np.int64)


def _numbers(values: pl.Series) -> np.ndarray:
    """Of dates the days since 1970; what is no number is NaN."""
    if values.dtype in (pl.Date, pl.Datetime):
        values = values.cast(pl.Datetime("us")).cast(pl.Int64) / (DAY_SECONDS * 1e6)
    found: Any = values.cast(pl.Float64, strict=False).to_numpy()
    return np.asarray(found, dtype=np.float64)
