"""Rows left out, put in order, drawn by lot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowml.data.recipes.kinds import Columns, kind_of_column
from flowml.data.recipes.operations.base import Field, FieldKind, OperationType, Step, listed
from flowml.domain.errors import InvalidInput
from flowml.domain.recipes import Operation

if TYPE_CHECKING:
    import polars as pl

_NUMBER = "\0number"


def _named(operation: Operation, columns: Columns) -> list[str]:
    """The columns that an operation is about: all where none is named."""
    for name in operation.get("columns", ()):
        kind_of_column(columns, name, "columns")
    return list(operation.get("columns", columns))


def _drop_missing(operation: Operation, columns: Columns) -> Step:
    import polars as pl

    names = _named(operation, columns)

    def table(frame: pl.LazyFrame) -> pl.LazyFrame:
        there = [pl.col(name).is_not_null() for name in names]
        return frame.filter(pl.all_horizontal(there) if operation["how"] == "any" else pl.any_horizontal(there))

    return Step(columns, table, inputs=tuple(names))


def _drop_duplicates(operation: Operation, columns: Columns) -> Step:
    names = _named(operation, columns)
    keep = operation["keep"]
    return Step(columns, lambda frame: frame.unique(names, keep=keep, maintain_order=True), inputs=tuple(names))


def _sort(operation: Operation, columns: Columns) -> Step:
    name, descending = operation["column"], operation["descending"]
    kind_of_column(columns, name, "column")

    def table(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.sort(name, descending=descending, nulls_last=True, maintain_order=True)

    return Step(columns, table, inputs=(name,))


def _sample(operation: Operation, columns: Columns) -> Step:
    if ("n" in operation) == ("share" in operation):
        raise InvalidInput.of_field("n", "Give either n, a number of rows, or share, a part of them.")

    def table(frame: pl.LazyFrame) -> pl.LazyFrame:
        import numpy as np
        import polars as pl

        n_rows = int(frame.select(pl.len()).collect(engine="streaming").item())
        wanted = operation["n"] if "n" in operation else round(operation["share"] * n_rows)
        drawn = np.random.default_rng(operation["seed"]).permutation(n_rows)[: min(wanted, n_rows)]
        chosen = np.zeros(n_rows, dtype=bool)
        chosen[drawn] = True
        marks = pl.Series(chosen)
        return (
            frame.with_row_index(_NUMBER)
            .filter(pl.col(_NUMBER).map_batches(marks.gather, return_dtype=pl.Boolean, is_elementwise=True))
            .drop(_NUMBER)
        )

    return Step(columns, table)


def _about(operation: Operation) -> str:
    return f" in {listed(operation['columns'])}" if "columns" in operation else ""


def _describe_missing(operation: Operation) -> str:
    what = "a missing value" if operation["how"] == "any" else "nothing but missing values"
    return f"Drop rows with {what}{_about(operation)}"


def _describe_sample(operation: Operation) -> str:
    how_many = f"{operation['n']:,} rows" if "n" in operation else f"{operation['share']:.3%} of the rows"
    return f"Draw {how_many} by lot"


_ROWS = Field("columns", FieldKind.COLUMNS, "the columns to look at; all where none is named", required=False)

TYPES = (
    OperationType(
        "drop_missing",
        "Drop rows with missing values",
        "Takes out rows in which a value is missing.",
        (
            _ROWS,
            Field("how", FieldKind.CHOICE, "whether one is enough or all have to be", False, ("any", "all"), "any"),
        ),
        _drop_missing,
        _describe_missing,
        row_wise=False,
    ),
    OperationType(
        "drop_duplicates",
        "Drop repeated rows",
        "Of rows that are alike, one stays.",
        (_ROWS, Field("keep", FieldKind.CHOICE, "which one stays", False, ("first", "last"), "first")),
        _drop_duplicates,
        lambda operation: f"Drop rows that repeat{_about(operation)}",
        row_wise=False,
    ),
    OperationType(
        "sort",
        "Sort rows",
        "Puts the rows in the order of a column, missing values last.",
        (
            Field("column", FieldKind.COLUMN, "the column"),
            Field("descending", FieldKind.FLAG, "the greatest first", required=False, default=False),
        ),
        _sort,
        lambda operation: f"Sort by “{operation['column']}”{', the greatest first' if operation['descending'] else ''}",
        row_wise=False,
    ),
    OperationType(
        "sample",
        "Draw rows by lot",
        "Keeps some rows, chosen by chance: the same ones for the same seed.",
        (
            Field("n", FieldKind.WHOLE_NUMBER, "how many", required=False, least=1, most=2**53),
            Field("share", FieldKind.NUMBER, "what part of them", required=False, least=0, most=1),
            Field("seed", FieldKind.WHOLE_NUMBER, "another one draws other rows", False, (), 0, least=0, most=2**53),
        ),
        _sample,
        _describe_sample,
        row_wise=False,
    ),
)
