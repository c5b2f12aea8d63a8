"""A large typed table, read in batches of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from flowml.data.format import Pieces, Reading

if TYPE_CHECKING:
    import polars as pl

_LARGE_ROWS = 60_000
_CELLS_AT_ONCE = 2_000_000
_FEWEST_ROWS = 500


def rows_at_once(n_columns: int) -> int:
    """How many rows of so many columns are a piece."""
    return max(_FEWEST_ROWS, min(_LARGE_ROWS // 2, _CELLS_AT_ONCE // max(1, n_columns)))


def pieces_of(table: pl.LazyFrame, format: str, damaged: Callable[[Exception], Exception]) -> Pieces | None:
    """The pieces of a table; None of one that is small. `damaged`: what is raised for an error of Polars."""
    import polars as pl

    schema = table.collect_schema()
    n_rows = int(table.select(pl.len()).collect().item())
    at_once = rows_at_once(len(schema))
    if n_rows < min(_LARGE_ROWS, 2 * at_once):
        return None
    return Pieces(_readings(table, at_once, format, damaged), n_rows, typed=True)


def _readings(
    table: pl.LazyFrame, at_once: int, format: str, damaged: Callable[[Exception], Exception]
) -> Iterator[Callable[[], Reading]]:
    import polars as pl

    first = 0
    try:
        for frame in table.collect_batches(chunk_size=at_once, maintain_order=True):
            for start in range(0, frame.height, at_once):
                part = frame.slice(start, at_once)
                yield partial(_reading, part, format, first + start)
            first += frame.height
    except pl.exceptions.PolarsError as error:
        raise damaged(error) from error


def _reading(frame: pl.DataFrame, format: str, first: int) -> Reading:
    return Reading(frame, format, typed=True, row_of=lambda row: first + row + 1)
