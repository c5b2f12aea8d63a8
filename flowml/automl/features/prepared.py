"""A table made ready for encoding, once: numbers as arrays, texts as codes into their distinct values.

Everything after it works on integers and floats, so that folds, views and trials share the expensive part.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl

from flowml.domain.datasets import Role

_EPOCH = datetime(1970, 1, 1)
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Numbers:
    """A column of numbers: float64, missing as NaN."""

    values: np.ndarray

    def take(self, rows: np.ndarray) -> "Numbers":
        return Numbers(self.values[rows])


@dataclass(frozen=True)
class Labels:
    """A column of texts: `codes` (int32, -1 for missing) into `levels`, the distinct values."""

    codes: np.ndarray
    levels: tuple[str, ...]

    def take(self, rows: np.ndarray) -> "Labels":
        return Labels(self.codes[rows], self.levels)


PreparedColumn = Numbers | Labels


@dataclass(frozen=True)
class Prepared:
    """All columns of a table, by name."""

    columns: Mapping[str, PreparedColumn]
    n_rows: int

    def take(self, rows: np.ndarray) -> "Prepared":
        """The given rows."""
        return Prepared({name: column.take(rows) for name, column in self.columns.items()}, len(rows))


def prepare(frame: pl.DataFrame, roles: Mapping[str, Role]) -> Prepared:
    """The columns named in `roles`; one that the frame lacks is missing in every row."""
    columns: dict[str, PreparedColumn] = {}
    for name, role in roles.items():
        if name not in frame.columns:
            columns[name] = _all_missing(role, frame.height)
        elif is_labels(role):
            columns[name] = _labels(frame[name])
        elif role is Role.DATETIME:
            columns[name] = _days(frame[name])
        else:
            columns[name] = _numbers(frame[name])
    return Prepared(columns, frame.height)


def is_labels(role: Role) -> bool:
    """Whether columns of this role are texts rather than numbers."""
    return role in (Role.CATEGORICAL, Role.TEXT, Role.IDENTIFIER, Role.CONSTANT)


def label_of(value: Any) -> str | None:
    """One value as a label; None for a missing one. The same as `labels_of` for a whole column."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def number_of(value: Any) -> float:
    """One value as a number; NaN for a missing or infinite one, or a text that is no number."""
    if value is None or value == "":
        return math.nan
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return float(value.strip().lower() == "true")
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def days_of(value: Any) -> float:
    """A date or time as days since 1970 (UTC where it has a zone), NaN for a missing one."""
    if value is None or value == "":
        return math.nan
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return math.nan
    if isinstance(value, datetime):
        offset = value.utcoffset()
        plain = value.replace(tzinfo=None)
        return ((plain - offset if offset else plain) - _EPOCH).total_seconds() / _DAY_SECONDS
    if isinstance(value, date):
        return float((value - _EPOCH.date()).days)
    return math.nan


def labels_of(series: pl.Series) -> pl.Series:
    """The values as a person would type them: whole numbers without a point, truth values as true and false."""
    if series.dtype.is_float():
        return pl.Series(series.name, [label_of(value) for value in series.to_list()], dtype=pl.String)
    if series.dtype == pl.Boolean:
        return series.replace_strict({True: "true", False: "false"}, return_dtype=pl.String)
    texts = series.cast(pl.String)
    return texts.set(texts == "", None) if series.dtype == pl.String else texts


def _labels(series: pl.Series) -> Labels:
    texts = labels_of(series)
    levels = texts.drop_nulls().unique().sort()
    codes = texts.rank("dense").cast(pl.Int32) - 1
    return Labels(codes.fill_null(-1).to_numpy().astype(np.int32), tuple(levels.to_list()))


def _numbers(series: pl.Series) -> Numbers:
    if series.dtype == pl.String:
        return Numbers(np.array([number_of(value) for value in series.to_list()], dtype=np.float64))
    if series.dtype.is_temporal():
        return _days(series)
    values = series.cast(pl.Float64, strict=False).to_numpy().astype(np.float64)
    return Numbers(np.where(np.isfinite(values), values, np.nan))


def _days(series: pl.Series) -> Numbers:
    if series.dtype == pl.Date or isinstance(series.dtype, pl.Datetime):
        micro = series.cast(pl.Datetime("us")).cast(pl.Int64).cast(pl.Float64).to_numpy().astype(np.float64)
        return Numbers(micro / (_DAY_SECONDS * 1e6))
    return Numbers(np.array([days_of(value) for value in series.to_list()], dtype=np.float64))


def _all_missing(role: Role, n_rows: int) -> PreparedColumn:
    if is_labels(role):
        return Labels(np.full(n_rows, -1, dtype=np.int32), ())
    return Numbers(np.full(n_rows, np.nan))
