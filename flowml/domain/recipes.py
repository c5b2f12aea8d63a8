"""A recipe: what was done to a table, as data, so that it can be shown, undone, and done again to new rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowml.domain.distributions import Categories, Histogram
from flowml.domain.remarks import Remark, sentences

# {"op": "fill", "column": "age", "value": 30}: plain JSON, never code.
Operation = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """What one operation did: a sentence, and how much of the table it touched."""

    operation: Operation
    title: str
    rows_removed: int
    cells_changed: int


@dataclass(frozen=True)
class ColumnChange:
    """A column that is there before and after, and how many of its cells differ."""

    name: str
    cells_changed: int


@dataclass(frozen=True)
class Sample:
    """Some rows. Values are JSON-ready, as those of a preview."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Spreads:
    """How a column is spread before and after; None where it is not there."""

    column: str
    before: Histogram | Categories | None
    after: Histogram | Categories | None


@dataclass(frozen=True)
class TransformPreview:
    """What operations would do to a table. `operations` are as they would be stored: what had to be learned from the
    rows (a median, the frequent categories) stands in them as a value; `renamed` maps old names to new ones. `before`
    and `after` are the same rows of the table, those in which something changes first, and `rows` their numbers in it,
    from 1; `removed` are some that would go. `spreads` are of the columns that change, or by which rows go."""

    operations: tuple[Operation, ...]
    changes: tuple[Change, ...]
    n_rows_before: int
    n_rows_after: int
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns_renamed: Mapping[str, str]
    columns_changed: tuple[ColumnChange, ...]
    before: Sample
    after: Sample
    rows: tuple[int, ...]
    rows_changed: int
    removed: Sample
    removed_rows: tuple[int, ...]
    spreads: tuple[Spreads, ...]
    remarks: tuple[Remark, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The remarks as sentences."""
        return sentences(self.remarks)


@dataclass(frozen=True)
class Confinement:
    """What keeps code from the rest of this machine: `is_whole` when nothing is missing, and what is, in words."""

    is_whole: bool
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CodePreview(TransformPreview):
    """What code would do to a table; it has no `operations`. `preview_id` names just this result of this code on this
    table, which can be approved for `expires_in_seconds`; `first` are the first rows of the result; `confinement` is
    what the code ran under."""

    preview_id: str
    code: str
    first: Sample
    expires_in_seconds: float
    confinement: Confinement = field(default_factory=lambda: Confinement(is_whole=False))


@dataclass(frozen=True)
class OperationField:
    """One field of an operation, for a form. `kind` says what it holds: column, columns, new_column, new_columns,
    expression, text, number, whole_number, flag, choice, choices, value, values, mapping or widths. `learned`: where it
    is left out, it is found in the rows and kept."""

    name: str
    kind: str
    title: str
    required: bool
    choices: tuple[str, ...] = ()
    default: Any = None
    learned: bool = False
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class OperationInfo:
    """A kind of operation. `row_wise`: it is also done to rows that a model predicts."""

    name: str
    title: str
    summary: str
    row_wise: bool
    fields: tuple[OperationField, ...]


def lines_of(code: str) -> str:
    """“3 lines of code”: code as a step of a table's history."""
    count = sum(1 for line in code.splitlines() if line.strip() and not line.strip().startswith("#"))
    return "1 line of code" if count == 1 else f"{count:,} lines of code"
