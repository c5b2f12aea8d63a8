"""Which rows of a table come in which order, for pages of a sorted or searched table.

The answer is a file of row numbers (little-endian uint32, one for each row that is shown), so that it is found once and
any page of it is read in no time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

ROW_NUMBER_BYTES = 4
# What a number, a date, or yes and no can consist of when it is written out: other texts need not be looked for there.
_IN_NUMBERS = frozenset("0123456789+-.einf")
_IN_DATES = frozenset("0123456789-: .")
_IN_BOOLEANS = frozenset("truefals")


def order_table(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write the order of the rows of the canonical Parquet file `table` to `target`: those that contain `search` (or
    all), by the column `sort` (or as they stand), `descending` or not. The task of a child process."""
    numbers = row_numbers(Path(request["table"]), request["sort"], request["search"], descending=request["descending"])
    Path(request["target"]).write_bytes(numbers.to_numpy().astype("<u4").tobytes())
    return {"total": len(numbers)}


def row_numbers(table: Path, sort: str | None, search: str | None, *, descending: bool = False) -> pl.Series:
    """UInt32 row numbers, from 0. Missing values come last, equal ones in the order of the table."""
    rows = pl.scan_parquet(table, glob=False)
    found = _containing(rows, search) if search else None
    if sort is None:
        everything = pl.int_range(pl.len(), dtype=pl.UInt32, eager=False)
        return found if found is not None else rows.select(everything).collect().to_series()
    keys = rows.select(pl.col(sort)).collect().to_series()
    if found is not None:
        keys = keys.gather(found)
    order = keys.arg_sort(descending=descending, nulls_last=True)
    if descending or keys.dtype == pl.Boolean or keys.n_unique() < len(keys):
        # The quick sort leaves equal rows in any order.
        numbered = pl.DataFrame({"key": keys, "row": pl.int_range(len(keys), dtype=pl.UInt32, eager=True)})
        order = numbered.sort("key", descending=descending, nulls_last=True, maintain_order=True)["row"]
    return order if found is None else found.gather(order)


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


def store_rows(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write the canonical Parquet file `table` to `target` in a form from which single rows are read quickly (Arrow in
    small batches, not compressed). The task of a child process."""
    pl.scan_parquet(request["table"], glob=False).sink_ipc(
        request["target"], compression="uncompressed", record_batch_size=4096
    )
    return {}
