"""The columns of a table, several at a time: Polars and NumPy work without holding Python's lock."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import polars as pl

from flowml.machine.facts import usable_cores

Result = TypeVar("Result")

# Each thread may hold a copy of its column: more of them would take more memory than they save time.
_MOST_THREADS = 4
_ROWS_WORTH_THREADS = 20_000


def each_column(work: Callable[[pl.Series], Result], columns: Sequence[pl.Series]) -> list[Result]:
    """The results of a function for each column, in their order."""
    n_rows = len(columns[0]) if columns else 0
    threads = min(_MOST_THREADS, usable_cores()) if n_rows >= _ROWS_WORTH_THREADS else 1
    if threads == 1:
        return [work(column) for column in columns]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, columns))
