"""Missing values: filled, or recognised in what stands for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flowml.data.recipes import scalars
from flowml.data.recipes.kinds import Columns, Kind, is_whole, kind_of_column
from flowml.data.recipes.operations.base import Field, FieldKind, OperationType, Step, in_place, listed, shown
from flowml.data.values import plain
from flowml.domain.errors import InvalidInput
from flowml.domain.recipes import Operation

if TYPE_CHECKING:
    import polars as pl

_LEARNED = ("mean", "median", "most_frequent")
_WORDS = {
    "mean": "the mean",
    "median": "the median",
    "most_frequent": "the most frequent value",
    "previous": "the value before them",
}


def _fill(operation: Operation, columns: Columns) -> Step:
    import polars as pl

    name, how = operation["column"], operation["with"]
    kind = kind_of_column(columns, name, "column")
    if how in ("mean", "median") and not kind.is_number:
        raise InvalidInput.of_field(
            "with", f"“{name}” holds {kind.words}, which have no {how}.", hint="Use most_frequent or a value."
        )
    if how == "previous":
        return Step(
            columns,
            lambda frame: frame.with_columns(pl.col(name).forward_fill()),
            inputs=(name,),
            outputs=(name,),
        )
    if "value" not in operation:
        if how == "value":
            raise InvalidInput.of_field("value", "The value that missing ones are filled with is missing.")
        return Step(columns, lambda frame: frame, None, (name,), (name,), lambda frame: _learn(operation, frame))
    value, wanted = fitting(operation["value"], kind, name, "value")

    def table() -> pl.Expr:
        return pl.col(name).cast(wanted.polars).fill_null(pl.lit(value, dtype=wanted.polars))

    if wanted is kind:
        return in_place(columns, name, wanted, table, lambda found: value if found is None else found)
    return in_place(columns, name, wanted, table, lambda found: value if found is None else float(found))


def _learn(operation: Operation, frame: pl.LazyFrame) -> Operation:
    import polars as pl

    name = operation["column"]
    column = pl.col(name).drop_nulls()
    if operation["with"] == "most_frequent":
        # Of values that are as frequent, the smallest: the same table always gives the same.
        counts = frame.select(column.alias("value")).group_by("value").len("count")
        found = counts.sort(["count", "value"], descending=[True, False]).head(1).select("value")
    else:
        found = frame.select(column.mean() if operation["with"] == "mean" else column.median())
    answer = found.collect(engine="streaming")
    value = answer.item() if answer.height else None
    if value is None:
        raise InvalidInput.of_field("column", f"Every value of “{name}” is missing, so there is nothing to fill with.")
    whole = isinstance(value, float) and frame.collect_schema()[name].is_integer() and value.is_integer()
    return {**operation, "value": int(value) if whole else plain(value)}


def fitting(value: Any, kind: Kind, name: str, field: str) -> tuple[Any, Kind]:
    """A value of an operation as one of a column, and the kind that the column then has. Raises InvalidInput."""
    found: Any = None
    if kind is Kind.TEXT:
        found = scalars.text_of(value)
    elif kind.is_number and not isinstance(value, bool):
        number = value if not isinstance(value, str) else scalars.number_of(value)
        if number is not None and kind is Kind.WHOLE and is_whole(number):
            found = scalars.whole_of(value) if isinstance(value, str) else int(number)
        elif number is not None:
            return float(number), Kind.NUMBER
    elif kind is Kind.BOOLEAN:
        found = value if isinstance(value, bool) else scalars.truth_of(scalars.text_of(value))
    elif isinstance(value, str):
        found = scalars.date_of(value) if kind is Kind.DATE else scalars.moment_of(value)
    if found is None:
        raise InvalidInput.of_field(
            field,
            f"{shown(value)} does not fit into “{name}”, which holds {kind.words}.",
            hint="Dates are written 2026-01-31 or 2026-01-31 12:00." if kind.is_time else None,
        )
    return found, kind


def _mark_missing(operation: Operation, columns: Columns) -> Step:
    import polars as pl

    marks = {
        name: _meant(operation["values"], kind_of_column(columns, name, "columns"), name)
        for name in operation["columns"]
    }
    sets = [(name, frozenset(values)) for name, values in marks.items()]

    def table(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.with_columns(
            pl.when(pl.col(name).is_in(values)).then(None).otherwise(pl.col(name)).alias(name)
            for name, values in marks.items()
            if values
        )

    def row(values: dict[str, Any]) -> None:
        for name, marked in sets:
            if values[name] in marked:
                values[name] = None

    names = tuple(marks)
    return Step(columns, table, row, names, names)


def _meant(values: Sequence[Any], kind: Kind, name: str) -> list[Any]:
    """Those that a column of this kind can hold."""
    found = []
    for value in values:
        try:
            fitted, wanted = fitting(value, kind, name, "values")
        except InvalidInput:
            continue
        if wanted is kind:
            found.append(fitted)
    return found


def _describe_fill(operation: Operation) -> str:
    how = operation["with"]
    if how == "value":
        return f"Fill what is missing in “{operation['column']}” with {shown(operation.get('value'))}"
    learned = f" ({shown(operation['value'])})" if "value" in operation else ""
    return f"Fill what is missing in “{operation['column']}” with {_WORDS[how]}{learned}"


TYPES = (
    OperationType(
        "fill",
        "Fill missing values",
        "Puts a value where none is. A mean, a median or a most frequent value is found once and kept.",
        (
            Field("column", FieldKind.COLUMN, "the column"),
            Field(
                "with",
                FieldKind.CHOICE,
                "what is put there",
                required=False,
                choices=("value", *_LEARNED, "previous"),
                default="value",
            ),
            Field("value", FieldKind.VALUE, "the value", required=False, learned=True),
        ),
        _fill,
        _describe_fill,
    ),
    OperationType(
        "mark_missing",
        "Mark as missing",
        "Takes values that stand for nothing, such as “?” or -999, as missing.",
        (
            Field("columns", FieldKind.COLUMNS, "the columns"),
            Field("values", FieldKind.VALUES, "the values that mean nothing"),
        ),
        _mark_missing,
        lambda operation: (
            f"Take {', '.join(shown(value) for value in operation['values'][:5])} as missing in"
            f" {listed(operation['columns'])}"
        ),
    ),
)
