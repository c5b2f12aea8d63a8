"""A table under examination, and what a check answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from flowml.data.sampling import fits, height_of
from flowml.domain.datasets import ColumnStats, Finding, Role, Severity
from flowml.domain.recipes import Operation

# Enough to see what a model would be misled by; what needs more rows than that hardly matters to it.
_SAMPLE_ROWS = 20_000
_SAMPLE_CELLS = 20_000_000
# Up to so many different texts are looked at one by one; of more, those of a sample.
_MOST_TEXTS = 50_000


@dataclass(frozen=True)
class Found:
    """A finding and how much of the table it concerns, 0 to 1: the larger come first."""

    finding: Finding
    size: float


def found(
    code: str,
    severity: Severity,
    columns: Sequence[str],
    message: str,
    suggestion: str,
    operations: Sequence[Operation] = (),
    *,
    size: float = 0.0,
) -> Found:
    return Found(Finding(code, severity, tuple(columns), message, suggestion, tuple(operations)), size)


class Examined:
    """A stored table, read column by column where it is large. `now` is the time in seconds since 1970."""

    def __init__(self, path: Path, stats: Sequence[ColumnStats], target: str | None, now: float):
        self.path = path
        self.stats: Mapping[str, ColumnStats] = {item.name: item for item in stats}
        self.target = self.stats[target] if target is not None else None
        self.now = now
        self.n_rows = height_of(path)
        rows = max(1_000, min(_SAMPLE_ROWS, _SAMPLE_CELLS // max(1, len(stats))))
        # A file of many columns is read once: opening it takes as long as reading a column.
        is_small = fits(self.n_rows, len(stats))
        self._frame = pl.read_parquet(path, glob=False) if is_small else None
        self._step = max(1, math.ceil(self.n_rows / rows))
        self._samples: dict[str, pl.Series] = {}

    @property
    def features(self) -> list[ColumnStats]:
        """All columns but the target."""
        return [item for item in self.stats.values() if item is not self.target]

    def values(self, name: str) -> pl.Series:
        """A whole column."""
        if self._frame is not None:
            return self._frame[name]
        return pl.scan_parquet(self.path, glob=False).select(pl.col(name)).collect().to_series()

    def sample(self, name: str) -> pl.Series:
        """The column over some rows, the same ones for every column."""
        if name not in self._samples:
            self.keep_sample(self.values(name))
        return self._samples[name]

    def keep_sample(self, values: pl.Series) -> None:
        """Remember the sample of a column that has been read anyway."""
        self._samples[values.name] = values.gather_every(self._step)

    @property
    def is_sampled(self) -> bool:
        return self._step > 1

    @property
    def sample_rows(self) -> int:
        return math.ceil(self.n_rows / self._step)


@dataclass(frozen=True)
class ColumnView:
    """One column of it, with its statistics."""

    stats: ColumnStats
    values: pl.Series
    table: Examined

    @property
    def name(self) -> str:
        return self.stats.name

    @property
    def is_target(self) -> bool:
        return self.stats is self.table.target

    @property
    def is_number(self) -> bool:
        """Whether it holds quantities: no codes, no keys, no yes and no."""
        return self.values.dtype.is_numeric() and self.stats.role is Role.NUMERIC

    @property
    def is_text(self) -> bool:
        return self.values.dtype == pl.String

    def share(self, count: int) -> float:
        """Of all rows of the table."""
        return count / self.table.n_rows if self.table.n_rows else 0.0

    @cached_property
    def texts(self) -> pl.DataFrame:
        """The different texts ("value") and how often each occurs ("count"), the most frequent first; of a column of
        very many different ones, those of a sample."""
        values = self.values.drop_nulls()
        if self.stats.n_unique > _MOST_TEXTS:
            values = values.gather_every(math.ceil(len(values) / _MOST_TEXTS))
        counted = values.alias("value").value_counts(name="count").with_columns(pl.col("count").cast(pl.Int64))
        return counted.sort(["count", "value"], descending=[True, False])

    @property
    def has_all_texts(self) -> bool:
        return self.stats.n_unique <= _MOST_TEXTS


def backticked(name: str) -> str | None:
    """A column as an expression has it; None for a name that cannot stand in one."""
    return None if "`" in name or "\\" in name else f"`{name}`"
