"""One column that a model asks for, as a form shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowml.data.conversion.notation import Kind, Notation, kind_of
from flowml.domain.datasets import Role


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
