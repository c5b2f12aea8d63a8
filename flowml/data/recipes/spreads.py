"""How a column's values are spread before and after a change, so that both can be laid side by side."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from flowml.data.profiling.bins import number_edges
from flowml.data.profiling.counts import count_values
from flowml.data.profiling.figures import DEFAULT_BINS
from flowml.data.profiling.profile import profile_column
from flowml.domain.distributions import Categories, Histogram

Spread = Histogram | Categories
# A column that keeps less of its range than this share is drawn on a scale of its own: nothing of it could be seen.
_LEAST_SHARE = 1 / 4


def spreads(before: pl.Series | None, after: pl.Series | None) -> tuple[Spread | None, Spread | None]:
    """Of a column that is there before, after, or both; numbers have the same bins where their ranges are alike."""
    had, has = (None if values is None else profile_column(values)[1] for values in (before, after))
    if not (isinstance(had, Histogram) and isinstance(has, Histogram) and had.edges and has.edges):
        return had, has
    assert before is not None and after is not None
    if not (before.dtype.is_numeric() and after.dtype.is_numeric()):
        return had, has
    counted = [count_values(_finite(values)) for values in (before, after)]
    ends = [(float(counts.values[0]), float(counts.values[-1])) for counts in counted]
    least, greatest = min(low for low, _ in ends), max(high for _, high in ends)
    if any(high - low < _LEAST_SHARE * (greatest - least) for low, high in ends):
        return had, has
    whole = before.dtype.is_integer() and after.dtype.is_integer()
    edges = number_edges(least, greatest, DEFAULT_BINS, whole=whole)
    edges[0], edges[-1] = min(edges[0], least), max(edges[-1], greatest)
    shown = tuple(edges.tolist())
    together = (
        replace(found, edges=shown, counts=tuple(counts.within(edges).tolist()))
        for found, counts in zip((had, has), counted, strict=True)
    )
    return next(together), next(together)


def _finite(values: pl.Series) -> pl.Series:
    present = values.drop_nulls()
    return present.filter(present.is_finite()) if present.dtype.is_float() else present
