"""A model's columns and answers as JSON Schema: typed fields, with what training has seen of each."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowml.domain.datasets import Role
from flowml.services.serving.loaded import Loaded

if TYPE_CHECKING:
    from flowml.automl.schema.feature import Feature

_SHOWN_CATEGORIES = 50
_NULL = {"type": "null"}


def typical_row(loaded: Loaded) -> dict[str, Any]:
    """A typical value of each column by itself: no row of the training data."""
    return {feature.name: feature.example for feature in loaded.fitted.schema.inputs}


def row_schema(loaded: Loaded, example: Mapping[str, Any] | None) -> dict[str, Any]:
    """The schema of a row; none of its columns is required, as each counts as missing where it is not sent. Without an
    example it has no value of the training data at all."""
    inputs = loaded.fitted.schema.inputs
    if example is None:
        properties = {feature.name: _typed(feature, shown=False) for feature in inputs}
    else:
        properties = {feature.name: _field(feature, example.get(feature.name)) for feature in inputs}
    schema = {
        "type": "object",
        "description": "The model's columns by their names; others are named in the warnings, and not used.",
        "properties": properties,
        "additionalProperties": True,
    }
    return schema if example is None else schema | {"examples": [dict(example)]}


def label_schema(loaded: Loaded) -> dict[str, Any]:
    """The schema of what is predicted."""
    schema = loaded.fitted.schema
    if schema.classes is None:
        return {"type": ["number", "null"], "description": f"What “{schema.target}” is predicted to be."}
    return {"type": "string", "enum": list(schema.classes)}


def _field(feature: "Feature", example: Any) -> dict[str, Any]:
    """One column. What training has not seen is answered with a warning, so ranges and categories bind nobody."""
    field: dict[str, Any] = _typed(feature)
    if feature.min is not None and feature.max is not None and feature.role in (Role.NUMERIC, Role.DATETIME):
        field["description"] = f"From {_shown(feature.min)} to {_shown(feature.max)} in the training data."
    if example is not None:
        field["examples"] = [example]
    return field


def _typed(feature: "Feature", *, shown: bool = True) -> dict[str, Any]:
    if feature.role is Role.BOOLEAN:
        return {"type": ["boolean", "null"]}
    if feature.role is Role.NUMERIC:
        # Whole numbers in training are no rule: others are taken.
        return {"type": ["number", "null"]}
    if feature.role is Role.DATETIME:
        # Without a zone a time is none of RFC 3339.
        said = {"format": "date"} if feature.dtype == "Date" else {"title": "A time, such as 2026-01-31T12:00:00"}
        return {"type": ["string", "null"], **said}
    if feature.categories is None or not shown:
        return {"type": ["string", "null"]}
    known = {"type": "string", "enum": list(feature.categories[:_SHOWN_CATEGORIES])}
    if len(feature.categories) > _SHOWN_CATEGORIES:
        known["description"] = f"The most frequent of {len(feature.categories):,}."
    return {"anyOf": [known, {"type": "string", "description": "Any other is answered with a warning."}, _NULL]}


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
