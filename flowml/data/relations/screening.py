"""Which of very many columns go together most: all pairs at once, on some of the rows.

With numbers standardised, and each category as (1 or 0, less its share) / √share, the squares of one matrix product add
up to r² for two columns of numbers, η² for numbers and categories, and χ² / n for categories.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

Block = NDArray[np.float32]
_MOST_LEVELS, _FEWEST_LEVELS, _ALL_LEVELS = 20, 3, 3_000


def strongest(numbers: Sequence[pl.Series], categories: Sequence[pl.Series], most: int) -> list[str]:
    """The names of the `most` columns that the strongest pairs are made of, strongest pair first; chance is taken off,
    so that many categories are no merit. Every column is of the same length."""
    levels = max(_FEWEST_LEVELS, min(_MOST_LEVELS, _ALL_LEVELS // max(1, len(categories))))
    blocks = [_standardised(column) for column in numbers] + [_indicators(column, levels) for column in categories]
    names = [column.name for column in (*numbers, *categories)]
    strengths = _strengths(blocks)
    first, second = np.triu_indices(len(names), 1)
    chosen: dict[str, None] = {}
    for at in np.argsort(-strengths[first, second], kind="stable"):
        for place in (first[at], second[at]):
            if len(chosen) < most:
                chosen[names[place]] = None
        if len(chosen) >= most:
            break
    return list(chosen)


def _strengths(blocks: Sequence[Block]) -> NDArray[np.float64]:
    """Squared strength, 0 to 1, of each two."""
    rows = len(blocks[0])
    starts = np.cumsum([0, *(block.shape[1] for block in blocks[:-1])])
    freedom = np.array([max(1, block.shape[1] - 1) for block in blocks], dtype=np.float64)
    table = np.concatenate(blocks, axis=1)
    products = (table.T @ table).astype(np.float64) / rows
    squares = np.add.reduceat(np.add.reduceat(products**2, starts, axis=0), starts, axis=1)
    by_chance = np.outer(freedom, freedom) / max(1, rows - 1)
    return np.asarray(np.clip((squares - by_chance) / np.minimum.outer(freedom, freedom), 0.0, 1.0))


def _standardised(column: pl.Series) -> Block:
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
    known = np.isfinite(values)
    values[~known] = 0.0
    # The squares of the largest floats are none.
    values /= max(1.0, float(np.abs(values).max(initial=0.0)))
    values[known] -= values[known].mean() if known.any() else 0.0
    spread = float(np.sqrt((values**2).mean())) if len(values) else 0.0
    return (values / spread if spread > 0 else values * 0)[:, None].astype(np.float32)


def _indicators(column: pl.Series, levels: int) -> Block:
    counts = column.drop_nulls().alias("value").value_counts(name="count")
    frequent = counts.sort(["count", "value"], descending=[True, False])["value"].head(levels)
    is_one = np.column_stack(
        [(column == value).fill_null(value=False).to_numpy() for value in frequent] or [np.zeros(len(column))]
    ).astype(np.float32)
    share = is_one.mean(axis=0)
    return np.asarray((is_one - share) / np.sqrt(np.where(share > 0, share, 1.0)), dtype=np.float32)
