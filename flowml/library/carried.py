"""Tables and columns of Polars on their way from a process whose Polars has no threads (see `forked`).

Polars writes and compresses its own tables with its threads; taking the values out of a column needs none.
"""

import sys
from dataclasses import dataclass
from typing import Any

from flowml.domain.errors import InvalidInput


@dataclass(frozen=True)
class _Column:
    name: str
    dtype: Any
    values: Any


@dataclass(frozen=True)
class _Carried:
    columns: tuple[_Column, ...]
    is_table: bool


def carried(data: Any) -> Any:
    """A table or column of Polars as its values, for `restored`; all else as it is. Raises InvalidInput for a lazy
    one."""
    polars = sys.modules.get("polars")
    if polars is None:
        return data
    if isinstance(data, polars.LazyFrame):
        raise InvalidInput(
            "X is a lazy table, which cannot be collected in a process that was forked.", hint="Collect it before."
        )
    if isinstance(data, polars.DataFrame):
        return _Carried(tuple(map(_column, data.get_columns())), is_table=True)
    return _Carried((_column(data),), is_table=False) if isinstance(data, polars.Series) else data


def restored(data: Any) -> Any:
    """What `carried` was given."""
    if not isinstance(data, _Carried):
        return data
    import polars as pl

    columns = [pl.Series(column.name, column.values, dtype=column.dtype) for column in data.columns]
    return pl.DataFrame(columns) if data.is_table else columns[0]


def _column(series: Any) -> _Column:
    plain = series.dtype.is_numeric() and not series.dtype.is_decimal() and not series.null_count()
    # NumPy has no whole numbers of 128 bits.
    wide = plain and str(series.dtype).endswith("128")
    return _Column(series.name, series.dtype, series.to_numpy() if plain and not wide else series.to_list())
