"""What a model expects of a row and what it answers: its schema, and the check of a single row against it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from flowml.automl.features.values import label_of, number_of
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ProblemType

_SHOWN_CATEGORIES = 50


@dataclass(frozen=True)
class Feature:
    """One original column: an example value, the range of numbers, the categories by frequency."""

    name: str
    role: Role
    dtype: str
    example: Any = None
    min: float | str | None = None
    max: float | str | None = None
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ModelSchema:
    """`interval_half_width`: half the width of a prediction interval that covered 90 % of the rows held out."""

    features: tuple[Feature, ...]
    target: str
    problem_type: ProblemType
    classes: tuple[str, ...] | None
    metric: str
    interval_half_width: float | None = None
    interval_coverage: float = 0.9
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def n_outputs(self) -> int:
        return len(self.classes) if self.classes is not None else 1

    @property
    def roles(self) -> dict[str, Role]:
        return {feature.name: feature.role for feature in self.features}

    def describe(self) -> list[dict[str, Any]]:
        """The features for a form: at most 50 categories each."""
        return [
            {
                **asdict(feature),
                "role": str(feature.role),
                "categories": None if feature.categories is None else list(feature.categories[:_SHOWN_CATEGORIES]),
            }
            for feature in self.features
        ]

    def check_row(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """One row from outside, made usable; and sentences about what is missing, unknown or never seen.

        Raises InvalidInput naming the column whose value is of the wrong kind.
        """
        clean: dict[str, Any] = {}
        missing: list[str] = []
        warnings: list[str] = []
        for feature in self.features:
            if feature.name not in row:
                missing.append(feature.name)
                continue
            value = _checked(feature, row[feature.name])
            clean[feature.name] = value
            if value is not None and feature.categories is not None and label_of(value) not in feature.categories:
                warnings.append(f"“{value}” in “{feature.name}” did not occur in the training data.")
        if missing:
            warnings.insert(0, f"Not given, taken as missing: {', '.join(missing)}.")
        known = {feature.name for feature in self.features}
        extra = [str(name) for name in row if name not in known and name != self.target]
        if extra:
            warnings.append(f"Not used by this model: {', '.join(extra[:20])}.")
        return clean, warnings

    def state(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "ModelSchema":
        """Raises KeyError, TypeError or ValueError for a state that is none."""
        features = tuple(
            Feature(
                **{
                    **item,
                    "role": Role(item["role"]),
                    "categories": None if item["categories"] is None else tuple(item["categories"]),
                }
            )
            for item in state["features"]
        )
        classes = state["classes"]
        return cls(
            **{
                **state,
                "features": features,
                "problem_type": ProblemType(state["problem_type"]),
                "classes": None if classes is None else tuple(str(label) for label in classes),
            }
        )


def _checked(feature: Feature, value: Any) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, dict | list | tuple):
        raise _wrong(feature, value, "a single value")
    if feature.role in (Role.NUMERIC, Role.BOOLEAN):
        number = number_of(value)
        if math.isnan(number) and not (isinstance(value, float) and not math.isfinite(value)):
            raise _wrong(feature, value, "true or false" if feature.role is Role.BOOLEAN else "a number")
        return None if math.isnan(number) else number
    if feature.role is Role.DATETIME:
        if isinstance(value, date):
            return value
        try:
            return datetime.fromisoformat(str(value).strip())
        except ValueError:
            raise _wrong(feature, value, "a date such as 2026-01-31 or 2026-01-31T12:00:00") from None
    return label_of(value)


def _wrong(feature: Feature, value: Any, wanted: str) -> InvalidInput:
    shown = str(value)
    shown = shown if len(shown) <= 40 else shown[:39] + "…"
    return InvalidInput.of_field(
        feature.name,
        f"The column “{feature.name}” takes {wanted}, and “{shown}” is not.",
        hint="Leave it empty if it is not known.",
    )
