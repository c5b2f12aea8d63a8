"""What a grammar made of a JSON Schema does to an answer, as far as the tests need it."""

import json
from collections.abc import Mapping
from typing import Any


def fits(text: str, schema: Mapping[str, Any]) -> bool:
    """Whether this text is JSON of the schema's shape."""
    try:
        return _fits(json.loads(text), schema, schema)
    except ValueError:
        return False


def least(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> Any:
    """The least that has this shape."""
    root = root or schema
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return least(schema[several][0], root)
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        needed = schema.get("required", ())
        return {name: least(one, root) for name, one in schema.get("properties", {}).items() if name in needed}
    if kind == "array":
        return [least(schema.get("items", {}), root) for _ in range(schema.get("minItems", 0))]
    if kind == "string":
        return "x" * schema.get("minLength", 0)
    return {"integer": schema.get("minimum", 0), "number": schema.get("minimum", 0), "boolean": False, "null": None}[
        kind
    ]


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        found: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


_KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def _fits(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    schema = _resolved(schema, root)
    if "const" in schema:
        return bool(value == schema["const"])
    if "enum" in schema:
        return value in schema["enum"]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return any(_fits(value, one, root) for one in schema[several])
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if kinds and not any(isinstance(value, _KINDS[kind]) for kind in kinds):
        return False
    if isinstance(value, bool) and kinds and "boolean" not in kinds:
        return False
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return set(schema.get("required", ())) <= set(value) and all(
            _fits(item, properties[name], root) if name in properties else schema.get("additionalProperties", True)
            for name, item in value.items()
        )
    if isinstance(value, list):
        return all(_fits(item, schema.get("items", {}), root) for item in value)
    return True
