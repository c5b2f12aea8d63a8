"""Rows that are equal in all that models learn from.

Where copies occur in the world they occur in what is predicted, too, and a model that has met one is right to know the
next. They are kept on one side only for whoever asks for it.
"""

import math

import numpy as np
import polars as pl

_WORTH_SAYING = 0.01
# Where so few different rows can be, equal ones are no news.
_POSSIBLE_PER_ROW = 100


def copy_groups(frame: pl.DataFrame) -> np.ndarray:
    """The same number for equal rows, int64 (rows,)."""
    return np.asarray(np.unique(frame.hash_rows(seed=0).to_numpy(), return_inverse=True)[1].reshape(-1))


def advice_on_copies(frame: pl.DataFrame) -> str | None:
    """How many rows have a copy and how to test without them, as a sentence; None where that is few or no news."""
    if _equal_by_chance(frame):
        return None
    groups = copy_groups(frame)
    copies = int((np.bincount(groups)[groups] > 1).sum())
    if copies < max(2, _WORTH_SAYING * frame.height):
        return None
    return (
        f"{copies:,} of {frame.height:,} rows are equal to another one in all that models learn from. They are tested "
        "like all others, since copies will be among new rows, too. If yours will be new ones only, scores and "
        "intervals promise too much: keep equal rows together (cv “together”)."
    )


def _equal_by_chance(frame: pl.DataFrame) -> bool:
    """Whether the columns have so few values in effect (the inverse of Simpson's index) that rows have to be equal."""
    enough = math.log(max(frame.height, 1) * _POSSIBLE_PER_ROW)
    possible = 0.0
    for series in frame.get_columns():
        shares = series.value_counts().to_series(1).to_numpy() / max(frame.height, 1)
        possible -= math.log(max(float((shares**2).sum()), 1e-12))
        if possible >= enough:
            return False
    return True
