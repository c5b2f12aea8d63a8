"""The few types that a table is stored in: Int64, Float64, Boolean, String, Date, Datetime in microseconds."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from flowml.data.format import Limits
from flowml.data.names import unique_names
from flowml.data.nested.records import as_json
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark, loss, note

# Small enough that a page of the preview decodes little, big enough to compress.
ROWS_PER_GROUP = 65_536
_MOST_NESTING = 20
_LAST_YEAR = 9999


def canonical(frame: pl.DataFrame, limits: Limits) -> tuple[pl.DataFrame, list[Remark]]:
    """The same table in simple types and with usable names; returns what could not be kept as it was.

    Records become columns with dotted names; lists become JSON texts; NaN, infinite numbers and times beyond the year
    9999 become missing. Raises UnreadableFile when the records have too many fields or are nested too deeply.
    """
    frame = _flatten(frame, limits)
    names, remarks = unique_names(frame.columns)
    columns: list[pl.Series] = []
    for column, name in zip(frame.get_columns(), names, strict=True):
        simple, remark = _simplify(column.alias(name))
        columns.append(simple)
        if remark:
            remarks.append(remark)
    simple_frame, infinite = without_infinity(pl.DataFrame(columns))
    return simple_frame, remarks + infinite


def without_infinity(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[Remark]]:
    """Infinite numbers made missing, as every figure and every model takes them; says how many there were."""
    remarks: list[Remark] = []
    columns: list[pl.Series] = []
    floats = pl.col(pl.Float64)
    # Asked of all columns in one query, for there may be thousands.
    counted = frame.select(floats.is_infinite().sum())
    infinite = {name: count for name, (count,) in counted.to_dict(as_series=False).items() if count}
    for column in frame.get_columns():
        if count := infinite.get(column.name):
            column = column.set(column.is_infinite(), None)
            values, counts = ("value", "counts") if count == 1 else ("values", "count")
            said = f"{count:,} infinite {values} in “{column.name}” {counts} as missing."
            remarks.append(loss("infinite_values", said))
        columns.append(column)
    return pl.DataFrame(columns), remarks


def write_canonical(frame: pl.DataFrame, path: Path) -> None:
    """Store a canonical table as Parquet."""
    frame.write_parquet(path, compression="snappy", row_group_size=ROWS_PER_GROUP, statistics=True)


def _flatten(frame: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    for _ in range(_MOST_NESTING):
        if not any(isinstance(dtype, pl.Struct) for dtype in frame.dtypes):
            return frame
        columns: list[pl.Series] = []
        for column in frame.get_columns():
            if isinstance(column.dtype, pl.Struct):
                fields = column.struct.unnest().get_columns()
                columns += [
                    field.alias(f"{column.name}.{field.name}" if column.name else field.name) for field in fields
                ]
            else:
                columns.append(column)
        limits.check(0, len(columns))
        names, _ = unique_names([column.name for column in columns])
        frame = pl.DataFrame([column.alias(name) for column, name in zip(columns, names, strict=True)])
    raise UnreadableFile(f"The records are nested more than {_MOST_NESTING} levels deep.", hint="Flatten them first.")


def _simplify(column: pl.Series) -> tuple[pl.Series, Remark | None]:
    dtype = column.dtype
    if dtype in (pl.Int64, pl.Boolean, pl.String):
        return column, None
    if dtype == pl.Date:
        return _within_years(column, None)
    if dtype.is_integer():
        return _whole_numbers(column)
    if dtype.is_float() or dtype.is_decimal():
        return _decimals(column.cast(pl.Float64))
    if isinstance(dtype, pl.Datetime):
        return _moments(column, dtype)
    if dtype == pl.Duration:
        said = f"“{column.name}” holds durations; they were turned into seconds."
        return column.dt.total_microseconds() / 1e6, note("durations_as_seconds", said)
    if dtype == pl.Time:
        return column.dt.to_string("%H:%M:%S%.f"), None
    if dtype == pl.Binary:
        return _bytes(column)
    if dtype.is_nested():
        said = f"“{column.name}” holds lists; they were turned into text (JSON)."
        return _json(column), note("lists_as_text", said)
    if dtype == pl.Null or isinstance(dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String), None
    texts = pl.Series(column.name, [None if value is None else str(value) for value in column], dtype=pl.String)
    said = f"“{column.name}” holds values of an unusual kind; they were turned into text."
    return texts, note("values_as_text", said)


def _whole_numbers(column: pl.Series) -> tuple[pl.Series, Remark | None]:
    numbers = column.cast(pl.Int64, strict=False)
    if numbers.null_count() == column.null_count():
        return numbers, None
    # Beyond 64 bits a number is an identifier more often than a quantity: every digit is kept.
    said = f"“{column.name}” holds whole numbers beyond 64 bits; they were turned into text."
    return column.cast(pl.String), note("values_as_text", said)


def _moments(column: pl.Series, dtype: pl.Datetime) -> tuple[pl.Series, Remark | None]:
    remark = None
    if dtype.time_zone is not None:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        if dtype.time_zone not in ("UTC", "Etc/UTC"):
            said = f"In “{column.name}”, times were converted from {dtype.time_zone} to UTC."
            remark = note("times_to_utc", said)
    return _within_years(column.dt.cast_time_unit("us"), remark)


def _within_years(column: pl.Series, remark: Remark | None) -> tuple[pl.Series, Remark | None]:
    """Without the times that neither ISO 8601 nor Python has: before the year 1, after the year 9999."""
    years = column.dt.year()
    beyond = ((years < 1) | (years > _LAST_YEAR)).fill_null(value=False)
    count = int(beyond.sum())
    if not count:
        return column, remark
    times = "1 time" if count == 1 else f"{count:,} times"
    said = f"{times} in “{column.name}” before the year 1 or after the year {_LAST_YEAR} {_count(count)} as missing."
    lost = loss("impossible_years", said)
    return column.set(beyond, None), remark.followed_by(lost) if remark else lost


def _count(number: int) -> str:
    return "counts" if number == 1 else "count"


def _decimals(column: pl.Series) -> tuple[pl.Series, Remark | None]:
    count = int(np.isnan(column.to_numpy()).sum()) - column.null_count()
    if not count:
        return column, None
    values = "1 NaN (“not a number”)" if count == 1 else f"{count:,} NaN (“not a number”)"
    return column.fill_nan(None), note("read_as_missing", f"{values} in “{column.name}” {_count(count)} as missing.")


def _bytes(column: pl.Series) -> tuple[pl.Series, Remark | None]:
    with contextlib.suppress(pl.exceptions.PolarsError):
        return column.cast(pl.String), None
    said = f"“{column.name}” holds binary values; they were turned into text (Base64)."
    return column.bin.encode("base64"), note("values_as_text", said)


def _json(column: pl.Series) -> pl.Series:
    """A nested column as JSON texts: encoded as the only field of a record, whose braces are cut off again."""
    if _holds_bytes(column.dtype):
        # Polars has no form for these and ends in a panic.
        return _by_python(column)
    try:
        record = pl.DataFrame({"v": column}).select(pl.struct("v").struct.json_encode()).to_series()
    except pl.exceptions.PolarsError:
        # Maps with keys that are no texts have no form in JSON of their own.
        return _by_python(column)
    encoded = record.str.slice(5, record.str.len_chars() - 6)
    return encoded.set(column.is_null(), None).alias(column.name)


def _holds_bytes(dtype: Any) -> bool:
    """Whether binary values are anywhere inside of a nested type."""
    if isinstance(dtype, pl.List | pl.Array):
        return _holds_bytes(dtype.inner)
    if isinstance(dtype, pl.Struct):
        return any(_holds_bytes(field.dtype) for field in dtype.fields)
    return dtype in (pl.Binary, pl.Object)


def _by_python(column: pl.Series) -> pl.Series:
    texts = [None if value is None else as_json(value) for value in column.to_list()]
    return pl.Series(column.name, texts, dtype=pl.String)
