"""What one column of a row may become: values of the training data within what the owner of the row says."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from flowml.automl.features.values import days_of, label_of, number_of
from flowml.automl.schema.feature import Feature
from flowml.data.conversion.cells import cell_reader
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.wording import shortened

UP, DOWN = "up", "down"
CHANGEABLE = (Role.NUMERIC, Role.BOOLEAN, Role.DATETIME, Role.CATEGORICAL)
_POINTS = 16
_MOST_CATEGORIES = 30
# Of the spread: near what a value is more closely than far away.
_STEPS = np.array([0.03, 0.06, 0.125, 0.25, 0.5, 1.0, 2.0])
_EPOCH = date(1970, 1, 1)
_ORDERED = (Role.NUMERIC, Role.DATETIME)
_WORDS = [("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"), ("on", "off"), ("1", "0"), ("1.0", "0.0")]
_OPPOSITE = {one: other for pair in _WORDS for one, other in (pair, pair[::-1])}


@dataclass(frozen=True)
class Limits:
    """What a column may become: within `least` and `greatest` (dates as text), one of `allowed`, only `up` or `down`
    from what it is; all that is given holds. None: no limit."""

    least: Any = None
    greatest: Any = None
    allowed: tuple[Any, ...] | None = None
    direction: str | None = None


class Changeable:
    """A column that may change from `now`, within limits. Raises InvalidInput for limits that cannot be read, or that
    mean nothing to such a column."""

    def __init__(self, feature: Feature, now: Any, limits: Limits | None = None):
        self.feature = feature
        self.is_ordered = feature.role in _ORDERED
        self._now, self._limits = now, limits or Limits()
        notation = None if feature.notation is None else feature.notation.for_values(feature.kind)
        self._reader = None if notation is None else cell_reader(feature.kind, notation)
        self._check()
        self.before = self.number(now)
        self.low, self.high = self._range()

    def number(self, value: Any) -> float:
        """Of numbers, flags (1 and 0) and dates (days since 1970); NaN for a missing value, and for what is none."""
        if self._reader is not None and isinstance(value, str):
            try:
                value = self._reader(value)
            except (ValueError, OverflowError):
                return math.nan
        return days_of(value) if self.feature.role is Role.DATETIME else number_of(value)

    def written(self, value: float) -> Any:
        """A number or date as a caller sends it, with no more digits than its column has a use for."""
        if self.feature.role is Role.DATETIME:
            return (_EPOCH + timedelta(days=round(value))).isoformat()
        if self.feature.whole or self._is_integer:
            return round(value) if self._is_integer else float(round(value))
        # Outliers make a range of which most is empty.
        breadth = min(self.high - self.low, 6 * self.spread or math.inf)
        if not breadth > 0 or not math.isfinite(breadth):
            return float(f"{value:.4g}")
        return float(round(value, 3 - math.floor(math.log10(breadth))))

    @property
    def _is_integer(self) -> bool:
        return self.feature.dtype.lower().startswith(("int", "uint"))

    @property
    def spread(self) -> float:
        """How far values of training lay apart; of older files what it would be if they were spread evenly."""
        if self.feature.spread:
            return self.feature.spread
        low, high = self.number(self.feature.min), self.number(self.feature.max)
        return (high - low) / math.sqrt(12.0) if math.isfinite(high - low) else 0.0

    def size(self, value: Any) -> float:
        """Of a change, in spreads of the column; one of a category or flag, and from or to a missing value, is one."""
        if not self.is_ordered:
            return 1.0
        apart = abs(self.number(value) - self.before)
        return apart / self.spread if math.isfinite(apart) and self.spread > 0 else 1.0

    def values(self) -> list[Any]:
        """What it may become, without what it is: first the ends, which say most about what can be reached."""
        if self._limits.allowed is not None:
            wanted: Iterable[Any] = self._limits.allowed
        elif self.feature.role is Role.CATEGORICAL:
            wanted = (self.feature.categories or ())[:_MOST_CATEGORIES]
        elif self.feature.role is Role.BOOLEAN:
            wanted = self._flags()
        else:
            wanted = self._places()
        return [value for value in dict.fromkeys(wanted) if not self._is_now(value) and self.may(value)]

    def may(self, value: Any) -> bool:
        """Whether all limits let it have this value."""
        limits = self._limits
        if not self.is_ordered:
            return limits.allowed is None or any(self._same(one, value) for one in limits.allowed)
        at = self.number(value)
        if limits.allowed is not None and not any(self._same(one, value) for one in limits.allowed):
            return False
        bounded = limits.least is not None or limits.greatest is not None or limits.direction is not None
        if not math.isfinite(at):
            # A missing value lies nowhere.
            return limits.allowed is not None and not bounded
        if limits.direction is not None and not (at > self.before if limits.direction == UP else at < self.before):
            return False
        return self.low <= at <= self.high

    def _check(self) -> None:
        limits, name = self._limits, self.feature.name
        bounds = {"min": limits.least, "max": limits.greatest}
        if not self.is_ordered:
            for said, value in {**bounds, "direction": limits.direction}.items():
                if value is not None:
                    raise InvalidInput.of_field(
                        "limits", f"“{name}” has no order, so “{said}” says nothing of it.", hint="Use “allowed”."
                    )
        for said, value in bounds.items():
            if value is not None and not math.isfinite(self._limit(value)):
                raise self._unreadable(said, value)
        for value in limits.allowed or ():
            if value is None or (isinstance(value, str) and not value.strip()):
                continue
            if isinstance(value, float) and not math.isfinite(value):
                raise self._unreadable("allowed", value)
            if self.feature.role is not Role.CATEGORICAL and not math.isfinite(self.number(value)):
                raise self._unreadable("allowed", value)

    def _limit(self, value: Any) -> float:
        # A word that says yes is a flag's, and no limit of numbers.
        is_word = isinstance(value, bool) or (isinstance(value, str) and not any(map(str.isdigit, value)))
        return math.nan if is_word else self.number(value)

    def _unreadable(self, said: str, value: Any) -> InvalidInput:
        wanted = {Role.DATETIME: "a date such as 2026-01-31", Role.BOOLEAN: "true or false"}
        return InvalidInput.of_field(
            "limits",
            f"“{said}” of “{self.feature.name}” is to be {wanted.get(self.feature.role, 'a number')}, and"
            f" “{shortened(str(value))}” is not.",
        )

    def _range(self) -> tuple[float, float]:
        """Within the limits what training had, or what is allowed by name."""
        limits, low, high = self._limits, self.number(self.feature.min), self.number(self.feature.max)
        if limits.allowed is not None or not math.isfinite(high - low):
            low, high = (-math.inf, math.inf) if limits.allowed is not None else (math.nan, math.nan)
        if limits.least is not None:
            low = max(low, self.number(limits.least))
        if limits.greatest is not None:
            high = min(high, self.number(limits.greatest))
        return low, high

    def _places(self) -> list[Any]:
        if not self.low < self.high:
            return [self.written(self.low)] if self.low == self.high else []
        places = np.linspace(self.low, self.high, _POINTS)
        if math.isfinite(self.before):
            steps = self.spread * _STEPS
            near = np.concatenate([self.before + steps, self.before - steps])
            places = np.concatenate([places, near[(near >= self.low) & (near <= self.high)]])
        places = np.unique(places)
        ordered = np.concatenate([places[[-1, 0]], places[1:-1]])
        return [self.written(float(at)) for at in ordered]

    def _flags(self) -> list[Any]:
        """Both, in the words of the row, or of its column where the row has none."""
        for known in (self._now, self.feature.example):
            if isinstance(known, bool):
                return [True, False]
            if isinstance(known, int | float):
                return [type(known)(1), type(known)(0)]
            if isinstance(known, str) and (other := _OPPOSITE.get(known.strip().lower())) is not None:
                word = known.strip()
                written = other.upper() if word.isupper() else other.title() if word.istitle() else other
                return [word, written]
        return [True, False]

    def _same(self, one: Any, other: Any) -> bool:
        if self.feature.role is Role.CATEGORICAL:
            return label_of(one) == label_of(other)
        first, second = self.number(one), self.number(other)
        return first == second or (first != first and second != second)

    def _is_now(self, value: Any) -> bool:
        return self._same(value, self._now)
