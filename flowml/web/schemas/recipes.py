"""Operations on tables, and versions of them."""

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from flowml.domain.recipes import OperationField as FieldInfo
from flowml.domain.recipes import OperationInfo
from flowml.services.versions import CODE, list_operations
from flowml.web.schemas.base import Answer, Body
from flowml.web.schemas.datasets import Dataset, Distribution, Remark

_PLAIN: dict[str, dict[str, Any]] = {
    "column": {"type": "string"},
    "columns": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    "new_column": {"type": "string"},
    "new_columns": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    "expression": {"type": "string", "maxLength": 2000},
    "text": {"type": "string"},
    "number": {"type": "number"},
    "whole_number": {"type": "integer"},
    "flag": {"type": "boolean"},
    "choice": {"type": "string"},
    "choices": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    "value": {"type": ["string", "number", "boolean"]},
    "values": {"type": "array", "items": {"type": ["string", "number", "boolean"]}, "minItems": 1},
    "mapping": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}},
    "widths": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
}


def _schema_of_field(field: FieldInfo) -> dict[str, Any]:
    schema = dict(_PLAIN[field.kind])
    learned = " (found in the rows where it is left out)" if field.learned else ""
    schema["description"] = f"{field.title}{learned}"
    if field.choices and field.kind == "choices":
        schema["items"] = {"type": "string", "enum": list(field.choices)}
    elif field.choices:
        schema["enum"] = list(field.choices)
    if field.default is not None:
        schema["default"] = field.default
    if not field.required:
        # As good as left out.
        kinds = schema["type"]
        schema["type"] = [*([kinds] if isinstance(kinds, str) else kinds), "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    limits = {"minimum": field.least, "maximum": field.most} if field.kind in ("number", "whole_number") else {}
    return schema | {name: limit for name, limit in limits.items() if limit is not None}


def _schema_of(operation: OperationInfo) -> dict[str, Any]:
    return {
        "type": "object",
        "title": operation.title,
        "description": operation.summary,
        "properties": {
            "op": {"const": operation.name},
            **{field.name: _schema_of_field(field) for field in operation.fields},
        },
        "required": ["op", *(field.name for field in operation.fields if field.required)],
        "additionalProperties": False,
    }


# Checked by the operations themselves, which know the columns as well; described from the same records.
Operation = Annotated[
    Any, WithJsonSchema({"oneOf": [_schema_of(operation) for operation in list_operations()], "type": "object"})
]

_CODE = {
    "type": "object",
    "title": "Code",
    "description": "Polars code that made the version; no operation that could be sent",
    "properties": {"op": {"const": CODE}, "code": {"type": "string"}},
    "required": ["op", "code"],
    "additionalProperties": False,
}
StepOperation = Annotated[
    Any,
    WithJsonSchema({"oneOf": [*(_schema_of(operation) for operation in list_operations()), _CODE], "type": "object"}),
]


class Transform(Body):
    """Operations to do to a table, one after the other."""

    operations: list[Operation] = Field(min_length=1, max_length=200)
    preview: bool = Field(True, description="say what would change; false makes a new data set")
    name: str | None = Field(None, max_length=200, description="what to call the new data set")


class Change(Answer):
    operation: Operation
    title: str
    rows_removed: int
    cells_changed: int


class ColumnChange(Answer):
    name: str
    cells_changed: int


class Sample(Answer):
    columns: list[str]
    rows: list[list[Any]]


class Spreads(Answer):
    """How a column is spread before and after; null where it is not there. Numbers have the same bins where their
    ranges are alike."""

    column: str
    before: Distribution | None
    after: Distribution | None


class TransformPreview(Answer):
    """What operations would do. `operations` are as they would be stored, with what was learned from the rows;
    `before` and `after` show the same rows, those in which something changes first."""

    operations: list[Operation]
    changes: list[Change]
    n_rows_before: int
    n_rows_after: int
    columns_added: list[str]
    columns_removed: list[str]
    columns_renamed: dict[str, str]
    columns_changed: list[ColumnChange]
    before: Sample
    after: Sample
    rows: Annotated[list[int], Field(description="the numbers of these rows in the table before, from 1")]
    rows_changed: Annotated[int, Field(description="rows that stay, and in which some cell differs")]
    removed: Annotated[Sample, Field(description="some of the rows that would go")]
    removed_rows: list[int]
    distributions: Annotated[
        list[Spreads],
        Field(validation_alias="spreads", description="of some of the columns that change, or by which rows go"),
    ]
    warnings: Annotated[list[Remark], Field(validation_alias="remarks", description="what is worth saying of it")]


class OperationField(Answer):
    name: str
    kind: str
    title: str
    required: bool
    choices: list[str]
    default: Any
    learned: bool
    least: float | None
    most: float | None


class OperationType(Answer):
    """A kind of operation, and the fields of its form."""

    name: str
    title: str
    summary: str
    row_wise: Annotated[bool, Field(description="it is also done to rows that a model predicts")]
    fields: list[OperationField]


class OperationTypeList(Answer):
    items: list[OperationType]


class Step(Answer):
    operation: StepOperation
    title: str


class Version(Answer):
    """A data set and what was done to the one before it."""

    dataset: Dataset
    steps: list[Step]


class Lineage(Answer):
    """The versions that lead to a data set, itself last, and those made from it."""

    versions: list[Version]
    children: list[Version]
