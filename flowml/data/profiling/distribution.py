"""How the values of one column are spread."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from flowml.data.previews.order import row_numbers
from flowml.data.profiling.bins import date_edges, number_edges
from flowml.data.profiling.counts import Counts, count_texts, count_values
from flowml.data.profiling.figures import DEFAULT_BINS
from flowml.data.values import plain
from flowml.domain.datasets import Column, Role
from flowml.domain.distributions import Categories, Histogram
from flowml.domain.errors import InvalidInput

SHOWN_CATEGORIES = 20
_MOST_BINS = 500
_HISTOGRAM_ROLES = (Role.NUMERIC, Role.DATETIME, Role.IDENTIFIER)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DATE = dt.date(1970, 1, 1)


def distribution_of_table(request: Mapping[str, Any]) -> dict[str, Any]:
    """Of the column {"name", "dtype", "role"} of the `table` at this path, in `bins`. Raises InvalidInput."""
    asked = request["column"]
    column = Column(asked["name"], asked["dtype"], Role(asked["role"]))
    return asdict(distribution(Path(request["table"]), column, request["bins"]))


def distribution(table: Path, column: Column, bins: int = DEFAULT_BINS) -> Histogram | Categories:
    """Of a column of a canonical Parquet file: a histogram of numbers and dates, the frequent values of anything else.

    The bins are equally wide with round edges; those of dates follow the calendar and may be fewer. Whole numbers and
    days that span less than `bins` get one bin each. Infinite numbers count as missing. Raises InvalidInput.
    """
    if not 1 <= bins <= _MOST_BINS:
        raise InvalidInput.of_field("bins", f"The number of bins must be between 1 and {_MOST_BINS}.")
    values = pl.scan_parquet(table, glob=False).select(pl.col(column.name)).collect().to_series()
    return _of_values(values, column.role, bins)


def distributions_of_rows(request: Mapping[str, Any]) -> dict[str, Any]:
    """Of the rows of the `table` at this path that contain the text `search`: {"distributions": one for each of the
    `columns`, "rows": how many there are}."""
    table = Path(request["table"])
    numbers = row_numbers(table, None, request["search"])
    found = []
    for asked in request["columns"]:
        values = pl.scan_parquet(table, glob=False).select(pl.col(asked["name"])).collect().to_series()
        found.append(asdict(_of_values(values.gather(numbers), Role(asked["role"]), DEFAULT_BINS)))
    return {"distributions": found, "rows": len(numbers)}


def _of_values(values: pl.Series, role: Role, bins: int) -> Histogram | Categories:
    present = values.drop_nulls()
    if values.dtype == pl.String:
        _, texts, counts = count_texts(present, SHOWN_CATEGORIES)
        return categories(texts, counts, len(values), len(present))
    if values.dtype.is_float():
        present = present.filter(present.is_finite())
    return spread(count_values(present), values.dtype, role, len(values), bins)


def spread(counts: Counts, dtype: pl.DataType, role: Role, n_rows: int, bins: int) -> Histogram | Categories:
    """The same of values that are counted already, in a column of `n_rows`."""
    if role in _HISTOGRAM_ROLES and dtype != pl.Boolean:
        return _histogram(counts, dtype, n_rows - counts.total, bins)
    values, frequencies = counts.top(SHOWN_CATEGORIES)
    return categories([as_value(value, dtype) for value in values], frequencies, n_rows, counts.total)


def categories(values: list[Any], counts: list[int], n_rows: int, n_present: int) -> Categories:
    """From the frequent values of a column, which are only those that are shown."""
    return Categories(tuple(map(plain, values)), tuple(counts), n_present - sum(counts), n_rows - n_present)


def as_value(number: Any, dtype: pl.DataType) -> Any:
    """What a number stands for in a column of this type: days and microseconds since 1970, 0 and 1 for false and
    true."""
    if dtype == pl.Boolean:
        return bool(number)
    if dtype == pl.Date:
        return _EPOCH_DATE + dt.timedelta(days=number)
    if dtype.is_temporal():
        return (_EPOCH + dt.timedelta(microseconds=number)).replace(tzinfo=None)
    return number


def _histogram(counts: Counts, dtype: pl.DataType, missing: int, bins: int) -> Histogram:
    if len(counts.values) == 0:
        return Histogram((), (), missing)
    least, greatest = counts.values[0].item(), counts.values[-1].item()
    if dtype.is_temporal():
        edges = date_edges(least, greatest, bins, dtype)
    else:
        edges = number_edges(float(least), float(greatest), bins, whole=dtype.is_integer())
        # Whole numbers beyond 2^53 are rounded as floats: the ends still hold them all.
        edges[0], edges[-1] = min(edges[0], np.float64(least)), max(edges[-1], np.float64(greatest))
    shown = edges.tolist()
    if dtype.is_temporal():
        shown = [_shown(edge, dtype) for edge in shown]
    return Histogram(tuple(shown), tuple(counts.within(edges).tolist()), missing)


def _shown(edge: float, dtype: pl.DataType) -> str:
    """An edge between dates as JSON has it: it comes as a number of days or microseconds."""
    if dtype == pl.Date and edge.is_integer():
        return dt.date.fromordinal(
            min(max(int(edge) + _EPOCH_DATE.toordinal(), 1), dt.date.max.toordinal())
        ).isoformat()
    unit = dt.timedelta(days=1) if dtype == pl.Date else dt.timedelta(microseconds=1)
    try:
        return (_EPOCH + unit * edge).replace(tzinfo=None).isoformat(timespec="seconds")
    except OverflowError:
        # A year that no calendar of ours has: before 1, or after 9999.
        return "0001-01-01T00:00:00" if edge < 0 else "9999-12-31T23:59:59"
