"""Columns that are what is to be predicted, in another form, and those that only go with it."""

import numpy as np
import polars as pl
import pytest

from flowml.automl.ideas.backwards import is_target

generator = np.random.default_rng(5)
Y = np.exp(generator.normal(2, 1, 500))
CLASSES = np.where(np.arange(500) % 10 < 3, 1.0, 0.0)


@pytest.mark.parametrize(
    ("made", "is_it"),
    [
        (Y, True),
        (3 - 2 * Y, True),
        (np.log(Y), True),
        (np.round(Y, 2), True),
        (np.where(np.arange(500) % 50 == 0, 0.0, Y), True),
        (Y + generator.normal(0, 0.5, 500), False),
        (generator.normal(0, 1, 500), False),
        (np.round(Y / 20), False),
        (np.where(np.arange(500) % 4 == 0, np.nan, Y), False),
        (np.ones(500), False),
    ],
)
def test_numbers(made: np.ndarray, is_it: bool) -> None:
    assert is_target(pl.Series("d", made), Y, classes=False) is is_it


@pytest.mark.parametrize(
    ("made", "is_it"),
    [
        (pl.Series(CLASSES), True),
        (pl.Series(["yes" if one else "no" for one in CLASSES]), True),
        (pl.Series(CLASSES * 10 + generator.random(500)), True),
        (pl.Series(CLASSES + generator.normal(0, 0.4, 500)), False),
        (pl.Series(generator.integers(0, 3, 500)), False),
        (pl.Series([f"k{at}" for at in range(500)]), False),
        (pl.Series(["same"] * 500), False),
    ],
)
def test_classes(made: pl.Series, is_it: bool) -> None:
    assert is_target(made.alias("d"), CLASSES, classes=True) is is_it


def test_of_few_rows_nothing_is_said() -> None:
    assert not is_target(pl.Series("d", Y[:10]), Y[:10], classes=False)
