"""All there is to know about each column, computed once when a table comes in.

One sort of a numeric column gives its quantiles, extremes, number of distinct values and frequent values; one hash
table does it for texts. Standard deviation is the sample's (n - 1), skewness the biased Fisher-Pearson coefficient,
quantiles interpolate linearly, as NumPy, SciPy and pandas compute them by default.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import polars as pl

from flowml.data.roles import Figures, role_of
from flowml.data.values import plain
from flowml.domain.datasets import Column, ColumnStats, Role, TopValue

_TOP = 10


@dataclass(frozen=True)
class Profile:
    """Columns with roles, their statistics, and by name the reason for each role."""

    columns: tuple[Column, ...]
    stats: tuple[ColumnStats, ...]
    reasons: dict[str, str]


def profile(frame: pl.DataFrame) -> Profile:
    """Profile every column of a canonical table."""
    stats: list[ColumnStats] = []
    reasons: dict[str, str] = {}
    for values in frame.get_columns():
        column_stats, reasons[values.name] = profile_column(values)
        stats.append(column_stats)
    return Profile(tuple(Column(item.name, item.dtype, item.role) for item in stats), tuple(stats), reasons)


def profile_column(values: pl.Series) -> tuple[ColumnStats, str]:
    """The statistics of one column and the reason for its role."""
    if values.dtype == pl.String:
        return _profile_texts(values)
    return _profile_ordered(values)


def dtype_name(dtype: pl.DataType) -> str:
    """Polars' name for a storage type, without its parameters."""
    return str(dtype.base_type())


def _profile_texts(values: pl.Series) -> tuple[ColumnStats, str]:
    counts = values.drop_nulls().alias("value").value_counts(name="count")
    counted = len(values) - values.null_count()
    role, reason = role_of(Figures(values.name, values, counted, counts.height, distinct=counts["value"]))
    # Equal counts are shown in the order of the values, so that the same table always looks the same.
    top = (
        counts.filter(pl.col("count") >= _cut(counts["count"]))
        .sort(["count", "value"], descending=[True, False])
        .head(_TOP)
    )
    return _stats(values, role, counts.height, top=_top(top["value"].to_list(), top["count"].to_list())), reason


def _cut(counts: pl.Series) -> int:
    """The smallest count among the top ones."""
    top = counts.top_k(_TOP)
    least = top.min() if len(top) else 0
    return int(least) if isinstance(least, int) else 0


def _profile_ordered(values: pl.Series) -> tuple[ColumnStats, str]:
    """Numbers, booleans and dates."""
    is_number = values.dtype.is_numeric()
    present = values.drop_nulls()
    finite = present.filter(present.is_finite()) if values.dtype.is_float() else present
    ordered = present.sort()
    runs = ordered.rle_id()
    n_unique = int(runs[-1]) + 1 if len(runs) else 0
    least, greatest = (finite.min(), finite.max()) if is_number else (None, None)
    figures = Figures(values.name, values, len(present), n_unique, _number(least), _number(greatest))
    role, reason = role_of(figures)
    top = _top_of_runs(ordered, runs, n_unique)
    if not is_number:
        extremes = (None, None) if values.dtype == pl.Boolean else (plain(present.min()), plain(present.max()))
        return _stats(values, role, n_unique, least=extremes[0], greatest=extremes[1], top=top), reason
    numbers = finite.sort() if len(finite) < len(present) else ordered
    q25, median, q75 = (_quantile(numbers, share) for share in (0.25, 0.5, 0.75))
    return (
        _stats(
            values,
            role,
            n_unique,
            mean=_number(finite.mean()),
            std=_number(finite.std()),
            least=plain(least),
            q25=q25,
            median=median,
            q75=q75,
            greatest=plain(greatest),
            skewness=_number(finite.skew()),
            top=top,
        ),
        reason,
    )


def _top_of_runs(ordered: pl.Series, runs: pl.Series, n_unique: int) -> tuple[TopValue, ...]:
    """The frequent values of a sorted column; none when hardly any value occurs twice."""
    if n_unique == 0 or n_unique > len(ordered) / 2 and n_unique > _TOP:
        return ()
    starts = runs.search_sorted(pl.Series(range(n_unique), dtype=runs.dtype)) if n_unique <= 1000 else _starts(runs)
    ends = pl.concat([starts[1:].cast(pl.Int64), pl.Series([len(runs)], dtype=pl.Int64)])
    counts = ends - starts.cast(pl.Int64)
    table = pl.DataFrame({"value": ordered.gather(starts), "count": counts})
    top = table.sort("count", descending=True, maintain_order=True).head(_TOP)
    return _top(top["value"].to_list(), top["count"].to_list())


def _starts(runs: pl.Series) -> pl.Series:
    return (runs != runs.shift(1)).fill_null(value=True).arg_true()


def _top(values: list[Any], counts: list[int]) -> tuple[TopValue, ...]:
    if not counts or counts[0] < 2:
        return ()
    return tuple(TopValue(plain(value), count) for value, count in zip(values, counts, strict=True))


def _quantile(ordered: pl.Series, share: float) -> float | None:
    """Of a sorted column, by linear interpolation."""
    if ordered.is_empty():
        return None
    position = share * (len(ordered) - 1)
    below, above = float(ordered[math.floor(position)]), float(ordered[math.ceil(position)])
    return below + (above - below) * (position - math.floor(position))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _stats(
    values: pl.Series,
    role: Role,
    n_unique: int,
    *,
    mean: float | None = None,
    std: float | None = None,
    least: Any = None,
    q25: float | None = None,
    median: float | None = None,
    q75: float | None = None,
    greatest: Any = None,
    skewness: float | None = None,
    top: tuple[TopValue, ...] = (),
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
        mean=mean,
        std=std,
        min=least,
        q25=q25,
        median=median,
        q75=q75,
        max=greatest,
        skewness=skewness,
        top=top,
    )
