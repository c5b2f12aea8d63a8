"""All there is to know about each column, computed once when a table comes in.

The values of a column are counted once (`counts`), and its quantiles, extremes, frequent values and histogram follow
from that. Standard deviation is the sample's (n - 1), skewness the biased Fisher-Pearson coefficient, quantiles
interpolate linearly, as NumPy, SciPy and pandas compute them by default. All of them are exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from flowml.data.profiling.counts import Counts, count_texts, count_values
from flowml.data.profiling.distribution import SHOWN_CATEGORIES, as_value, categories, spread
from flowml.data.profiling.figures import DEFAULT_BINS, distribution_name
from flowml.data.profiling.roles import Figures, distinct_sample, role_of
from flowml.data.threads import each_column
from flowml.data.values import plain
from flowml.domain.datasets import Column, ColumnStats, Role, TopValue
from flowml.domain.distributions import Categories, Histogram

_TOP = 10


@dataclass(frozen=True)
class Profile:
    """Columns with roles, their statistics, by name the reason for each role, and the figures that somebody will ask
    for, by the name under which they are kept."""

    columns: tuple[Column, ...]
    stats: tuple[ColumnStats, ...]
    reasons: Mapping[str, str]
    figures: Mapping[str, Any]


def profile(frame: pl.DataFrame) -> Profile:
    """Profile every column of a canonical table."""
    found = each_column(profile_column, frame.get_columns())
    stats = tuple(column_stats for column_stats, _ in found)
    return Profile(
        tuple(Column(item.name, item.dtype, item.role) for item in stats),
        stats,
        {item.name: item.reason or "" for item in stats},
        {distribution_name(item.name): vars(shown).copy() for item, shown in found},
    )


def profile_column(values: pl.Series) -> tuple[ColumnStats, Histogram | Categories]:
    """The statistics of one column, and how its values are spread."""
    return _profile_texts(values) if values.dtype == pl.String else _profile_ordered(values)


def as_record(stats: ColumnStats) -> dict[str, Any]:
    """As JSON has it; `dataclasses.asdict` takes as long as to find the figures."""
    return {**vars(stats), "top": tuple(vars(value).copy() for value in stats.top)}


def dtype_name(dtype: pl.DataType) -> str:
    """Polars' name for a storage type, without its parameters."""
    return str(dtype.base_type())


def _profile_texts(values: pl.Series) -> tuple[ColumnStats, Categories]:
    present = values.drop_nulls()
    n_unique, texts, counts = count_texts(present, SHOWN_CATEGORIES)
    role, reason = role_of(Figures(values.name, values, len(present), n_unique, distinct=distinct_sample(present)))
    stats = _stats(values, role, reason, n_unique, _top(texts[:_TOP], counts[:_TOP]))
    return stats, categories(texts, counts, len(values), len(present))


def _profile_ordered(values: pl.Series) -> tuple[ColumnStats, Histogram | Categories]:
    """Numbers, booleans and dates. What Polars has an expression for is asked of NumPy: in tables of thousands of
    columns setting up a query takes longer than its answer."""
    present = values.drop_nulls() if values.null_count() else values
    finite = present
    if values.dtype.is_float() and not (is_finite := np.isfinite(present.to_numpy())).all():
        finite = present.filter(pl.Series(is_finite))
    counts = count_values(finite)
    n_unique = len(counts.values)
    if len(finite) < len(present):
        n_unique += present.filter(~present.is_finite()).n_unique()
    least, greatest = (counts.values[0].item(), counts.values[-1].item()) if len(counts.values) else (None, None)
    is_number = values.dtype.is_numeric()
    extremes = (least, greatest) if is_number else (None, None)
    role, reason = role_of(Figures(values.name, values, len(present), n_unique, *extremes))
    shown = spread(counts, values.dtype, role, len(values), DEFAULT_BINS)
    figures: dict[str, Any] = {}
    if is_number:
        figures = {name: counts.quantile(share) for name, share in (("q25", 0.25), ("median", 0.5), ("q75", 0.75))}
        figures |= {"mean": _number(finite.mean()), "std": _number(finite.std()), "skewness": _skewness(finite)}
    if least is not None and values.dtype != pl.Boolean:
        ends = (least, greatest) if is_number else (present.min(), present.max())
        figures |= {"min": plain(ends[0]), "max": plain(ends[1])}
    return _stats(values, role, reason, n_unique, _frequent(counts, n_unique, values.dtype), **figures), shown


def _skewness(finite: pl.Series) -> float | None:
    """The third moment of the values by their deviation (Fisher and Pearson, biased); None where all are equal."""
    if finite.is_empty():
        return None
    numbers = finite.to_numpy().astype(np.float64)
    with np.errstate(all="ignore"):
        apart = numbers - numbers.mean()
        squares = apart * apart
        variance = squares.mean()
        return _number(float((squares * apart).mean() / variance**1.5)) if variance else None


def _frequent(counts: Counts, n_unique: int, dtype: pl.DataType) -> tuple[TopValue, ...]:
    """The frequent values; none when hardly any value occurs twice."""
    if n_unique > _TOP and n_unique > counts.total / 2:
        return ()
    values, frequencies = counts.top(_TOP)
    return _top([as_value(value, dtype) for value in values], frequencies)


def _top(values: list[Any], counts: list[int]) -> tuple[TopValue, ...]:
    if not counts or counts[0] < 2:
        return ()
    return tuple(TopValue(plain(value), count) for value, count in zip(values, counts, strict=True))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _stats(
    values: pl.Series, role: Role, reason: str, n_unique: int, top: tuple[TopValue, ...], **figures: Any
) -> ColumnStats:
    missing = values.null_count()
    return ColumnStats(
        name=values.name,
        dtype=dtype_name(values.dtype),
        role=role,
        count=len(values) - missing,
        missing=missing,
        missing_share=missing / len(values) if len(values) else 0.0,
        n_unique=n_unique,
        top=top,
        reason=reason,
        **figures,
    )
