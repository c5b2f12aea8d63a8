"""Which rows of a table come in which order, for pages of a sorted or searched table.

The answer is a file of row numbers (little-endian uint32, one for each row that is shown), so that it is found once and
any page of it is read in no time.
"""

from __future__ import annotations

import re
from array import array
from pathlib import Path

import polars as pl

ROW_NUMBER_BYTES = 4
# What a number, a date, or yes and no can consist of when it is written out: other texts need not be looked for there.
_IN_NUMBERS = frozenset("0123456789+-.einf")
_IN_DATES = frozenset("0123456789-: .")
_IN_BOOLEANS = frozenset("truefals")


def write_order(table: Path, target: Path, sort: str | None, search: str | None, *, descending: bool = False) -> None:
    """Write the order of the rows of a canonical Parquet file: those that contain `search` (or all), by the column
    `sort` (or as they stand)."""
    numbers = row_numbers(table, sort, search, descending=descending)
    target.write_bytes(numbers.to_numpy().astype("<u4").tobytes())


def read_order(order: Path, offset: int, limit: int) -> tuple[array[int], int]:
    """Some of the row numbers in such a file, and how many there are in all."""
    total = order.stat().st_size // ROW_NUMBER_BYTES
    with order.open("rb") as file:
        file.seek(min(offset, total) * ROW_NUMBER_BYTES)
        return array("I", file.read(limit * ROW_NUMBER_BYTES)), total


def row_numbers(table: Path, sort: str | None, search: str | None, *, descending: bool = False) -> pl.Series:
    """UInt32 row numbers, from 0. Missing values come last, equal ones in the order of the table."""
    rows = pl.scan_parquet(table, glob=False)
    found = _containing(rows, search) if search else None
    if sort is None:
        everything = pl.int_range(pl.len(), dtype=pl.UInt32, eager=False)
        return found if found is not None else rows.select(everything).collect().to_series()
    keys = _sortable(rows.select(pl.col(sort)).collect().to_series())
    numbers = pl.int_range(len(keys), dtype=pl.UInt32, eager=True)
    numbered = pl.DataFrame({"key": keys, "row": numbers})
    if found is not None:
        numbered = numbered[found]
    return numbered.sort("key", descending=descending, nulls_last=True, maintain_order=True)["row"]


def _sortable(keys: pl.Series) -> pl.Series:
    """Numbers in the order of the values: where many are equal, texts are sorted several times as fast by them."""
    if keys.dtype != pl.String or keys.n_unique() > len(keys) / 4:
        return keys
    return keys.cast(pl.Enum(keys.drop_nulls().unique().sort())).to_physical()


def _containing(rows: pl.LazyFrame, search: str) -> pl.Series:
    """The rows with a value that contains the text, whatever its case: column by column, so that little is held."""
    pattern = f"(?i){re.escape(search)}"
    letters = frozenset(search.lower())
    hits: pl.Series | None = None
    for name, dtype in rows.collect_schema().items():
        value = pl.col(name)
        if dtype != pl.String:
            possible = _IN_DATES if dtype.is_temporal() else _IN_BOOLEANS if dtype == pl.Boolean else _IN_NUMBERS
            if not letters <= possible:
                continue
            value = value.cast(pl.String)
        found = rows.select(value.str.contains(pattern).fill_null(value=False)).collect().to_series()
        hits = found if hits is None else hits | found
    return hits.arg_true() if hits is not None else pl.Series([], dtype=pl.UInt32)
