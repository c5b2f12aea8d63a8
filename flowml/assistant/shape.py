"""Whether an answer has the shape that was asked for: the part of JSON Schema that the assistant's schemas use.

A schema here is an object with some of `type`, `properties`, `required`, `additionalProperties` (false, or left out),
`items`, `minItems`, `maxItems`, `minLength`, `maxLength`, `minimum`, `maximum`, `enum`, `const`, `anyOf`, `$ref` to its
own `$defs`, `title`, `description` and `default`. Any other word in it is a mistake of ours, and raises.
"""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_WORDS = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_KNOWN = frozenset(
    {
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
    }
    | {"minimum", "maximum", "enum", "const", "anyOf", "$ref", "$defs", "title", "description", "default"}
)
_DEEPEST = 40
_BOUNDS = frozenset({"minLength", "maxLength", "minItems", "maxItems"})
# llama.cpp makes a grammar of a schema, and refuses one with a repetition of 2,000 or more; short ones it reads faster.
_MOST_REPEATED = 1_000


def problem(value: Any, schema: Schema) -> str | None:
    """The first thing that is wrong with a value, with its place in it; None where it has this shape.

    >>> schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    >>> problem({"n": 2}, schema), problem({"n": 0}, schema), problem({}, schema)
    (None, '“n” has to be at least 1', '“n” is missing')
    """
    return _problem(value, schema, schema, "", 0)


def for_grammar(schema: Any) -> Any:
    """The same schema as a server can make a grammar of: without bounds that are too high for that. What is said in
    words, and what the answer is checked against, has them.

    >>> for_grammar({"type": "string", "minLength": 1, "maxLength": 6000})
    {'type': 'string', 'minLength': 1}
    """
    if isinstance(schema, Mapping):
        return {
            word: one if word in ("const", "enum") else for_grammar(one)
            for word, one in schema.items()
            if word not in _BOUNDS or not isinstance(one, int) or one <= _MOST_REPEATED
        }
    return [for_grammar(one) for one in schema] if isinstance(schema, list) else schema


def _problem(value: Any, schema: Schema, root: Schema, place: str, depth: int) -> str | None:
    if depth > _DEEPEST:
        return f"{_at(place)} is nested too deeply"
    schema = _resolved(schema, root)
    unknown = set(schema) - _KNOWN
    if unknown:
        raise ValueError(f"no schema of the assistant's says {', '.join(sorted(unknown))}")
    if "anyOf" in schema:
        alternatives = [_resolved(one, root) for one in schema["anyOf"]]
        # Which was meant says what each alternative fixes, such as the name of an operation.
        meant = [one for one in alternatives if _is_meant(value, one)]
        found = [_problem(value, one, root, place, depth + 1) for one in meant or alternatives]
        return None if None in found else min((one for one in found if one), key=_depth_of)
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else list(kinds or ())
    if kinds and not any(_is(value, kind) for kind in kinds):
        return f"{_at(place)} has to be {' or '.join(_WORDS[kind] for kind in kinds)}"
    if "const" in schema and not _same(value, schema["const"]):
        return f"{_at(place)} has to be {_shown(schema['const'])}"
    if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
        return f"{_at(place)} has to be one of {', '.join(map(_shown, schema['enum'][:20]))}"
    if isinstance(value, dict):
        return _of_object(value, schema, root, place, depth)
    if isinstance(value, list):
        return _of_list(value, schema, root, place, depth)
    if isinstance(value, str):
        return _length(len(value), schema, "minLength", "maxLength", "characters", place)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < schema.get("minimum", value):
            return f"{_at(place)} has to be at least {schema['minimum']}"
        if value > schema.get("maximum", value):
            return f"{_at(place)} has to be at most {schema['maximum']}"
    return None


def _of_object(value: dict[str, Any], schema: Schema, root: Schema, place: str, depth: int) -> str | None:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            return f"{_at(_in(place, name))} is missing"
    for name, item in value.items():
        if name in properties:
            wrong = _problem(item, properties[name], root, _in(place, name), depth + 1)
            if wrong:
                return wrong
        elif schema.get("additionalProperties", True) is False:
            return f"{_at(_in(place, str(name)[:40]))} is not asked for"
    return None


def _of_list(value: list[Any], schema: Schema, root: Schema, place: str, depth: int) -> str | None:
    wrong = _length(len(value), schema, "minItems", "maxItems", "entries", place)
    if wrong:
        return wrong
    for at, item in enumerate(value):
        wrong = _problem(item, schema.get("items", {}), root, f"{place}[{at}]", depth + 1)
        if wrong:
            return wrong
    return None


def _length(length: int, schema: Schema, least: str, most: str, what: str, place: str) -> str | None:
    if length < schema.get(least, 0):
        return f"{_at(place)} needs at least {schema[least]} {what}"
    if length > schema.get(most, length):
        return f"{_at(place)} may have at most {schema[most]} {what}, and has {length}"
    return None


def _is_meant(value: Any, schema: Schema) -> bool:
    fixed = {name: one["const"] for name, one in schema.get("properties", {}).items() if "const" in one}
    return bool(fixed) and isinstance(value, dict) and all(_same(value.get(name), one) for name, one in fixed.items())


def _resolved(schema: Schema, root: Schema) -> Schema:
    for _ in range(_DEEPEST):
        if "$ref" not in schema:
            return schema
        found: Any = root
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    raise ValueError("a schema that refers to itself and says nothing")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _KINDS[kind]) or (kind == "integer" and isinstance(value, float) and value.is_integer())


def _same(value: Any, wanted: Any) -> bool:
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def _shown(value: Any) -> str:
    return f"“{value}”" if isinstance(value, str) else str(value)


def _in(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _at(place: str) -> str:
    return f"“{place}”" if place else "the answer"


def _depth_of(wrong: str) -> int:
    # Of several alternatives the one that went furthest was probably meant.
    return -wrong.partition("”")[0].count(".") - wrong.partition("”")[0].count("[")
