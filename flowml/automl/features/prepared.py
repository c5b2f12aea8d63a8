"""A table made ready for encoding, once: numbers as arrays, texts as codes into their distinct values.

Everything after it works on integers and floats, so that folds, views and trials share the expensive part. Polars is
loaded only here and only for whole tables: a model that answers single rows does without.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from flowml.automl.features.values import DAY_AFTER_LAST, DAY_SECONDS, FIRST_DAY, LARGEST, days_of, label_of, number_of
from flowml.domain.datasets import Role

if TYPE_CHECKING:
    import polars as pl

_LOOKED_AT = 2_000
_MOST_KEYS = 20

_T = TypeVar("_T")


@dataclass(frozen=True)
class Numbers:
    """A column of numbers: float64, missing as NaN."""

    values: np.ndarray

    def take(self, rows: np.ndarray) -> "Numbers":
        return Numbers(self.values[rows])


@dataclass(frozen=True)
class Labels:
    """A column of texts: `codes` (int32, -1 for missing) into `levels`, the distinct values in sorted order.

    A part of the rows keeps all levels of the table, with those that do not occur in it.
    """

    codes: np.ndarray
    levels: tuple[str, ...]
    _known: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def take(self, rows: np.ndarray) -> "Labels":
        return Labels(self.codes[rows], self.levels, self._known)

    def counts(self) -> np.ndarray:
        """How many rows have each level, int64 (levels,)."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.levels))

    def positions(self) -> Mapping[str, int]:
        """The code of each level."""
        return self.once("positions", lambda levels: {level: index for index, level in enumerate(levels)})

    def once(self, what: str, compute: Callable[[tuple[str, ...]], _T]) -> _T:
        """What `compute` makes of the levels, kept for all parts of this column: it must depend on nothing else."""
        if what not in self._known:
            self._known[what] = compute(self.levels)
        found: _T = self._known[what]
        return found


PreparedColumn = Numbers | Labels


@dataclass(frozen=True)
class Prepared:
    """All columns of a table, by name."""

    columns: Mapping[str, PreparedColumn]
    n_rows: int

    def take(self, rows: np.ndarray) -> "Prepared":
        """The given rows. A column is copied when it is asked for, so that few copies live at a time."""
        return Prepared(_Rows(self.columns, rows), len(rows))


class _Rows(Mapping[str, PreparedColumn]):
    """Some rows of columns, taken whenever one is asked for."""

    def __init__(self, columns: Mapping[str, PreparedColumn], rows: np.ndarray):
        self._columns = columns
        self._rows = rows

    def __getitem__(self, name: str) -> PreparedColumn:
        return self._columns[name].take(self._rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


def prepare(frame: "pl.DataFrame", roles: Mapping[str, Role]) -> Prepared:
    """The columns named in `roles`; one that the frame lacks is missing in every row."""
    columns: dict[str, PreparedColumn] = {}
    present = set(frame.columns)
    for name, role in roles.items():
        if name not in present:
            columns[name] = _all_missing(role, frame.height)
        elif is_labels(role):
            columns[name] = _labels(frame[name])
        elif role is Role.DATETIME:
            columns[name] = _days(frame[name])
        else:
            columns[name] = _numbers(frame[name])
    return Prepared(columns, frame.height)


def order_of_likeness(table: Prepared) -> np.ndarray:
    """The rows in an order in which neighbours are alike, int64 (rows,): by the columns of the fewest different values
    first."""
    keys = [
        column.codes if isinstance(column, Labels) else column.values.astype(np.float32)
        for column in table.columns.values()
    ]
    keys.sort(key=lambda key: -len(np.unique(key[:_LOOKED_AT])))
    # The last key counts most; more than these would change little.
    return np.lexsort(keys[-_MOST_KEYS:])


def is_labels(role: Role) -> bool:
    """Whether columns of this role are texts rather than numbers."""
    return role in (Role.CATEGORICAL, Role.TEXT, Role.IDENTIFIER, Role.CONSTANT)


def labels_of(series: "pl.Series") -> "pl.Series":
    """A whole column by the rule of `label_of`."""
    import polars as pl

    if series.dtype == pl.Boolean:
        return series.replace_strict({True: "true", False: "false"}, return_dtype=pl.String)
    if series.dtype.is_integer():
        return series.cast(pl.String)
    if series.dtype in (pl.String, pl.Categorical, pl.Enum):
        texts = series.cast(pl.String)
        return texts.set(texts == "", None)
    return pl.Series(series.name, [label_of(value) for value in series.to_list()], dtype=pl.String)


def _labels(series: "pl.Series") -> Labels:
    import polars as pl

    texts = labels_of(series)
    levels = texts.drop_nulls().unique().sort()
    # By hash, since ranking would compare texts of every row.
    coded = pl.DataFrame({"level": levels, "code": np.arange(len(levels), dtype=np.int32)})
    rows = pl.DataFrame({"level": texts}).join(coded, on="level", how="left", maintain_order="left")
    return Labels(rows["code"].fill_null(-1).to_numpy().astype(np.int32), tuple(levels.to_list()))


def _numbers(series: "pl.Series") -> Numbers:
    import polars as pl

    if series.dtype.is_temporal():
        return _days(series)
    if series.dtype.is_numeric() or series.dtype == pl.Boolean:
        values = series.cast(pl.Float64).to_numpy().astype(np.float64)
    else:
        values = _each(series, number_of)
    return Numbers(np.where(np.abs(values) <= LARGEST, values, np.nan))


def _days(series: "pl.Series") -> Numbers:
    import polars as pl

    if series.dtype == pl.Date or series.dtype == pl.Datetime:
        micro = series.cast(pl.Datetime("us")).cast(pl.Int64).cast(pl.Float64).to_numpy().astype(np.float64)
        days = micro / (DAY_SECONDS * 1e6)
        return Numbers(np.where((days >= FIRST_DAY) & (days < DAY_AFTER_LAST), days, np.nan))
    return Numbers(_each(series, days_of))


def _each(series: "pl.Series", function: Callable[[Any], float]) -> np.ndarray:
    levels = series.unique()
    table = dict(zip(levels.to_list(), map(function, levels.to_list()), strict=True))
    return np.array([table[value] for value in series.to_list()], dtype=np.float64)


def _all_missing(role: Role, n_rows: int) -> PreparedColumn:
    if is_labels(role):
        return Labels(np.full(n_rows, -1, dtype=np.int32), ())
    return Numbers(np.full(n_rows, np.nan))
