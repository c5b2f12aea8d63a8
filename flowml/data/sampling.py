"""Some rows of a stored table, spread evenly over it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import polars as pl


def height_of(table: Path) -> int:
    """How many rows a Parquet file has, without reading them."""
    return int(pl.scan_parquet(table, glob=False).select(pl.len()).collect().item())


def read_spread(table: Path, names: Sequence[str], most_rows: int) -> tuple[pl.DataFrame, str | None]:
    """These columns over at most `most_rows` rows, and a sentence that says so where some were left out.

    Column by column, so that no more than one is in memory as a whole.
    """
    n_rows = height_of(table)
    step = max(1, math.ceil(n_rows / most_rows))
    columns = []
    for name in names:
        values = pl.scan_parquet(table, glob=False).select(pl.col(name)).collect().to_series()
        columns.append(values if step == 1 else values.gather_every(step))
    note = None
    if step > 1:
        note = f"Computed from a sample of {math.ceil(n_rows / step):,} of {n_rows:,} rows."
    return pl.DataFrame(columns), note
