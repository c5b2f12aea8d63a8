"""Conditions on one column of a table: parts of its range, categories, missing values."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from flowml.data.values import plain
from flowml.domain.datasets import Role
from flowml.domain.wording import number, quoted, shortened

_MOST_CATEGORIES = 20
_CUTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_PARTS = 5
# Of cuts: so many digits, of the column's spread too, so that they stay apart where that is narrow.
_DIGITS = 3
_FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
# Seconds that a column of dates spreads over at least, in order to be cut at whole days, hours, minutes or seconds.
_STEPS = ((20 * 86_400, 86_400, "days"), (20 * 3_600, 3_600, "hours"), (20 * 60, 60, "minutes"), (20, 1, "seconds"))


@dataclass(frozen=True)
class Condition:
    """`kind`: `range` (above `low`, at most `high`; None: no bound), `is` (the `value`) or `missing`. Of dates the
    bounds are ISO 8601; a day without a time is the end of it, so that at most a day holds all of it."""

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
            return np.asarray(_same(column, self.value).fill_null(False).to_numpy() & ~missing)
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
            up_to, above = (None, None) if is_date else (values[values <= cut], values[values > cut])
            for bounds, part in (({"high": cut}, up_to), ({"low": cut}, above)):
                only = None if part is None else _only_value(column, part)
                if only is None:
                    yield Condition(column.name, "range", **bounds)
                else:
                    yield Condition(column.name, "is", value=only)
        for low, high in pairwise(parts):
            yield Condition(column.name, "range", low=low, high=high)
        return
    if role in (Role.CATEGORICAL, Role.BOOLEAN):
        counts = column.drop_nulls().value_counts(sort=True).head(_MOST_CATEGORIES)
        for value in counts[column.name].to_list():
            yield Condition(column.name, "is", value=plain(value))


def _only_value(column: pl.Series, values: np.ndarray) -> Any:
    """The one value that all of these are, where they are whole numbers, as it stands in the column; else None."""
    if not len(values) or values.min() != values.max() or values[0] != math.floor(values[0]):
        return None
    return next((plain(one) for one in column.unique().to_list() if one is not None and one == values[0]), None)


def _same(column: pl.Series, value: Any) -> pl.Series:
    if column.dtype == pl.Boolean:
        return column == bool(value)
    if column.dtype == pl.String:
        return column == str(value)
    # Numbers and dates as they are written in a condition, not as they would be cast to text.
    alike = [one for one in column.unique().to_list() if one is not None and _written(one) == _written(value)]
    return column.is_in(pl.Series(column.name, alike, dtype=column.dtype).implode())


def _written(value: Any) -> str:
    return str(plain(value))


def _distinct(values: np.ndarray, levels: Any, is_date: bool) -> list[Any]:
    found = np.quantile(values, levels, method="lower").tolist()
    # What lies in the middle: a few values far off say nothing of the rest.
    spread = float(np.subtract(*np.quantile(values, [0.95, 0.05]))) or float(np.ptp(values))
    if is_date:
        return list(dict.fromkeys(_moment(cut, spread) for cut in found))
    if (values == np.floor(values)).all():
        return list(dict.fromkeys(int(cut) if abs(cut) < 1e15 else cut for cut in found))
    return list(dict.fromkeys(_short(cut, spread) for cut in found))


def _short(cut: float, spread: float) -> float:
    sizes = [size for size in (abs(cut), spread) if size > 0 and math.isfinite(size)]
    decimals = _DIGITS - 1 - math.floor(math.log10(min(sizes))) if sizes else 0
    return round(cut, decimals) if decimals < 300 else cut


def _moment(cut: float, spread: float) -> str:
    step, unit = next(((step, unit) for least, step, unit in _STEPS if spread >= least), (1e-6, "microseconds"))
    moment = _FIRST_DAY + timedelta(seconds=math.floor(cut / step) * step if step >= 1 else cut)
    if unit == "days":
        return moment.date().isoformat()
    return moment.isoformat(timespec="minutes" if unit in ("hours", "minutes") else unit)


def _missing(column: pl.Series) -> np.ndarray:
    empty = column.is_null()
    if column.dtype.is_float():
        empty = empty | column.is_nan().fill_null(True)
    return np.asarray(empty.to_numpy())


def _as_number(bound: Any) -> float:
    if isinstance(bound, str):
        seconds = (datetime.fromisoformat(bound) - _FIRST_DAY).total_seconds()
        return seconds + 86_400 - 1e-6 if len(bound) == len("2020-01-01") else seconds
    return float(bound)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        text = number(value)
        return text if _is_exact(text, value) else f"{value:,}"
    text = str(value)
    return text.replace("T", " ") if _is_moment(text) else quoted(shortened(text))


def _is_exact(text: str, value: float) -> bool:
    try:
        return float(text.replace(",", "")) == value
    except ValueError:
        return False


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return len(text) >= len("2020-01-01") and text[4] == text[7] == "-"
