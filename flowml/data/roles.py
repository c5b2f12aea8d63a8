"""What a column is good for, and why.

Data sets mislead in known ways: a 0/1 target looks like a quantity, a key looks like the best feature there is, a
number of many digits is a name. Every decision comes with the reason, to be shown to whoever disagrees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from flowml.data.canonical import canonical
from flowml.data.formats.base import Limits
from flowml.domain.datasets import Role

# Names that end in "id" as a word of their own, not "paid" or "humid".
_ID_NAME = re.compile(
    r"(^|[\s_\-.])(id|uuid|guid|key|index|idx|rowname|rownames|row|sno|nr|no)$|^unnamed: 0$", re.IGNORECASE
)
_CAMEL_ID = re.compile(r"[a-z](Id|ID|Key|Index)$")
_YES_NO = (
    frozenset({"yes", "no"}),
    frozenset({"y", "n"}),
    frozenset({"true", "false"}),
    frozenset({"t", "f"}),
    frozenset({"on", "off"}),
)
# Below this many rows, a running number may well be a measurement.
_FEW_ROWS = 20
_MANY_WORDS = 4.0
_LONG_TEXT = 40.0
_MOST_CATEGORIES_SHARE = 0.5
_SURELY_CATEGORIES = 50


@dataclass(frozen=True)
class Figures:
    """What a role is decided from. `counted` is the number of values that are not missing."""

    name: str
    values: pl.Series
    counted: int
    n_unique: int
    least: float | None = None
    greatest: float | None = None
    distinct: pl.Series | None = None


def roles_of(frame: pl.DataFrame) -> dict[str, Role]:
    """The role of every column of any frame, judged as if it were stored."""
    roles = {}
    for values in frame.get_columns():
        simple, _ = canonical(values.to_frame(), Limits())
        roles[values.name] = role_of(_figures(simple.to_series()))[0]
    return roles


def _figures(values: pl.Series) -> Figures:
    distinct = values.drop_nulls().unique(maintain_order=True)
    least, greatest = (distinct.min(), distinct.max()) if values.dtype.is_numeric() else (None, None)
    return Figures(
        values.name,
        values,
        len(values) - values.null_count(),
        len(distinct),
        float(least) if isinstance(least, int | float) else None,
        float(greatest) if isinstance(greatest, int | float) else None,
        distinct,
    )


def role_of(figures: Figures) -> tuple[Role, str]:
    """The role of a column of a canonical table, and the reason in words."""
    dtype = figures.values.dtype
    if figures.n_unique == 0:
        return Role.CONSTANT, "every value is missing"
    if figures.n_unique == 1 and figures.counted == len(figures.values):
        return Role.CONSTANT, "every row has the same value"
    if dtype == pl.Boolean:
        return Role.BOOLEAN, "the values are true and false"
    if dtype.is_temporal():
        return Role.DATETIME, "the values are dates"
    if dtype.is_float():
        if figures.n_unique == 2 and (figures.least, figures.greatest) == (0, 1):
            return Role.BOOLEAN, "the only values are 0 and 1"
        return Role.NUMERIC, "the values are numbers with decimals"
    if dtype.is_integer():
        return _of_integers(figures)
    return _of_texts(figures)


def _of_integers(figures: Figures) -> tuple[Role, str]:
    least, greatest = figures.least, figures.greatest
    assert least is not None and greatest is not None
    if figures.n_unique == 2 and (least, greatest) == (0, 1):
        return Role.BOOLEAN, "the only values are 0 and 1"
    all_different = figures.n_unique == figures.counted
    if not all_different:
        return Role.NUMERIC, "the values are whole numbers"
    if named_like_identifier(figures.name) and figures.counted > 2:
        return Role.IDENTIFIER, "every value is different and the name says it is an identifier"
    if figures.counted < max(_FEW_ROWS, len(figures.values)) or _looks_like_years(least, greatest):
        return Role.NUMERIC, "the values are whole numbers"
    if greatest - least + 1 == figures.counted and least in (0, 1):
        in_order = "in the order of the rows" if figures.values.is_sorted() else "in another order"
        return Role.IDENTIFIER, f"the values number the rows from {int(least)}, {in_order}"
    return Role.NUMERIC, "the values are whole numbers"


def _of_texts(figures: Figures) -> tuple[Role, str]:
    distinct = figures.distinct
    assert distinct is not None
    if figures.n_unique == 2 and frozenset(value.strip().lower() for value in distinct.to_list()) in _YES_NO:
        return Role.BOOLEAN, "the only values are yes and no"
    share = figures.n_unique / figures.counted
    sample = distinct.head(2000)
    lengths = sample.str.len_chars()
    all_different = figures.n_unique == figures.counted and figures.counted >= _FEW_ROWS
    if all_different and (named_like_identifier(figures.name) or _looks_like_codes(sample, lengths)):
        return Role.IDENTIFIER, "every value is a different code"
    words = _mean(sample.str.count_matches(r"\S+"))
    long = _mean(lengths) >= _LONG_TEXT or words >= _MANY_WORDS
    if long and figures.n_unique > _SURELY_CATEGORIES:
        return Role.TEXT, "the values are many different phrases"
    if share > _MOST_CATEGORIES_SHARE and figures.counted >= _FEW_ROWS and figures.n_unique > _SURELY_CATEGORIES:
        return Role.TEXT, f"{share:.0%} of the values are different"
    return Role.CATEGORICAL, f"{figures.n_unique:,} different values"


def named_like_identifier(name: str) -> bool:
    """Whether a column's name ends in “id” or its kin.

    >>> [named_like_identifier(name) for name in ("PassengerId", "user_id", "humid", "paid", "ID")]
    [True, True, False, False, True]
    """
    return bool(_ID_NAME.search(name.strip()) or _CAMEL_ID.search(name.strip()))


def _looks_like_years(least: float, greatest: float) -> bool:
    return least >= 1500 and greatest <= 2200


def _looks_like_codes(sample: pl.Series, lengths: pl.Series) -> bool:
    """Single words of one length, with digits: UUIDs, hashes, order numbers."""
    return bool(
        lengths.n_unique() == 1
        and _mean(lengths) >= 5
        and not sample.str.contains(r"\s").any()
        and sample.str.contains(r"\d").all()
    )


def _mean(numbers: pl.Series) -> float:
    mean = numbers.mean()
    return float(mean) if isinstance(mean, int | float) else 0.0
