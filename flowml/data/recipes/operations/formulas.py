"""New columns and chosen rows, by an expression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flowml.data.recipes.expression.meaning import columns_of, compile_expression
from flowml.data.recipes.kinds import Columns, Kind, new_name
from flowml.data.recipes.operations.base import Field, FieldKind, OperationType, Step
from flowml.domain.errors import InvalidInput
from flowml.domain.recipes import Operation

if TYPE_CHECKING:
    import polars as pl


def _derive(operation: Operation, columns: Columns) -> Step:
    name, expression = operation["column"], operation["expression"]
    formula = compile_expression(expression, columns)
    if formula.kind is None:
        raise InvalidInput.of_field("expression", "This expression is missing for every row.")
    if name not in columns:
        new_name(columns, name, "column")
    compute = formula.row

    def row(values: dict[str, Any]) -> None:
        values[name] = compute(values)

    return Step(
        {**columns, name: formula.kind},
        lambda frame: frame.with_columns(formula.table().alias(name)),
        row,
        columns_of(expression),
        (name,),
    )


def _filter(operation: Operation, columns: Columns) -> Step:
    import polars as pl

    expression = operation["expression"]
    formula = compile_expression(expression, columns)
    if formula.kind is not Kind.BOOLEAN:
        words = "missing" if formula.kind is None else formula.kind.words
        raise InvalidInput.of_field(
            "expression",
            f"Rows are chosen by what is true or false, and this gives {words}.",
            hint="Compare the value with something, such as age > 18.",
        )

    def table(frame: pl.LazyFrame) -> pl.LazyFrame:
        # In a column of its own first: a literal has no rows.
        chosen = frame.with_columns(formula.table().fill_null(value=False).alias(_CHOSEN))
        wanted = pl.col(_CHOSEN) if operation["action"] == "keep" else ~pl.col(_CHOSEN)
        return chosen.filter(wanted).drop(_CHOSEN)

    return Step(columns, table, inputs=columns_of(expression))


_CHOSEN = "\0chosen"
_LOGARITHM = re.compile(r"log1p\(`(?P<column>(?:[^`]|``)+)`\)")


def _describe(operation: Operation) -> str:
    column, expression = operation["column"], operation["expression"]
    logarithm = _LOGARITHM.fullmatch(expression.strip())
    if logarithm is None:
        return f"Compute “{column}” as {expression[:80]}"
    source = logarithm["column"].replace("``", "`")
    # Whoever reads it need not know the function.
    scale = "on a logarithmic scale, log(1 + value)"
    return f"Put “{column}” {scale}" if source == column else f"Make “{column}”: “{source}” {scale}"


TYPES = (
    OperationType(
        "derive",
        "Compute a column",
        "Adds a column, or replaces one, by an expression such as price / amount or if(age < 18, 1, 0).",
        (
            Field("column", FieldKind.NEW_COLUMN, "its name, new or of a column that it replaces"),
            Field("expression", FieldKind.EXPRESSION, "what it holds"),
        ),
        _derive,
        _describe,
    ),
    OperationType(
        "filter",
        "Filter rows",
        "Keeps or removes the rows for which an expression is true.",
        (
            Field("expression", FieldKind.EXPRESSION, "what has to be true, such as age >= 18"),
            Field("action", FieldKind.CHOICE, "what becomes of these rows", False, ("keep", "remove"), "keep"),
        ),
        _filter,
        lambda operation: (
            f"{'Keep only' if operation['action'] == 'keep' else 'Remove'} rows where {operation['expression'][:80]}"
        ),
        row_wise=False,
    ),
)
