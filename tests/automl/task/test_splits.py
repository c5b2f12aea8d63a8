"""Folds: even, stratified, never empty, the same for the same seed; each leaves rows of every class to learn from."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.automl.task.splits import MOST_HELD_OUT, hold_out_fold, inner_folds, make_folds
from flowml.automl.task.validation import folds_by_size


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    counts=st.lists(st.integers(1, 30), min_size=2, max_size=5),
    n_folds=st.integers(2, 5),
)
def test_every_fold_has_rows_and_leaves_every_class_to_learn_from(seed: int, counts: list[int], n_folds: int) -> None:
    target = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int32)
    folds = make_folds(target, n_folds, seed, stratified=True)
    assert folds.dtype == np.int8 and folds.min() >= -1 and folds.max() < n_folds
    single = np.bincount(target)[target] == 1
    assert np.array_equal(folds < 0, single)
    if (~single).sum() >= n_folds:
        assert set(folds[~single]) == set(range(n_folds))
    for fold in range(n_folds):
        assert set(target[folds != fold]) == set(target)


def test_classes_are_spread_evenly() -> None:
    target = np.repeat([0, 1, 2], [50, 30, 20]).astype(np.int32)
    folds = make_folds(target, 5, 0, stratified=True)
    for code, size in ((0, 10), (1, 6), (2, 4)):
        assert np.bincount(folds[target == code], minlength=5).tolist() == [size] * 5


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    rows=st.integers(2, 200),
    n_units=st.integers(2, 60),
    n_folds=st.integers(2, 6),
    in_order=st.booleans(),
)
def test_inner_folds_split_no_unit(seed: int, rows: int, n_units: int, n_folds: int, in_order: bool) -> None:
    units = np.random.default_rng(seed).integers(0, n_units, rows)
    folds = inner_folds(units, n_folds, seed, in_order=in_order)
    assert len(folds) == rows and folds.min() >= 0 and folds.max() < n_folds
    if len(set(units)) < 2:
        return
    assert len(set(folds)) > 1
    for unit in set(units):
        assert len(set(folds[units == unit])) == 1
    if in_order:
        assert (np.diff(folds[np.argsort(units, kind="stable")]) >= 0).all()


def test_inner_folds_are_of_about_the_same_size() -> None:
    units = np.repeat(np.arange(100), np.random.default_rng(0).integers(1, 9, 100))
    for in_order in (False, True):
        sizes = np.bincount(inner_folds(units, 5, 0, in_order=in_order), minlength=5)
        assert sizes.min() > 0.8 * sizes.max()
    assert len(set(inner_folds(np.zeros(20), 5, 0, in_order=False))) == 5, "one unit cannot be kept apart from itself"


def test_values_of_a_regression_are_spread_evenly() -> None:
    target = np.random.default_rng(2).exponential(size=500)
    folds = make_folds(target, 5, 0, stratified=False)
    means = [target[folds == fold].mean() for fold in range(5)]
    assert np.bincount(folds).tolist() == [100] * 5
    assert max(means) - min(means) < 0.1


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    counts=st.lists(st.integers(1, 200), min_size=2, max_size=4),
    n_groups=st.integers(1, 300),
)
def test_a_hold_out_splits_no_group_and_leaves_every_class(seed: int, counts: list[int], n_groups: int) -> None:
    target = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    drawn = np.random.default_rng(seed).integers(0, n_groups, len(target))
    groups = np.unique(drawn, return_inverse=True)[1].reshape(-1)
    for together in (None, groups):
        folds = hold_out_fold(target, seed, stratified=True, groups=together)
        assert folds.dtype == np.int8 and set(folds) <= {-1, 0}
        assert set(target[folds < 0]) == set(target)
        assert together is not None or max(counts) == 1 or (folds == 0).any()
    for group in set(groups):
        assert len(set(folds[groups == group])) == 1


def test_a_hold_out_is_a_tenth_with_its_share_of_everything() -> None:
    target = np.repeat([0, 1], [9_500, 500]).astype(np.int32)
    folds = hold_out_fold(target, 0, stratified=True)
    assert np.bincount(target[folds == 0]).tolist() == [950, 50]
    values = np.random.default_rng(0).exponential(size=10_000)
    folds = hold_out_fold(values, 0, stratified=False)
    assert (folds == 0).sum() == 1_000
    assert abs(values[folds == 0].mean() - values.mean()) < 0.01


def test_a_hold_out_of_a_huge_table_has_an_end() -> None:
    target = np.tile(np.arange(4, dtype=np.int32), 300_000)
    folds = hold_out_fold(target, 0, stratified=True)
    assert 0.9 * MOST_HELD_OUT < (folds == 0).sum() <= MOST_HELD_OUT


def test_the_seed_decides() -> None:
    target = np.tile([0, 1], 40).astype(np.int32)
    first, again, other = (make_folds(target, 5, seed, stratified=True) for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_fewer_folds_where_rows_are_many_or_columns_are() -> None:
    assert [folds_by_size(rows, 20, 5) for rows in (50_000, 50_001, 200_000, 200_001)] == [5, 3, 3, 1]
    assert [folds_by_size(20_000, columns, 5) for columns in (200, 1_000)] == [5, 3]
    assert folds_by_size(1_000, 10_000, 5) == 5, "few rows are too few to hold out more of them at once"
    assert folds_by_size(20_000, 1_000, 2) == 2
