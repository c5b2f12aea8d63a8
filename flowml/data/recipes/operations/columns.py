"""Columns renamed and left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowml.data.recipes.kinds import Columns, kind_of_column, new_name
from flowml.data.recipes.operations.base import Field, FieldKind, OperationType, Step, listed
from flowml.domain.errors import InvalidInput
from flowml.domain.recipes import Operation


def _rename(operation: Operation, columns: Columns) -> Step:
    old, new = operation["column"], operation["to"]
    kind_of_column(columns, old, "column")
    new_name(columns, new, "to")

    def row(values: dict[str, Any]) -> None:
        values[new] = values.pop(old)

    return Step(
        columns={new if name == old else name: kind for name, kind in columns.items()},
        table=lambda frame: frame.rename({old: new}),
        row=row,
        inputs=(old,),
        outputs=(new,),
        renamed={old: new},
    )


def _drop(operation: Operation, columns: Columns) -> Step:
    for name in operation["columns"]:
        kind_of_column(columns, name, "columns")
    return _without(columns, operation["columns"])


def _keep(operation: Operation, columns: Columns) -> Step:
    for name in operation["columns"]:
        kind_of_column(columns, name, "columns")
    kept = frozenset(operation["columns"])
    return _without(columns, [name for name in columns if name not in kept])


def _without(columns: Columns, names: Sequence[str]) -> Step:
    dropped = frozenset(names)
    left = {name: kind for name, kind in columns.items() if name not in dropped}
    if not left:
        raise InvalidInput.of_field("columns", "No column would be left.", hint="Leave at least one in the table.")

    def row(values: dict[str, Any]) -> None:
        for name in names:
            values.pop(name, None)

    return Step(columns=left, table=lambda frame: frame.drop(names), row=row)


TYPES = (
    OperationType(
        "rename",
        "Rename a column",
        "Gives a column another name.",
        (
            Field("column", FieldKind.COLUMN, "the column"),
            Field("to", FieldKind.NEW_COLUMN, "its new name"),
        ),
        _rename,
        lambda operation: f"Rename “{operation['column']}” to “{operation['to']}”",
    ),
    OperationType(
        "drop",
        "Drop columns",
        "Takes columns out of the table.",
        (Field("columns", FieldKind.COLUMNS, "the columns to take out"),),
        _drop,
        lambda operation: f"Drop {listed(operation['columns'])}",
    ),
    OperationType(
        "keep",
        "Keep only some columns",
        "Takes all other columns out of the table.",
        (Field("columns", FieldKind.COLUMNS, "the columns that stay"),),
        _keep,
        lambda operation: f"Keep only {listed(operation['columns'])}",
    ),
)
