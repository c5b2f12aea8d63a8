"""One column that a model asks for, as a form shows it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowml.automl.features.values import days_of
from flowml.data.conversion.notation import Kind, Notation, kind_of
from flowml.domain.datasets import Role
from flowml.domain.wording import number


@dataclass(frozen=True)
class Feature:
    """One original column: an example value, the range of numbers, the categories by frequency. `notation` is how the
    file wrote its values; None where that had types of its own, or nothing is known of it."""

    name: str
    role: Role
    dtype: str
    example: Any = None
    min: float | str | None = None
    max: float | str | None = None
    categories: tuple[str, ...] | None = None
    notation: Notation | None = None

    @property
    def kind(self) -> Kind:
        """What its values are to the model."""
        return "boolean" if self.role is Role.BOOLEAN else kind_of(self.dtype)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Outside of these a number, or a date as days since 1970, is far from all in training: further from them than
        the least and the greatest are from each other. None where that cannot be said."""
        as_number = {Role.NUMERIC: _plain_number, Role.DATETIME: days_of}.get(self.role)
        if as_number is None:
            return None
        least, greatest = as_number(self.min), as_number(self.max)
        width = greatest - least
        return (least - width, greatest + width) if math.isfinite(width) and width >= 0 else None

    def is_far(self, bounds: tuple[float, float], value: Any) -> bool:
        """Whether a value of this column lies outside of its bounds."""
        at = days_of(value) if self.role is Role.DATETIME else float(value)
        return at < bounds[0] or at > bounds[1]

    @property
    def had(self) -> str:
        """What values that are far lie outside of, in words."""
        ends = [str(end)[:10] if self.role is Role.DATETIME else number(end) for end in (self.min, self.max)]  # type: ignore[arg-type]
        return f"far outside what the training data had ({ends[0]} to {ends[1]})"

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Feature":
        """Raises KeyError, TypeError or ValueError for a state that is none."""
        categories = state["categories"]
        # Files of earlier versions say nothing of notations.
        notation = state.get("notation")
        return cls(
            name=str(state["name"]),
            role=Role(state["role"]),
            dtype=str(state["dtype"]),
            example=state["example"],
            min=state["min"],
            max=state["max"],
            categories=None if categories is None else tuple(str(category) for category in categories),
            notation=None if notation is None else Notation.of(notation),
        )


def _plain_number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
