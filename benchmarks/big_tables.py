"""Big tables made up for measuring, by numpy in seconds, the same for the same seed."""

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import polars as pl

TARGET = "bought"
_FIRST_DAY = date(2019, 1, 1)
_DAYS = 2_000


def mixed(rows: int, columns: int, seed: int = 0) -> pl.DataFrame:
    """Two classes; of ten feature columns five are numbers, one whole numbers, one yes or no, two categories (each
    fourth of them with thousands of levels) and one a date; a tenth of some is missing.

    The target depends on numbers alone and in pairs, on categories, on the day of the week, and on chance.
    """
    chance = np.random.default_rng(seed)
    table: dict[str, pl.Series] = {}
    margin = np.zeros(rows, dtype=np.float32)
    recent: list[np.ndarray] = []
    weights = _fading(chance, columns)
    for index in range(columns):
        name, values, effect = _column(chance, index, rows)
        table[name] = values
        margin += weights[index] * effect
        if len(recent) >= 2 and index % 2:
            # What only a tree, or somebody who multiplies columns, finds.
            margin += 0.9 * weights[index] * np.sign(recent[-1]) * effect
            margin += 0.6 * weights[index] * (np.abs(recent[-2]) < 0.6) * np.sign(effect)
        recent = [*recent[-2:], effect]
    margin = 2.2 * (margin - margin.mean()) / margin.std() - 1.0
    chosen = chance.random(rows, dtype=np.float32) < 1 / (1 + np.exp(-margin))
    table[TARGET] = pl.Series(np.where(chosen, "yes", "no"))
    return pl.DataFrame(table)


def _fading(chance: np.random.Generator, columns: int) -> np.ndarray:
    """Some columns matter much, most little, in random order."""
    return np.asarray(chance.permutation(np.exp(-np.arange(columns) / max(6.0, columns / 8))), dtype=np.float32)


def _column(chance: np.random.Generator, index: int, rows: int) -> tuple[str, pl.Series, np.ndarray]:
    """Its name, its values, and what they do to the target, about as much as a standard normal."""
    kind = index % 10
    hidden = chance.standard_normal(rows, dtype=np.float32)
    if kind in (0, 3, 6):
        values = np.round(hidden * 12.5 + 40, 3).astype(np.float64)
        return f"number_{index}", _with_gaps(chance, values, kind == 3), np.sin(2 * hidden)
    if kind in (1, 8):
        return f"amount_{index}", _with_gaps(chance, np.round(np.exp(1.2 * hidden + 4), 2), kind == 8), hidden
    if kind == 4:
        return f"count_{index}", pl.Series(np.clip(hidden * 3 + 6, 0, 30).astype(np.int64)), np.abs(hidden) - 0.8
    if kind == 7:
        return f"flag_{index}", pl.Series(hidden > 0.4), (hidden > 0.4) * np.float32(2) - 1
    if kind == 9:
        day = chance.integers(0, _DAYS, rows)
        days = pl.Series([_FIRST_DAY + timedelta(days=number) for number in range(_DAYS)])
        return f"day_{index}", days.gather(day), ((day % 7 >= 5) * 2 - 0.6).astype(np.float32)
    levels = 5_000 if index % 40 == 2 else int(chance.integers(3, 40))
    codes = np.minimum((chance.random(rows) ** 2 * levels).astype(np.int64), levels - 1)
    worth = chance.standard_normal(levels).astype(np.float32)
    return f"kind_{index}", pl.Series([f"level {number}" for number in range(levels)]).gather(codes), worth[codes]


def _with_gaps(chance: np.random.Generator, values: np.ndarray, gaps: bool) -> pl.Series:
    found = pl.Series(np.asarray(values, dtype=np.float64))
    if not gaps:
        return found
    return pl.select(pl.when(pl.Series(chance.random(len(values)) >= 0.1)).then(found)).to_series()


def split(frame: pl.DataFrame, test_rows: int) -> Iterator[pl.DataFrame]:
    """The rows to learn from and the last `test_rows`, which nobody sees before the end."""
    yield frame.head(frame.height - test_rows)
    yield frame.tail(test_rows)
