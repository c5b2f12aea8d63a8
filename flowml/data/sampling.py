"""Some rows of a stored table, spread evenly over it or drawn at random."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import polars as pl

_CELLS_AT_ONCE = 20_000_000


def height_of(table: Path) -> int:
    """How many rows a Parquet file has, without reading them."""
    return int(pl.scan_parquet(table, glob=False).select(pl.len()).collect().item())


def fits(n_rows: int, n_columns: int) -> bool:
    """Whether so much of a table may be in memory at once."""
    return n_rows * n_columns <= _CELLS_AT_ONCE


def read_spread(table: Path, names: Sequence[str], most_rows: int) -> tuple[pl.DataFrame, str | None]:
    """These columns over at most `most_rows` rows, and a sentence that says so where some were left out.

    Of a large table no more than one column is in memory as a whole.
    """
    n_rows = height_of(table)
    step = max(1, math.ceil(n_rows / most_rows))
    rows = pl.scan_parquet(table, glob=False)
    if fits(n_rows, len(names)):
        frame = rows.select(names).collect()
    else:
        frame = pl.DataFrame([rows.select(name).collect().to_series().gather_every(step) for name in names])
    if step == 1:
        return frame, None
    sampled = math.ceil(n_rows / step)
    frame = frame if frame.height == sampled else frame.gather_every(step)
    return frame, f"Computed from a sample of {sampled:,} of {n_rows:,} rows."


def read_drawn(table: Path, names: Sequence[str], most_rows: int, seed: int) -> pl.DataFrame:
    """These columns of at most `most_rows` rows, drawn at random, in their order: what comes again every so many rows
    is in them as often as in the table. Of a large table no more than one column is in memory as a whole."""
    n_rows = height_of(table)
    rows = pl.scan_parquet(table, glob=False)
    if n_rows <= most_rows:
        return rows.select(names).collect()
    drawn = pl.int_range(n_rows, eager=True).sample(most_rows, seed=seed).sort()
    if fits(n_rows, len(names)):
        return rows.select(names).collect()[drawn]
    return pl.DataFrame([rows.select(name).collect().to_series().gather(drawn) for name in names])
