"""What a column is good for, and why.

Data sets mislead in known ways: a 0/1 target looks like a quantity, a key looks like the best feature there is, a
number of many digits is a name. Every decision comes with the reason, to be shown to whoever disagrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from flowml.data.canonical import canonical
from flowml.data.format import Limits
from flowml.data.names import named_like_code, named_like_identifier
from flowml.domain.datasets import Role

_YES_NO = (
    frozenset({"yes", "no"}),
    frozenset({"y", "n"}),
    frozenset({"true", "false"}),
    frozenset({"t", "f"}),
    frozenset({"on", "off"}),
)
# What single texts may be that are given out once, and what to call them.
_KINDS = (
    ("UUIDs", r"^\{?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\}?$"),
    ("e-mail addresses", r"^[^\s@]+@[^\s@]+\.[^\s@]+$"),
    ("web addresses", r"^(?:https?|ftp)://\S+$"),
    ("hashes", r"^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9A-F]{32}|[0-9A-F]{40}|[0-9A-F]{64})$"),
    ("telephone numbers", r"^\+?\(?\d{1,4}\)?[-\s./(]{1,2}(?:\d[-\s./()]{0,2}){5,12}$"),
    ("IP addresses", r"^(?:\d{1,3}\.){3}\d{1,3}$"),
)
# Below this many rows, a running number may well be a measurement.
_FEW_ROWS = 20
# Some rows of a table of different things are there twice.
_NEARLY_ALL, _ALL_BUT_FEW = 0.95, 0.99
_MANY_WORDS = 4.0
_LONG_TEXT = 40.0
_MOST_CATEGORIES_SHARE = 0.5
_SURELY_TEXTS_SHARE = 0.9
_SURELY_CATEGORIES = 50
_SAMPLE, _SAMPLED_ROWS = 2000, 20_000


@dataclass(frozen=True)
class Figures:
    """What a role is decided from. `counted` is the number of values that are not missing, `distinct` some of the
    different ones (all where they are few), of texts only."""

    name: str
    values: pl.Series
    counted: int
    n_unique: int
    least: float | None = None
    greatest: float | None = None
    distinct: pl.Series | None = None

    @property
    def share(self) -> float:
        """Of different values among all."""
        return self.n_unique / self.counted if self.counted else 0.0


def roles_of(frame: pl.DataFrame) -> dict[str, Role]:
    """The role of every column of any frame, judged as if it were stored."""
    roles = {}
    for values in frame.get_columns():
        simple, _ = canonical(values.to_frame(), Limits())
        roles[values.name] = role_of(_figures(simple.to_series()))[0]
    return roles


def distinct_sample(present: pl.Series) -> pl.Series:
    """Up to 2,000 different values, spread over a column that has no missing ones."""
    return present.gather_every(max(1, len(present) // _SAMPLED_ROWS)).unique(maintain_order=True).head(_SAMPLE)


def _figures(values: pl.Series) -> Figures:
    present = values.drop_nulls()
    least, greatest = (present.min(), present.max()) if values.dtype.is_numeric() else (None, None)
    return Figures(
        values.name,
        values,
        len(present),
        present.n_unique(),
        float(least) if isinstance(least, int | float) else None,
        float(greatest) if isinstance(greatest, int | float) else None,
        distinct_sample(present) if values.dtype == pl.String else None,
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
        return _of_decimals(figures)
    if dtype.is_integer():
        return _of_integers(figures)
    return _of_texts(figures)


def _of_decimals(figures: Figures) -> tuple[Role, str]:
    if figures.n_unique == 2 and (figures.least, figures.greatest) == (0, 1):
        return Role.BOOLEAN, "the only values are 0 and 1"
    if not _are_whole(figures.values.head(_SAMPLE)) or not _are_whole(figures.values):
        return Role.NUMERIC, "the values are numbers with decimals"
    if named_like_identifier(figures.name) and figures.n_unique == figures.counted and figures.counted >= _FEW_ROWS:
        return Role.IDENTIFIER, "every value is different and the name says it is an identifier"
    return Role.NUMERIC, "the values are whole numbers, stored with decimals"


def _are_whole(values: pl.Series) -> bool:
    numbers = (values.drop_nulls() if values.null_count() else values).to_numpy()
    return bool((np.floor(numbers) == numbers).all())


def _of_integers(figures: Figures) -> tuple[Role, str]:
    least, greatest = figures.least, figures.greatest
    assert least is not None and greatest is not None
    if figures.n_unique == 2 and (least, greatest) == (0, 1):
        return Role.BOOLEAN, "the only values are 0 and 1"
    all_different = figures.n_unique == figures.counted
    if named_like_identifier(figures.name) and all_different and figures.counted > 2:
        return Role.IDENTIFIER, "every value is different and the name says it is an identifier"
    if named_like_identifier(figures.name) and figures.share >= _NEARLY_ALL and figures.counted >= _FEW_ROWS:
        return Role.IDENTIFIER, f"{_percent(figures.share)} of the values are different and the name says identifier"
    if named_like_code(figures.name):
        if figures.share >= _NEARLY_ALL and figures.counted >= _FEW_ROWS and greatest >= 10_000:
            return Role.IDENTIFIER, "nearly every value is different and the name says it is a code"
        return Role.NUMERIC, "the values are whole numbers, though the name says they are codes"
    if not all_different:
        if figures.n_unique <= _FEW_ROWS:
            return Role.NUMERIC, f"the values are {figures.n_unique} different whole numbers, which have an order"
        return Role.NUMERIC, "the values are whole numbers"
    if figures.counted < max(_FEW_ROWS, len(figures.values)) or _looks_like_years(least, greatest):
        return Role.NUMERIC, "the values are whole numbers"
    if greatest - least + 1 == figures.counted and least in (0, 1):
        in_order = "in the order of the rows" if figures.values.is_sorted() else "in another order"
        return Role.IDENTIFIER, f"the values number the rows from {int(least)}, {in_order}"
    return Role.NUMERIC, "the values are whole numbers"


def _of_texts(figures: Figures) -> tuple[Role, str]:
    sample = figures.distinct
    assert sample is not None
    if figures.n_unique == 2 and _are_yes_and_no(figures.values):
        return Role.BOOLEAN, "the only values are yes and no"
    if figures.share >= _NEARLY_ALL and figures.counted >= _FEW_ROWS:
        how_many = "every value is" if figures.n_unique == figures.counted else "nearly every value is"
        for kind, pattern in _KINDS:
            if sample.str.contains(pattern).all():
                return Role.IDENTIFIER, f"{how_many} different, and they are {kind}"
        if named_like_identifier(figures.name) or (figures.share >= _ALL_BUT_FEW and _looks_like_codes(sample)):
            return Role.IDENTIFIER, f"{how_many} a different code"
    words = _mean(sample.str.count_matches(r"\S+"))
    long = _mean(sample.str.len_chars()) >= _LONG_TEXT or words >= _MANY_WORDS
    if long and figures.n_unique > _SURELY_CATEGORIES:
        return Role.TEXT, "the values are many different phrases"
    different = figures.share > _MOST_CATEGORIES_SHARE and figures.n_unique > _SURELY_CATEGORIES
    if (different or figures.share > _SURELY_TEXTS_SHARE) and figures.counted >= _FEW_ROWS:
        return Role.TEXT, f"{_percent(figures.share)} of the values are different"
    return Role.CATEGORICAL, f"{figures.n_unique:,} different values"


def _are_yes_and_no(values: pl.Series) -> bool:
    return frozenset(value.strip().lower() for value in values.drop_nulls().unique().to_list()) in _YES_NO


def _looks_like_years(least: float, greatest: float) -> bool:
    return least >= 1500 and greatest <= 2200


def _looks_like_codes(sample: pl.Series) -> bool:
    """Single words with digits in each, of one length or of one shape: hashes, order numbers such as INV-17."""
    if sample.str.contains(r"\s").any() or not sample.str.contains(r"\d").all():
        return False
    lengths = sample.str.len_chars()
    if lengths.n_unique() == 1 and _mean(lengths) >= 5:
        return True
    return bool(sample.str.contains(r"^[A-Za-z#]").all() and sample.str.replace_all(r"\d+", "0").n_unique() == 1)


def _percent(share: float) -> str:
    return "nearly all" if 0.995 <= share < 1 else f"{share:.0%}"


def _mean(numbers: pl.Series) -> float:
    mean = numbers.mean()
    return float(mean) if isinstance(mean, int | float) else 0.0
