"""Folds: even, stratified, the same for the same seed, and no row has its twin on the other side."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.automl.splits import MOST_HELD_OUT, hold_out_fold, make_folds
from flowml.automl.validation import folds_by_size


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    counts=st.lists(st.integers(2, 30), min_size=2, max_size=4),
    distinct=st.integers(1, 60),
    n_folds=st.integers(2, 5),
)
def test_every_fold_leaves_rows_of_every_class_to_learn_from(
    seed: int, counts: list[int], distinct: int, n_folds: int
) -> None:
    target = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    frame = pl.DataFrame({"x": np.random.default_rng(seed).integers(0, distinct, len(target))})
    folds = make_folds(frame, target, n_folds, seed, stratified=True)
    assert folds.dtype == np.int8 and folds.min() >= 0 and folds.max() < n_folds
    for fold in range(n_folds):
        assert set(target[folds != fold]) == set(target)


def test_classes_are_spread_evenly() -> None:
    target = np.repeat([0, 1, 2], [50, 30, 20]).astype(np.int32)
    folds = make_folds(pl.DataFrame({"x": np.arange(100)}), target, 5, 0, stratified=True)
    for code, size in ((0, 10), (1, 6), (2, 4)):
        assert np.bincount(folds[target == code], minlength=5).tolist() == [size] * 5


def test_duplicates_stay_in_one_fold_and_folds_stay_even() -> None:
    generator = np.random.default_rng(1)
    frame = pl.DataFrame({"x": generator.integers(0, 150, 600), "y": np.zeros(600)})
    folds = make_folds(frame, generator.normal(size=600), 5, 0, stratified=False)
    for value in frame["x"].unique():
        assert len(set(folds[(frame["x"] == value).to_numpy()])) == 1
    sizes = np.bincount(folds, minlength=5)
    assert sizes.min() > 100 and sizes.max() < 140


def test_values_of_a_regression_are_spread_evenly() -> None:
    target = np.random.default_rng(2).exponential(size=500)
    folds = make_folds(pl.DataFrame({"x": np.arange(500)}), target, 5, 0, stratified=False)
    means = [target[folds == fold].mean() for fold in range(5)]
    assert np.bincount(folds).tolist() == [100] * 5
    assert max(means) - min(means) < 0.1


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    counts=st.lists(st.integers(1, 200), min_size=2, max_size=4),
    distinct=st.integers(1, 300),
)
def test_a_hold_out_splits_no_twins_and_leaves_every_class(seed: int, counts: list[int], distinct: int) -> None:
    target = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    values = np.random.default_rng(seed).integers(0, distinct, len(target))
    folds = hold_out_fold(pl.DataFrame({"x": values}), target, seed, stratified=True)
    assert folds.dtype == np.int8 and set(folds) <= {-1, 0}
    assert set(target[folds < 0]) == set(target)
    for value in set(values):
        assert len(set(folds[values == value])) == 1


def test_a_hold_out_is_a_tenth_with_its_share_of_everything() -> None:
    target = np.repeat([0, 1], [9_500, 500]).astype(np.int32)
    folds = hold_out_fold(pl.DataFrame({"x": np.arange(10_000)}), target, 0, stratified=True)
    assert np.bincount(target[folds == 0]).tolist() == [950, 50]
    values = np.random.default_rng(0).exponential(size=10_000)
    folds = hold_out_fold(pl.DataFrame({"x": np.arange(10_000)}), values, 0, stratified=False)
    assert (folds == 0).sum() == 1_000
    assert abs(values[folds == 0].mean() - values.mean()) < 0.01


def test_a_hold_out_of_a_huge_table_has_an_end() -> None:
    target = np.tile(np.arange(4, dtype=np.int32), 300_000)
    folds = hold_out_fold(pl.DataFrame({"x": np.arange(len(target))}), target, 0, stratified=True)
    assert 0.9 * MOST_HELD_OUT < (folds == 0).sum() <= MOST_HELD_OUT


def test_the_seed_decides() -> None:
    frame, target = pl.DataFrame({"x": np.arange(80)}), np.tile([0, 1], 40).astype(np.int32)
    first, again, other = (make_folds(frame, target, 5, seed, stratified=True) for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_fewer_folds_where_rows_are_many_or_columns_are() -> None:
    assert [folds_by_size(rows, 20, 5) for rows in (50_000, 50_001, 200_000, 200_001)] == [5, 3, 3, 1]
    assert [folds_by_size(20_000, columns, 5) for columns in (200, 1_000)] == [5, 3]
    assert folds_by_size(1_000, 10_000, 5) == 5, "few rows are too few to hold out more of them at once"
    assert folds_by_size(20_000, 1_000, 2) == 2
