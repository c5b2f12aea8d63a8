"""What an operation is: its fields, the check of what a client sends, and what it does once the columns are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from flowml.data.recipes.kinds import Columns, Kind
from flowml.domain.recipes import Operation

if TYPE_CHECKING:
    import polars as pl


class FieldKind(StrEnum):
    """What a field of an operation holds."""

    COLUMN = "column"
    COLUMNS = "columns"
    NEW_COLUMN = "new_column"
    NEW_COLUMNS = "new_columns"
    EXPRESSION = "expression"
    TEXT = "text"
    NUMBER = "number"
    WHOLE_NUMBER = "whole_number"
    FLAG = "flag"
    CHOICE = "choice"
    CHOICES = "choices"
    VALUE = "value"
    VALUES = "values"
    MAPPING = "mapping"
    WIDTHS = "widths"


@dataclass(frozen=True)
class Field:
    """One field of an operation, for its check and for a form. `learned`: where it is left out it is found in the rows
    once, and stays in the recipe."""

    name: str
    kind: FieldKind
    title: str
    required: bool = True
    choices: tuple[str, ...] = ()
    default: Any = None
    learned: bool = False
    least: float | None = None
    most: float | None = None


# A row is changed in place: it has all columns of its step, missing ones as None.
RowFunction = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Step:
    """An operation that knows the columns in front of it. `columns` are those behind it.

    `inputs` are the columns that it reads, `outputs` those that it writes. `row` is None where it cannot be done to a
    row alone. `learn` is there while something has to be found in the rows first. `converts` names a column whose
    values may not convert, and says into what.
    """

    columns: Columns
    table: Callable[[pl.LazyFrame], pl.LazyFrame]
    row: RowFunction | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    learn: Callable[[pl.LazyFrame], Operation] | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    converts: tuple[str, str] | None = None


@dataclass(frozen=True)
class OperationType:
    """A kind of operation. `bind` gets the checked fields; raises InvalidInput about one of them, by its name."""

    name: str
    title: str
    summary: str
    fields: tuple[Field, ...]
    bind: Callable[[Operation, Columns], Step]
    describe: Callable[[Operation], str]
    row_wise: bool = True

    def field(self, name: str) -> Field | None:
        return next((one for one in self.fields if one.name == name), None)


def changed(columns: Columns, **changes: Kind) -> dict[str, Kind]:
    """The columns with some of another kind, or added at the end."""
    return {**columns, **changes}


def in_place(
    columns: Columns,
    name: str,
    kind: Kind,
    table: Callable[[], pl.Expr],
    row: Callable[[Any], Any],
    *,
    converts: str | None = None,
) -> Step:
    """A column's values replaced one by one. `row` gets present and missing values."""

    def change(values: dict[str, Any]) -> None:
        values[name] = row(values[name])

    return Step(
        columns={**columns, name: kind},
        table=lambda frame: frame.with_columns(table().alias(name)),
        row=change,
        inputs=(name,),
        outputs=(name,),
        converts=None if converts is None else (name, converts),
    )


def present(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of present values that leaves missing ones missing."""
    return lambda value: None if value is None else convert(value)


def shown(value: Any) -> str:
    """A value in a title."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, int) else f"“{str(value)[:40]}”"


def listed(names: Any, most: int = 5) -> str:
    """Column names in a title."""
    names = list(names)
    quoted = ", ".join(f"“{name}”" for name in names[:most])
    return quoted if len(names) <= most else f"{quoted} and {len(names) - most} more"
