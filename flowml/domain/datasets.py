"""A dataset: one table, stored once in its canonical form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from flowml.domain.access.caller import LOCAL_OWNER
from flowml.domain.recipes import Operation
from flowml.domain.remarks import Remark, sentences


class Role(StrEnum):
    """What a column is good for."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    TEXT = "text"
    IDENTIFIER = "identifier"
    CONSTANT = "constant"


@dataclass(frozen=True)
class Column:
    """One column: its name, its storage type (Polars' name for it) and its role."""

    name: str
    dtype: str
    role: Role


@dataclass(frozen=True)
class TopValue:
    """A frequent value and how often it occurs."""

    value: Any
    count: int


@dataclass(frozen=True)
class ColumnStats:
    """What there is to know about one column; None where a figure does not apply. `reason` is why it has its role."""

    name: str
    dtype: str
    role: Role
    count: int
    missing: int
    missing_share: float
    n_unique: int
    mean: float | None = None
    std: float | None = None
    min: Any = None
    q25: float | None = None
    median: float | None = None
    q75: float | None = None
    max: Any = None
    skewness: float | None = None
    top: tuple[TopValue, ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class HowRead:
    """How a file was read, by the names of its format's options.

    `options` is what its owner asked for, `decided` what was taken, `choices` what else an option could be.
    `reader` names the format's reader. `notations` say of columns how their values are written, so that others are read
    alike (`data.conversion.notation`); columns that the file itself has in their type are not among them.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    decided: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, list[str]] = field(default_factory=dict)
    reader: str = ""
    notations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadingOption:
    """Something the owner of a file may say about it: a Format's Option, with what holds for this file.

    `values` are what it can be, where that is known; `given` is what its owner said, `decided` what was taken.
    """

    name: str
    title: str
    kind: str
    values: tuple[str, ...]
    given: Any = None
    decided: Any = None


@dataclass(frozen=True)
class Ingested:
    """What reading a file produced: the canonical Parquet file and all that was learned on the way.

    `figures` are answers that somebody will ask for, by the name under which they are kept.
    """

    format: str
    n_rows: int
    columns: tuple[Column, ...]
    stats: tuple[ColumnStats, ...]
    remarks: tuple[Remark, ...]
    how_read: HowRead = field(default_factory=HowRead)
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """A stored table. `sha256` is the hash of the uploaded bytes, `table` of the canonical Parquet file.

    `source` is the hash of the uploaded file where it is kept, so that it can be read in another way. `recipe` is all
    that was done to the table since it was read, and `root_table` the file that it starts from: None when nothing was.
    `code` is what made it of its parent, where code did; its recipe then begins anew.
    """

    id: str
    name: str
    filename: str
    format: str
    n_rows: int
    n_columns: int
    size_bytes: int
    sha256: str
    table: str
    parent_id: str | None
    created_at: float
    columns: tuple[Column, ...]
    remarks: tuple[Remark, ...] = ()
    source: str | None = None
    how_read: HowRead = field(default_factory=HowRead)
    recipe: tuple[Operation, ...] = ()
    root_table: str | None = None
    owner: str = LOCAL_OWNER.identifier
    code: str | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """The remarks as sentences."""
        return sentences(self.remarks)

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True)
class Preview:
    """A page of a table. Values are JSON-ready: missing and non-finite ones are None, dates are ISO 8601 strings.

    `total` is the number of rows that match the search, or of all rows without one; `numbers` are those of the rows in
    the table as it stands, from 1.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Correlation:
    """A symmetric matrix, (columns, columns); None where a figure is undefined. `directions` is 1 where two columns
    rise together, -1 where one falls as the other rises, 0 where there is no such thing. `note` says what was left
    out."""

    columns: tuple[str, ...]
    matrix: tuple[tuple[float | None, ...], ...]
    directions: tuple[tuple[int, ...], ...]
    method: str
    note: str | None = None


class Severity(StrEnum):
    """How much a finding matters: worth knowing, likely to make models worse, or to mislead."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Finding:
    """Something about the quality of a table. `operations` would mend it, and `fix` says in words how; both are empty
    where only its owner can."""

    code: str
    severity: Severity
    columns: tuple[str, ...]
    message: str
    suggestion: str
    operations: tuple[Operation, ...] = ()
    fix: str = ""


FEWEST_ROWS_FOR_LEAKAGE = 50
"""With a value of the target: of fewer no column is said to give it away."""


@dataclass(frozen=True)
class Quality:
    """The findings about a table, the worst first. `note` says what was judged on a sample."""

    target: str | None
    issues: tuple[Finding, ...]
    note: str | None = None
