"""A table as an Excel workbook (XLSX), such that it is read back as it was.

Excel knows numbers, texts, dates after 1900 and yes and no; what goes beyond (whole numbers past 2^53, microseconds,
older dates) is written as text. Custom properties of the document say what each column is, as `stored_types` reads
them.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from flowml.domain.errors import InvalidInput

_LONGEST_PROPERTY = 255
MOST_ROWS = 1_048_575
MOST_COLUMNS = 16_384
_MOST_CELLS = 5_000_000
_MOST_CHARACTERS = 32_767
_LARGEST_EXACT = 2**53
_FIRST_DAY = dt.date(1900, 3, 1)
_ROWS_AT_ONCE = 20_000


class _Exact(float):
    """A number that is written with every digit it has: the writer's own format drops the last one."""

    def __format__(self, specification: str) -> str:
        return repr(float(self))


def check_shape(n_rows: int, n_columns: int) -> None:
    """Raise InvalidInput when a sheet cannot hold so many rows or columns."""
    if n_rows > MOST_ROWS or n_columns > MOST_COLUMNS:
        raise InvalidInput.of_field(
            "format",
            f"A sheet of Excel holds at most {MOST_ROWS:,} rows and {MOST_COLUMNS:,} columns;"
            f" this table has {n_rows:,} and {n_columns:,}.",
            hint="Download it as CSV or Parquet instead.",
        )
    if n_rows * n_columns > _MOST_CELLS:
        raise InvalidInput.of_field(
            "format",
            f"A workbook of {n_rows * n_columns:,} cells opens in hardly any program; FlowML writes at most"
            f" {_MOST_CELLS:,}.",
            hint="Download it as CSV or Parquet instead.",
        )


def write_workbook(table: pl.LazyFrame, path: Path) -> None:
    """Write one sheet called “data” with a line of names. Raises InvalidInput for a table that no sheet can hold."""
    import xlsxwriter

    schema = table.collect_schema()
    n_rows = int(table.select(pl.len()).collect().item())
    check_shape(n_rows, len(schema))
    workbook = xlsxwriter.Workbook(
        str(path), {"constant_memory": True, "tmpdir": str(path.parent), "nan_inf_to_errors": False}
    )
    sheet = workbook.add_worksheet("data")
    formats = {
        pl.Date: workbook.add_format({"num_format": "yyyy-mm-dd"}),
        pl.Datetime: workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
    }
    bold = workbook.add_format({"bold": True})
    for at, name in enumerate(schema.names()):
        sheet.write_string(0, at, name, bold)
    sheet.freeze_panes(1, 0)
    writers = [_writer(sheet, table.select(name), dtype, formats) for name, dtype in schema.items()]
    for first in range(0, n_rows, _ROWS_AT_ONCE):
        chunk = table.slice(first, _ROWS_AT_ONCE).collect()
        for offset, row in enumerate(chunk.iter_rows(), start=first + 1):
            for at, value in enumerate(row):
                if value is not None:
                    writers[at](offset, at, value)
    workbook.set_custom_property("flowml_rows", n_rows, "number_int")
    types = json.dumps({name: str(dtype.base_type()) for name, dtype in schema.items()})
    for number, start in enumerate(range(0, len(types), _LONGEST_PROPERTY), start=1):
        name = "flowml_types" if number == 1 else f"flowml_types_{number}"
        workbook.set_custom_property(name, types[start : start + _LONGEST_PROPERTY], "text")
    workbook.close()


def _writer(
    sheet: Any, column: pl.LazyFrame, dtype: pl.DataType, formats: dict[Any, Any]
) -> Callable[[int, int, Any], Any]:
    """What writes a cell of this column; the whole column goes the same way, so that it can be sorted in Excel."""
    value = pl.first()
    if dtype == pl.Boolean:
        return lambda row, at, cell: sheet.write_boolean(row, at, cell)
    if dtype.is_integer():
        largest = column.select(value.cast(pl.Float64).abs().max()).collect().item()
        if largest is not None and largest >= _LARGEST_EXACT:
            return lambda row, at, cell: sheet.write_string(row, at, str(cell))
        return lambda row, at, cell: sheet.write_number(row, at, cell)
    if dtype.is_float():
        return lambda row, at, cell: sheet.write_number(row, at, _Exact(cell))
    if dtype.is_temporal():
        style = formats[dtype.base_type()]
        first = column.select(value.min()).collect().item()
        exact = dtype == pl.Date or not column.select((value.dt.microsecond() % 1000 != 0).any()).collect().item()
        if exact and first is not None and (first.date() if isinstance(first, dt.datetime) else first) >= _FIRST_DAY:
            return lambda row, at, cell: sheet.write_datetime(row, at, cell, style)
        return lambda row, at, cell: sheet.write_string(row, at, cell.isoformat())
    longest = column.select(value.str.len_chars().max()).collect().item() or 0
    if longest > _MOST_CHARACTERS:
        name = column.collect_schema().names()[0]
        raise InvalidInput.of_field(
            "format",
            f"A cell of Excel holds at most {_MOST_CHARACTERS:,} characters; one of “{name}” has {longest:,}.",
            hint="Download it as CSV or Parquet instead.",
        )
    return lambda row, at, cell: sheet.write_string(row, at, cell)
