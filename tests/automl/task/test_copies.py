"""Rows that are the same as others."""

import numpy as np
import polars as pl
import pytest

from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ValidationKind
from tests.automl.task.visits import SHUFFLED, task_of


def copied(rows: int = 400, copies: int = 100, seed: int = 0) -> pl.DataFrame:
    """Rows of numbers, some of them twice, with an answer of their own each."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(rows, 4))
    values = np.vstack([values, values[:copies]])
    frame = pl.DataFrame({f"x{index}": values[:, index] for index in range(4)})
    return frame.with_columns(y=pl.Series(values.sum(axis=1) + generator.normal(size=len(values))))


def test_copies_are_tested_like_all_rows_and_said() -> None:
    task = task_of(copied())
    folds = task.folds[:100], task.folds[400:]
    assert task.validation.kind is SHUFFLED and (folds[0] != folds[1]).any()
    (advice,) = task.validation.advice
    assert "200 of 500 rows" in advice and "“together”" in advice
    assert task_of(copied(copies=1)).validation.advice == ()
    assert task_of(copied(), cv="stratified").validation.advice == (), "who chose has thought about it"


def test_copies_stay_together_for_whoever_asks() -> None:
    task = task_of(copied(), cv="together")
    assert (task.validation.kind, task.validation.column, task.n_folds) == (ValidationKind.TOGETHER, None, 5)
    assert np.array_equal(task.folds[:100], task.folds[400:])
    assert np.bincount(task.folds).min() > 80
    inner = task.inner_folds(task.train_rows(0))
    assert inner is not None and len(inner) == len(task.train_rows(0))


def test_few_different_rows_make_full_folds_and_cannot_be_kept_together() -> None:
    generator = np.random.default_rng(0)
    frame = pl.DataFrame({"a": generator.integers(0, 2, 600), "b": generator.integers(0, 2, 600)})
    frame = frame.with_columns(y=pl.Series(generator.random(600) < 0.3 + 0.4 * frame["a"].to_numpy()))
    task = task_of(frame)
    assert np.bincount(task.folds).tolist() == [120] * 5
    assert task.validation.advice == (), "where rows have to be equal it is no news"
    with pytest.raises(InvalidInput, match="Only 4 of 600 rows differ") as refused:
        task_of(frame, cv="together")
    assert refused.value.fields[0].field == "cv" and "stratified" in str(refused.value.hint)
