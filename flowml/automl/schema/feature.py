"""One column that a model asks for, as a form shows it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flowml.automl.features.values import days_of
from flowml.automl.schema.reach import Reach, reach_of_days, reach_of_numbers
from flowml.data.conversion.notation import Kind, Notation, kind_of
from flowml.domain.datasets import Role
from flowml.domain.wording import number


@dataclass(frozen=True)
class Feature:
    """One original column: an example value (of numbers and dates the middle one), the range of numbers, the categories
    by frequency. `notation` is how the file wrote its values; None where that had types of its own, or nothing is known
    of it. `count`: how many values it had in training, of numbers and dates; None in files of earlier versions. Nor do
    these know `whole`: whether all numbers were, and `spread`: how far numbers and dates (in days) lay apart, as a
    standard deviation that outliers have no say in; None where more than half are the same."""

    name: str
    role: Role
    dtype: str
    example: Any = None
    min: float | str | None = None
    max: float | str | None = None
    categories: tuple[str, ...] | None = None
    notation: Notation | None = None
    count: int | None = None
    whole: bool | None = None
    spread: float | None = None

    @property
    def kind(self) -> Kind:
        """What its values are to the model."""
        return "boolean" if self.role is Role.BOOLEAN else kind_of(self.dtype)

    @cached_property
    def reach(self) -> Reach | None:
        """Of numbers and of dates, as days since 1970; None where it is not known."""
        if self.role is Role.DATETIME:
            least, greatest = days_of(self.min), days_of(self.max)
            shown = str(self.min)[:10], str(self.max)[:10]
            return reach_of_days(least, greatest, shown, self.count) if _is_range(least, greatest) else None
        if self.role is not Role.NUMERIC:
            return None
        least, typical, greatest = map(_plain_number, (self.min, self.example, self.max))
        if not _is_range(least, greatest):
            return None
        typical = min(max(typical, least), greatest) if math.isfinite(typical) else (least + greatest) / 2
        return reach_of_numbers(least, typical, greatest, (number(least), number(greatest)), self.count)

    def beyond(self, value: Any) -> str | None:
        """Where a value lies that is beyond all in training, in words."""
        if self.reach is None:
            return None
        at = days_of(value) if self.role is Role.DATETIME else float(value)
        words: str | None = self.reach.words[self.reach.place(at)]
        return words

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Feature":
        """Raises KeyError, TypeError or ValueError for a state that is none."""
        categories = state["categories"]
        # Files of earlier versions say nothing of these.
        notation, count = state.get("notation"), state.get("count")
        whole, spread = state.get("whole"), state.get("spread")
        if not (whole is None or isinstance(whole, bool)) or not (spread is None or 0 < float(spread) < math.inf):
            raise ValueError("a column that lies nowhere")
        return cls(
            name=str(state["name"]),
            role=Role(state["role"]),
            dtype=str(state["dtype"]),
            example=state["example"],
            min=state["min"],
            max=state["max"],
            categories=None if categories is None else tuple(str(category) for category in categories),
            notation=None if notation is None else Notation.of(notation),
            count=None if count is None else int(count),
            whole=whole,
            spread=None if spread is None else float(spread),
        )


def _plain_number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _is_range(least: float, greatest: float) -> bool:
    return math.isfinite(greatest - least) and least <= greatest
