"""How the values of one column are spread."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flowml.data.values import plain
from flowml.domain.datasets import Categories, Column, Histogram, Role
from flowml.domain.errors import InvalidInput

_SHOWN_CATEGORIES = 20
_MOST_BINS = 500
_HISTOGRAM_ROLES = (Role.NUMERIC, Role.DATETIME, Role.IDENTIFIER)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def distribution(table: Path, column: Column, bins: int = 20) -> Histogram | Categories:
    """Of a column of a canonical Parquet file: a histogram of numbers and dates, the frequent values of anything else.

    `bins` are equally wide; whole numbers and days that span less than that get one bin each. Infinite numbers count
    as missing. Raises InvalidInput.
    """
    if not 1 <= bins <= _MOST_BINS:
        raise InvalidInput.of_field("bins", f"The number of bins must be between 1 and {_MOST_BINS}.")
    values = pl.scan_parquet(table, glob=False).select(pl.col(column.name)).collect().to_series()
    if column.role in _HISTOGRAM_ROLES and (values.dtype.is_numeric() or values.dtype.is_temporal()):
        return _histogram(values, bins)
    return _categories(values)


def _histogram(values: pl.Series, bins: int) -> Histogram:
    numbers = values.drop_nulls().to_physical().cast(pl.Float64).to_numpy()
    finite = numbers[np.isfinite(numbers)]
    missing = len(values) - len(finite)
    if len(finite) == 0:
        return Histogram((), (), missing)
    edges = _edges(float(finite.min()), float(finite.max()), bins, values.dtype)
    counts, _ = np.histogram(finite, bins=edges)
    return Histogram(tuple(_shown(edge, values.dtype) for edge in edges.tolist()), tuple(counts.tolist()), missing)


def _edges(least: float, greatest: float, bins: int, dtype: pl.DataType) -> NDArray[np.float64]:
    if dtype.is_integer() and greatest - least < bins:
        return np.arange(least - 0.5, greatest + 1.0)
    if dtype == pl.Date and greatest - least < bins:
        return np.arange(least, greatest + 2.0)
    if least == greatest:
        around = max(0.5, abs(least) * 1e-6)
        return np.linspace(least - around, greatest + around, bins + 1)
    # As a mean of both ends, because the width of the widest range is no float. Bins narrower than floats can tell
    # apart fall together.
    share = np.linspace(0.0, 1.0, bins + 1)
    return np.unique(np.clip(least * (1 - share) + greatest * share, least, greatest))


def _shown(edge: float, dtype: pl.DataType) -> Any:
    """An edge as JSON has it: dates come as a number of days or microseconds."""
    if dtype == pl.Date and edge.is_integer():
        return (_EPOCH + dt.timedelta(days=edge)).date().isoformat()
    if dtype.is_temporal():
        unit = dt.timedelta(days=1) if dtype == pl.Date else dt.timedelta(microseconds=1)
        return (_EPOCH + unit * edge).replace(tzinfo=None).isoformat(timespec="seconds")
    return edge


def _categories(values: pl.Series) -> Categories:
    counted = values.drop_nulls().alias("value").value_counts(name="count")
    # Equal counts come in the order of the values, so that the same table always looks the same.
    counts = counted.sort(["count", "value"], descending=[True, False])
    shown = counts.head(_SHOWN_CATEGORIES)
    return Categories(
        tuple(map(plain, shown["value"].to_list())),
        tuple(shown["count"].to_list()),
        len(values) - values.null_count() - sum(shown["count"].to_list()),
        values.null_count(),
    )
