"""What a model may propose, as a closed schema, and what it has proposed, with the names of the table put back.

The schema is made of the same records as the forms and the check of recipes, so that an operation that is added there
can be proposed, and one that is not there cannot. Columns are called by their ids; names that an answer has anyhow are
taken where they are a column's, because the check that follows is the same.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowml.assistant.numbers.apart import citations, without_citations
from flowml.assistant.telling import Told
from flowml.assistant.untrusted import clean
from flowml.data.recipes.checking import check_operations
from flowml.data.recipes.expression.syntax import Token, tokens
from flowml.data.recipes.operations.base import Field, FieldKind
from flowml.data.recipes.operations.registry import OPERATIONS
from flowml.domain.recipes import Operation

MOST_SUGGESTIONS = 6
LONGEST_REASON, LONGEST_CODE = 600, 4_000

_MOST_STEPS = 6
_LONGEST_TEXT = 200
_TEXT = {"type": "string", "maxLength": _LONGEST_TEXT}
_SCALAR = {"type": ["string", "number", "boolean"]}
_COLUMN = {"$ref": "#/$defs/column"}
_KINDS: dict[FieldKind, dict[str, Any]] = {
    FieldKind.COLUMN: _COLUMN,
    FieldKind.COLUMNS: {"type": "array", "items": _COLUMN, "minItems": 1},
    FieldKind.NEW_COLUMN: {"type": "string", "maxLength": 60, "minLength": 1},
    FieldKind.NEW_COLUMNS: {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 5},
    FieldKind.EXPRESSION: {"type": "string", "maxLength": 400, "minLength": 1},
    FieldKind.TEXT: _TEXT,
    FieldKind.NUMBER: {"type": "number"},
    FieldKind.WHOLE_NUMBER: {"type": "integer"},
    FieldKind.FLAG: {"type": "boolean"},
    FieldKind.VALUE: _SCALAR,
    FieldKind.VALUES: {"type": "array", "items": _SCALAR, "minItems": 1, "maxItems": 50},
    FieldKind.MAPPING: {"type": "object"},
    FieldKind.WIDTHS: {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 10},
}
_ABOUT_CODE = (
    "only where no operation can do it, with no operations beside it: a few lines of Polars, df = df.with_columns(…), "
    'columns as pl.col("c1"), without imports and functions'
)
_IN_CODE = re.compile(r"""(["'])([cv][1-9]\d{0,5})\1""")


@dataclass(frozen=True)
class Proposal:
    """What a model has proposed, in the table's own names, and nothing that was checked. `facts` are the ids that it
    cites."""

    reason: str
    facts: tuple[str, ...]
    operations: tuple[Mapping[str, Any], ...]
    code: str | None = None


def schema_of(
    told: Told, names: Iterable[str], *, without: Sequence[str] = (), with_code: bool = False
) -> dict[str, Any]:
    """The JSON Schema of an answer that proposes operations of these `names` on the columns that the model was told
    about, but for those in `without`."""
    columns = [column_id for column_id in told.spoken_of if told.columns[column_id] not in without]
    code = {"code": {"type": "string", "maxLength": LONGEST_CODE, "description": _ABOUT_CODE}} if with_code else {}
    suggestion = {
        "type": "object",
        "properties": {
            "reason": {"type": "string", "maxLength": LONGEST_REASON},
            "facts": {"type": "array", "items": {"enum": [fact.id for fact in told.facts]}, "maxItems": 6},
            "operations": {
                "type": "array",
                "items": {"anyOf": [_schema_of_operation(name) for name in names]},
                "maxItems": _MOST_STEPS,
            },
            **code,
        },
        "required": ["reason", "facts", "operations"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"suggestions": {"type": "array", "items": suggestion, "maxItems": MOST_SUGGESTIONS}},
        "required": ["suggestions"],
        "additionalProperties": False,
        "$defs": {"column": {"type": "string", "enum": columns or ["c1"]}},
    }


def schema_of_steps(told: Told, names: Iterable[str]) -> dict[str, Any]:
    """The JSON Schema of an answer that is nothing but operations of these `names`."""
    return {
        "type": "object",
        "properties": {
            "operations": {
                "type": "array",
                "items": {"anyOf": [_schema_of_operation(name) for name in names]},
                "minItems": 1,
                "maxItems": _MOST_STEPS,
            }
        },
        "required": ["operations"],
        "additionalProperties": False,
        "$defs": {"column": {"type": "string", "enum": list(told.spoken_of) or ["c1"]}},
    }


def steps(answer: Mapping[str, Any], told: Told) -> tuple[Operation, ...]:
    """The operations of an answer that has the shape of `schema_of_steps`, with names for its ids, checked as any from
    outside. Raises InvalidInput."""
    return check_operations([_with_names(operation, told) for operation in answer["operations"][:_MOST_STEPS]])


def _schema_of_operation(name: str) -> dict[str, Any]:
    kind = OPERATIONS[name]
    return {
        "type": "object",
        "description": kind.summary,
        "properties": {"op": {"const": name}, **{field.name: _schema_of_field(field) for field in kind.fields}},
        "required": ["op", *(field.name for field in kind.fields if field.required)],
        "additionalProperties": False,
    }


def _schema_of_field(field: Field) -> dict[str, Any]:
    if field.kind is FieldKind.CHOICE:
        return {"enum": list(field.choices)}
    if field.kind is FieldKind.CHOICES:
        return {"type": "array", "items": {"enum": list(field.choices)}, "minItems": 1}
    limits = {"minimum": field.least, "maximum": field.most}
    is_number = field.kind in (FieldKind.NUMBER, FieldKind.WHOLE_NUMBER)
    return _KINDS[field.kind] | {word: limit for word, limit in limits.items() if is_number and limit is not None}


def proposals(answer: Mapping[str, Any], told: Told) -> list[Proposal]:
    """The suggestions of an answer that has the schema's shape, with names for its ids. Whether they can be done is
    not looked at."""
    cited = frozenset(fact.id for fact in told.facts)
    found = []
    for item in answer["suggestions"][:MOST_SUGGESTIONS]:
        operations = tuple(_with_names(operation, told) for operation in item["operations"][:_MOST_STEPS])
        code = item.get("code")
        reason = clean(item["reason"], LONGEST_REASON)
        facts = [*item["facts"], *(one.id for one in citations(reason))]
        found.append(
            Proposal(
                told.named(_closed_up(without_citations(reason))),
                tuple(dict.fromkeys(fact for fact in facts if fact in cited)),
                operations,
                None if not code or not code.strip() else code_with_names(code, told),
            )
        )
    return found


def _closed_up(text: str) -> str:
    return re.sub(r" (?=[,.;:!?])", "", " ".join(text.split()))


def checked(proposal: Proposal) -> tuple[Operation, ...]:
    """Its operations, checked as any from outside. Raises InvalidInput."""
    return check_operations(list(proposal.operations))


def code_with_names(code: str, told: Told) -> str:
    """Python that names columns and values by their ids in quotation marks, with what these stand for."""
    names = {**told.columns, **told.texts}
    return _IN_CODE.sub(lambda found: repr(names[found[2]]) if found[2] in names else found[0], code)


def _with_names(operation: Mapping[str, Any], told: Told) -> dict[str, Any]:
    kind = OPERATIONS.get(str(operation.get("op")))
    # None and what is left out are the same; a grammar has some models say all fields.
    given = {name: value for name, value in operation.items() if value is not None}
    fields = {} if kind is None else {field.name: field.kind for field in kind.fields}
    return {name: _value(fields[name], value, told) if name in fields else value for name, value in given.items()}


def _value(kind: FieldKind, value: Any, told: Told) -> Any:
    match kind, value:
        case (FieldKind.COLUMN | FieldKind.COLUMNS, str() | list()):
            return _each(value, lambda name: told.column(name) or name)
        case (FieldKind.NEW_COLUMN | FieldKind.NEW_COLUMNS, str() | list()):
            return _each(value, lambda name: told.column(name) or clean(name))
        case (FieldKind.VALUE | FieldKind.VALUES | FieldKind.TEXT, str() | list()):
            return _each(value, lambda text: told.texts.get(text, text))
        case FieldKind.MAPPING, dict():
            texts = told.texts
            return {texts.get(key, key): texts.get(to, to) if isinstance(to, str) else to for key, to in value.items()}
        case FieldKind.EXPRESSION, str():
            return expression_with_names(value, told)
    return value


def _each(value: Any, convert: Any) -> Any:
    if isinstance(value, list):
        return [convert(item) if isinstance(item, str) else item for item in value]
    return convert(value)


def expression_with_names(expression: str, told: Told) -> str:
    """The same expression with columns and texts in the place of their ids. Raises InvalidInput for what is none."""
    parts = []
    at = 0
    for token in tokens(expression):
        if (found := _named_token(token, expression, told)) is not None:
            length, said = found
            parts += [expression[at : token.at], said]
            at = token.at + length
    return "".join([*parts, expression[at:]])


def _named_token(token: Token, expression: str, told: Told) -> tuple[int, str] | None:
    """How many characters a word has that is an id, and what to write for it."""
    if token.kind in ("name", "column") and (name := told.column(token.text)) is not None:
        ticks = 2 if token.kind == "column" else 0
        return len(token.text) + ticks, f"`{name.replace('`', '``')}`"
    if token.kind == "text" and token.text in told.texts:
        quote = expression[token.at]
        return len(token.text) + 2, f"{quote}{told.texts[token.text].replace(quote, quote * 2)}{quote}"
    return None
