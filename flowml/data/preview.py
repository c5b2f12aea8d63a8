"""A page of a stored table, reading no more of it than needed."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from flowml.data.order import ROW_NUMBER_BYTES
from flowml.data.values import plain
from flowml.domain.datasets import Preview
from flowml.domain.errors import InvalidInput

_LIMIT = 1000
# Up to so many rows are fetched one by one.
_FEW = 150


def check_page(columns: Sequence[str], offset: int, limit: int, sort: str | None) -> None:
    """Raise InvalidInput naming the field for a page that cannot be."""
    if sort is not None and sort not in columns:
        raise InvalidInput.of_field("sort", f"There is no column “{sort}” to sort by.")
    if offset < 0:
        raise InvalidInput.of_field("offset", "The offset cannot be negative.")
    if not 0 <= limit <= _LIMIT:
        raise InvalidInput.of_field("limit", f"The limit must be between 0 and {_LIMIT:,}.")


def page_in_order(table: Path, n_rows: int, offset: int, limit: int) -> Preview:
    """Rows `offset` to `offset + limit` of a canonical Parquet file, as they stand."""
    rows = pl.scan_parquet(table, glob=False)
    return _preview(rows.slice(offset, limit).collect(), n_rows)


def page_of_numbers(table: Path, rows_file: Path | None, order: Path, offset: int, limit: int) -> Preview:
    """The same of the rows in a file of row numbers (`order.order_table`). `rows_file` is the table in the form of
    `order.store_rows` where there is one: without it the whole table is looked through."""
    total = order.stat().st_size // ROW_NUMBER_BYTES
    with order.open("rb") as file:
        file.seek(min(offset, total) * ROW_NUMBER_BYTES)
        numbers = array("I", file.read(limit * ROW_NUMBER_BYTES))
    if rows_file is not None and len(numbers) <= _FEW:
        stored = pl.scan_ipc(rows_file)
        parts = pl.collect_all([stored.slice(number, 1) for number in numbers] or [stored.head(0)])
        return _preview(pl.concat(parts), total)
    rows = pl.scan_parquet(table, glob=False) if rows_file is None else pl.scan_ipc(rows_file)
    wanted = pl.Series("", numbers, dtype=pl.UInt32)
    fetched = rows.with_row_index("").filter(pl.col("").is_in(wanted.implode())).collect(engine="streaming")
    page = wanted.to_frame().join(fetched, on="", how="left", maintain_order="left").drop("")
    return _preview(page, total)


def _preview(page: pl.DataFrame, total: int) -> Preview:
    return Preview(tuple(page.columns), tuple(tuple(map(plain, row)) for row in page.iter_rows()), total)
