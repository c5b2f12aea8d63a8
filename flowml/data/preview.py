"""A page of a stored table, sorted and searched, reading no more of it than needed."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from flowml.data.values import plain
from flowml.domain.datasets import Preview
from flowml.domain.errors import InvalidInput

_LIMIT = 1000


def preview(
    table: Path,
    *,
    offset: int = 0,
    limit: int = 50,
    sort: str | None = None,
    descending: bool = False,
    search: str | None = None,
) -> Preview:
    """Rows `offset` to `offset + limit` (at most 1,000) of a canonical Parquet file.

    `sort` orders by a column, missing values last, equal ones in the table's order; `search` keeps the rows with a
    value that contains the text, whatever its case. Raises InvalidInput naming the field.
    """
    rows = pl.scan_parquet(table, glob=False)
    columns = rows.collect_schema().names()
    if sort is not None and sort not in columns:
        raise InvalidInput.of_field("sort", f"There is no column “{sort}” to sort by.")
    if offset < 0:
        raise InvalidInput.of_field("offset", "The offset cannot be negative.")
    if not 0 <= limit <= _LIMIT:
        raise InvalidInput.of_field("limit", f"The limit must be between 0 and {_LIMIT:,}.")
    if search:
        needle = search.lower()
        rows = rows.filter(
            pl.any_horizontal(pl.all().cast(pl.String).str.to_lowercase().str.contains(needle, literal=True))
        )
    if sort is None and not search:
        total = int(rows.select(pl.len()).collect().item())
        page = rows.slice(offset, limit).collect()
    elif sort is None:
        found = rows.collect()
        total, page = found.height, found.slice(offset, limit)
    else:
        # Sort only the one column, then fetch the rows of the page.
        order = rows.select(pl.col(sort)) if not search else rows
        keyed = order.with_row_index("", offset=0).collect()
        total = keyed.height
        wanted = keyed.sort(sort, descending=descending, nulls_last=True, maintain_order=True).slice(offset, limit)
        if search:
            page = wanted.drop("")
        else:
            places = wanted[""]
            fetched = rows.with_row_index("").filter(pl.col("").is_in(places.implode())).collect()
            page = places.to_frame().join(fetched, on="", how="left", maintain_order="left").drop("")
    return Preview(tuple(columns), tuple(tuple(map(plain, row)) for row in page.iter_rows()), total)
