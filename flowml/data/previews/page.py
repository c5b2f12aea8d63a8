"""A page of a stored table, reading no more of it than needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from flowml.data.canonical import ROWS_PER_GROUP
from flowml.data.previews.order import read_order, write_order
from flowml.data.values import plain
from flowml.domain.datasets import Preview
from flowml.domain.errors import InvalidInput
from flowml.domain.names import did_you_mean

_LIMIT = 1000


def check_page(columns: Sequence[str], offset: int, limit: int, sort: str | None) -> None:
    """Raise InvalidInput naming the field for a page that cannot be."""
    if sort is not None and sort not in columns:
        raise InvalidInput.of_field(
            "sort", f"There is no column “{sort}” to sort by.", hint=did_you_mean(sort, columns)
        )
    if offset < 0:
        raise InvalidInput.of_field("offset", "The offset cannot be negative.")
    if not 0 <= limit <= _LIMIT:
        raise InvalidInput.of_field("limit", f"The limit must be between 0 and {_LIMIT:,}.")


def page_as_it_stands(table: Path, n_rows: int, offset: int, limit: int) -> Preview:
    """Rows `offset` to `offset + limit` of a canonical Parquet file."""
    page = pl.scan_parquet(table, glob=False).slice(offset, limit).collect()
    return _preview(page, n_rows, range(offset, offset + page.height))


def page_in_order(request: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a table that is sorted and searched: a task of a child process, and a call for small tables.

    The row numbers are in the file `order`, which is written first where it is not there. Reads every part of the table
    that has a row of the page.
    """
    table, order = Path(request["table"]), Path(request["order"])
    if not order.exists():
        write_order(table, order, request["sort"], request["search"], descending=request["descending"])
    numbers, total = read_order(order, request["offset"], request["limit"])
    return vars(rows_by_number(table, numbers, total)).copy()


def rows_by_number(table: Path, numbers: Sequence[int], total: int) -> Preview:
    """These rows of a table (from 0), in this order, of `total` that there are; reads every part of the table that has
    one of them."""
    wanted = pl.Series("", numbers, dtype=pl.UInt32)
    groups = sorted({number // ROWS_PER_GROUP for number in numbers}) or [0]
    parts = [_rows_of(table, wanted, group * ROWS_PER_GROUP) for group in groups]
    found = wanted.to_frame().join(pl.concat(parts), on="", how="left", maintain_order="left").drop("")
    return _preview(found, total, numbers)


def _rows_of(table: Path, wanted: pl.Series, start: int) -> pl.DataFrame:
    """Those of the wanted rows that are in the row group from `start` on, with their numbers."""
    group = pl.scan_parquet(table, glob=False).slice(start, ROWS_PER_GROUP).with_row_index("", offset=start)
    return group.filter(pl.col("").is_in(wanted.implode())).collect()


def _preview(page: pl.DataFrame, total: int, places: Iterable[int]) -> Preview:
    rows = tuple(tuple(map(plain, row)) for row in page.iter_rows())
    return Preview(tuple(page.columns), rows, total, tuple(place + 1 for place in places))
