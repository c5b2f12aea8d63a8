"""Conditions on one column of a table: parts of its range, categories, missing values."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from flowml.data.values import plain
from flowml.domain.datasets import Role
from flowml.domain.wording import number, shortened

_MOST_CATEGORIES = 20
_CUTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_PARTS = 5
_DIGITS = 3
_FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True)
class Condition:
    """`kind`: `range` (above `low`, at most `high`; None: no bound), `is` (the `value`) or `missing`. Of dates the
    bounds are ISO 8601."""

    column: str
    kind: str
    low: Any = None
    high: Any = None
    value: Any = None

    def text(self) -> str:
        """In words, after “where”.

        >>> Condition("age", "range", low=60.0).text(), Condition("job", "missing").text()
        ('age is over 60', 'job is missing')
        """
        if self.kind == "missing":
            return f"{self.column} is missing"
        if self.kind == "is":
            return f"{self.column} is {_shown(self.value)}"
        if self.low is None:
            return f"{self.column} is at most {_shown(self.high)}"
        if self.high is None:
            return f"{self.column} is over {_shown(self.low)}"
        return f"{self.column} is over {_shown(self.low)} and at most {_shown(self.high)}"

    def holds(self, column: pl.Series) -> np.ndarray:
        """Of which values it is true, bool (rows,)."""
        missing = _missing(column)
        if self.kind == "missing":
            return missing
        if self.kind == "is":
            is_flag = column.dtype == pl.Boolean
            same = column == bool(self.value) if is_flag else column.cast(pl.String) == str(self.value)
            return np.asarray(same.fill_null(False).to_numpy() & ~missing)
        values = as_numbers(column)
        with np.errstate(invalid="ignore"):
            inside = np.ones(len(values), dtype=bool) if self.low is None else values > _as_number(self.low)
            if self.high is not None:
                inside &= values <= _as_number(self.high)
        return np.asarray(inside & ~missing)

    def state(self) -> dict[str, Any]:
        return {**asdict(self), "text": self.text()}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> "Condition":
        return cls(state["column"], state["kind"], state.get("low"), state.get("high"), state.get("value"))


def as_numbers(column: pl.Series) -> np.ndarray:
    """Numbers, and dates as seconds since 1970, float64 (rows,); NaN where there is none."""
    if column.dtype.is_temporal():
        seconds = column.cast(pl.Datetime("us")).dt.replace_time_zone(None).dt.epoch("us").cast(pl.Float64) / 1e6
        return np.asarray(seconds.to_numpy(), dtype=np.float64)
    return np.asarray(column.cast(pl.Float64, strict=False).to_numpy(), dtype=np.float64)


def conditions_of(column: pl.Series, role: Role, least: int) -> Iterator[Condition]:
    """Those that hold for at least so many rows, and not for all but so few."""
    found = list(_any_of(column, role))
    for condition in found:
        count = int(condition.holds(column).sum())
        if least <= count <= len(column) - least:
            yield condition


def _any_of(column: pl.Series, role: Role) -> Iterator[Condition]:
    yield Condition(column.name, "missing")
    # Of texts nothing else is looked at.
    if role in (Role.NUMERIC, Role.DATETIME):
        values = as_numbers(column)
        values = values[np.isfinite(values)]
        if len(values) == 0:
            return
        is_date = role is Role.DATETIME and not column.dtype.is_numeric()
        cuts = _distinct(values, _CUTS, is_date)
        parts = _distinct(values, np.arange(1, _PARTS) / _PARTS, is_date)
        for cut in cuts:
            yield Condition(column.name, "range", high=cut)
            yield Condition(column.name, "range", low=cut)
        for low, high in pairwise(parts):
            yield Condition(column.name, "range", low=low, high=high)
        return
    if role in (Role.CATEGORICAL, Role.BOOLEAN):
        counts = column.drop_nulls().value_counts(sort=True).head(_MOST_CATEGORIES)
        for value in counts[column.name].to_list():
            yield Condition(column.name, "is", value=plain(value))


def _distinct(values: np.ndarray, levels: Any, is_date: bool) -> list[Any]:
    whole = bool((values == np.floor(values)).all())
    cuts: list[Any] = []
    for cut in np.quantile(values, levels, method="lower").tolist():
        if is_date:
            # In whole days: between two of them nobody sees a difference.
            cuts.append((_FIRST_DAY + timedelta(days=math.floor(cut / 86_400))).isoformat())
        elif whole and abs(cut) < 1e15:
            cuts.append(int(cut))
        else:
            cuts.append(float(f"{cut:.{_DIGITS}g}"))
    return list(dict.fromkeys(cuts))


def _missing(column: pl.Series) -> np.ndarray:
    empty = column.is_null()
    if column.dtype.is_float():
        empty = empty | column.is_nan().fill_null(True)
    return np.asarray(empty.to_numpy())


def _as_number(bound: Any) -> float:
    if isinstance(bound, str):
        return (date.fromisoformat(bound) - _FIRST_DAY).total_seconds()
    return float(bound)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number(value)
    return str(value) if _is_day(str(value)) else f"“{shortened(str(value))}”"


def _is_day(text: str) -> bool:
    return len(text) == 10 and text[4] == text[7] == "-" and text.replace("-", "").isdigit()
