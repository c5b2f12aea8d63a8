"""What ideas are looked for in, and what one looks like before the best are chosen."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from flowml.automl.ideas.judge import Judge
from flowml.domain.datasets import Role
from flowml.domain.wording import number

_MOST_NUMBERS = 12
_MOST_CATEGORIES = 10
_FEWEST_VALUES = 5
FOR_LINEAR = "linear models; trees find it by themselves"
FOR_TREES = "gradient boosting and trees; a linear model makes it by itself"


@dataclass(frozen=True)
class Candidate:
    """`told` is the share of the target's variation that it tells, `gain` how much of that the columns that it is made
    of do not."""

    kind: str
    told: float
    gain: float
    reason: str
    figures: tuple[float, ...]
    columns: tuple[str, ...]
    operations: tuple[Mapping[str, Any], ...]
    for_whom: str = ""


@dataclass(frozen=True)
class Table:
    """The columns to predict from, of the rows that have a target. `numbers` and `categories` are those by role."""

    frame: pl.DataFrame
    roles: Mapping[str, Role]
    target: str

    @classmethod
    def of(cls, rows: pl.DataFrame, roles: Mapping[str, Role], target: str) -> "Table":
        names = [name for name in rows.columns if name != target and roles[name] is not Role.CONSTANT]
        return cls(rows.select(names), roles, target)

    def values(self, name: str) -> np.ndarray:
        """A column of numbers, float64, NaN where it is missing."""
        return self.frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)

    @cached_property
    def numbers(self) -> list[str]:
        """Columns of numbers that measure something."""
        return [
            name
            for name in self.frame.columns
            if self.roles[name] is Role.NUMERIC
            and self.frame[name].dtype.is_numeric()
            and self.frame[name].n_unique() >= _FEWEST_VALUES
        ]

    @cached_property
    def categories(self) -> list[str]:
        """Columns of texts with few values."""
        return [
            name
            for name in self.frame.columns
            if self.roles[name] is Role.CATEGORICAL and self.frame[name].dtype == pl.String
        ]

    def telling_numbers(self, judge: Judge) -> list[str]:
        """Those that say most of the target, the first first."""
        return sorted(self.numbers, key=lambda name: -judge.told_by(self.frame[name]))[:_MOST_NUMBERS]

    def telling_categories(self, judge: Judge) -> list[str]:
        return sorted(self.categories, key=lambda name: -judge.told_by(self.frame[name]))[:_MOST_CATEGORIES]

    def free(self, name: str) -> str:
        """A name that no column has."""
        taken = {*self.frame.columns, self.target}
        return next(one for one in (name, *(f"{name}_{count}" for count in range(2, 1_000))) if one not in taken)

    def spread_of(self, values: np.ndarray) -> pl.Series:
        """Worked out values as a column to judge."""
        return pl.Series("worked out", values).fill_nan(None)


def written(name: str) -> str:
    """A column's name in an expression."""
    return f"`{name.replace('`', '``')}`"


def less(written_name: str, number: str) -> str:
    """A column less a number, in brackets.

    >>> less("`a`", "34.25"), less("`a`", "-2")
    ('(`a` - 34.25)', '(`a` + 2)')
    """
    return f"({written_name} + {number[1:]})" if number.startswith("-") else f"({written_name} - {number})"


def strength(told: float) -> str:
    """A share of variation as the strength that the page of relations shows."""
    return number(round(told**0.5, 2))


def on_scale(told: float) -> str:
    """The first strength of a sentence, with what it is measured by."""
    return f"{strength(told)} on a scale from 0 (not at all) to 1 (entirely)"


def strengths(*told: float) -> tuple[float, ...]:
    """The same as figures."""
    return tuple(round(one**0.5, 2) for one in told)


def derive(column: str, expression: str) -> tuple[Mapping[str, Any], ...]:
    """One operation that computes a column."""
    return ({"op": "derive", "column": column, "expression": expression},)
