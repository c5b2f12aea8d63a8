"""A whole column read by a notation: each value as `cells` reads it alone, what is written plainly by a library."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from flowml.data.conversion.cells import cell_reader
from flowml.data.conversion.missing import MISSING
from flowml.data.conversion.notation import Kind, Notation

_PLAIN_NUMBER = {
    ".": r"^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?$",
    ",": r"^[-+]?(?:\d+,?\d*|,\d+)(?:[eE][-+]?\d{1,3})?$",
}
_PLAIN_MOMENT = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?$"
_DTYPES: dict[Kind, Any] = {
    "number": pl.Float64(),
    "date": pl.Datetime("us"),
    "boolean": pl.Boolean(),
    "text": pl.String(),
}
_WHOLE = range(-(2**63), 2**63)


def read_column(texts: pl.Series, kind: Kind, notation: Notation) -> tuple[pl.Series, pl.Series]:
    """The column in its type, and which of its values are none of that kind, or infinite: these are missing in it."""
    plain = _plain(texts, kind, notation)
    rest = texts.filter(plain.is_null() & texts.is_not_null()).unique()
    read = cell_reader(kind, notation)
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for text in rest.to_list():
        try:
            value = read(text)
        except (ValueError, OverflowError):
            wrong.append(text)
            continue
        if isinstance(value, float) and math.isinf(value):
            wrong.append(text)
        elif value is not None:
            values[text] = value
    is_wrong = texts.is_in(wrong) if wrong else pl.repeat(value=False, n=len(texts), dtype=pl.Boolean, eager=True)
    return _together(texts, plain, values, kind), is_wrong.fill_null(value=False)


def _plain(texts: pl.Series, kind: Kind, notation: Notation) -> pl.Series:
    """What programs write, read by a library; null where a value needs a closer look."""
    nothing: pl.Series = pl.Series(texts.name, [None] * len(texts), dtype=_DTYPES[kind])
    if kind == "text":
        if notation.literal:
            return texts
        stripped = texts.str.strip_chars()
        absent = MISSING if notation.missing is None else ("", *notation.missing)
        special = stripped.is_in(absent) | (stripped.str.starts_with('="') if notation.formulas else False)
        return stripped.set(special.fill_null(value=True), None)
    if notation.missing:
        # Any value may be a spelling of missing.
        return nothing
    if kind == "number":
        sign = notation.decimal or ("," if notation.thousands == "." else ".")
        digits = texts.set(~texts.str.contains(_PLAIN_NUMBER[sign]).fill_null(value=False), None)
        if sign == ",":
            digits = digits.str.replace(",", ".", literal=True)
        whole = digits.cast(pl.Int64, strict=False)
        if whole.null_count() == digits.null_count():
            return whole
        numbers = digits.cast(pl.Float64, strict=False)
        return numbers.set(numbers.is_infinite().fill_null(value=False), None)
    if kind == "date":
        moments = texts.set(~texts.str.contains(_PLAIN_MOMENT).fill_null(value=False), None)
        return moments.str.replace("T", " ").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    return nothing


def _together(texts: pl.Series, plain: pl.Series, values: dict[str, Any], kind: Kind) -> pl.Series:
    dtype = _DTYPES[kind]
    if kind == "number" and plain.dtype == pl.Int64 and all(_is_whole(value) for value in values.values()):
        dtype = pl.Int64()
    if values:
        new = [float(value) for value in values.values()] if dtype == pl.Float64 else list(values.values())
        old = pl.Series("old", list(values), dtype=pl.String)
        others = texts.replace_strict(old, pl.Series("new", new, dtype=dtype), default=None, return_dtype=dtype)
        plain = plain.cast(dtype).zip_with(plain.is_not_null(), others)
    series = plain.cast(dtype).alias(texts.name)
    if kind != "date":
        return series
    days = series.dt.date()
    return days if (days.cast(dtype) == series).all() else series


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and value in _WHOLE
