"""Folds that split no group and never look ahead, the outer ones and those within a fit."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.automl.features.encoded import View
from flowml.automl.task.splits import group_folds, hold_out_fold, time_folds
from flowml.automl.trial.evaluate import EncodedFolds
from flowml.domain.datasets import Role
from tests.automl.task.visits import GROUP, days, task_of, visits


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(10, 200),
    n_groups=st.integers(2, 40),
    n_folds=st.integers(2, 6),
    classes=st.integers(1, 4),
)
def test_no_group_is_split_and_every_class_can_be_learned(
    seed: int, rows: int, n_groups: int, n_folds: int, classes: int
) -> None:
    generator = np.random.default_rng(seed)
    groups = np.unique(generator.integers(0, n_groups, rows), return_inverse=True)[1]
    target = generator.integers(0, classes, rows) if classes > 1 else generator.normal(size=rows)
    for folds in (
        group_folds(groups, target, n_folds, seed, stratified=classes > 1),
        hold_out_fold(target, seed, stratified=classes > 1, groups=groups),
    ):
        assert folds.dtype == np.int8 and len(folds) == rows and folds.max() < n_folds
        for group in set(groups):
            assert len(set(folds[groups == group])) == 1
        if classes > 1:
            for fold in set(folds[folds >= 0]):
                assert set(target[folds != fold]) == set(target)


def test_folds_of_groups_are_even_and_alike() -> None:
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(200), generator.integers(1, 9, 200))
    target = (generator.random(200) < 0.2).astype(np.int32)[groups]
    folds = group_folds(groups, target, 5, 0, stratified=True)
    sizes = np.bincount(folds)
    assert sizes.max() < 1.1 * sizes.min()
    shares = [target[folds == fold].mean() for fold in range(5)]
    assert max(shares) - min(shares) < 0.03


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(20, 300),
    moments=st.integers(2, 300),
    n_folds=st.integers(1, 6),
    missing=st.booleans(),
    classes=st.integers(1, 3),
)
def test_time_never_looks_ahead(seed: int, rows: int, moments: int, n_folds: int, missing: bool, classes: int) -> None:
    generator = np.random.default_rng(seed)
    when = generator.integers(0, moments, rows).astype(float)
    if missing:
        when[generator.random(rows) < 0.1] = np.nan
    target = generator.integers(0, classes, rows) if classes > 1 else None
    folds = time_folds(when, n_folds, target)
    if folds is None:
        return
    assert folds.min() == -1 and set(folds) == set(range(-1, folds.max() + 1)) and folds.max() < n_folds
    assert (folds[np.isnan(when)] == -1).all()
    for fold in range(folds.max() + 1):
        learned, tested = when[folds < fold], when[folds == fold]
        assert np.nanmax(learned) < tested.min()
        if target is not None:
            assert set(target[folds < fold]) == set(target)


def test_the_past_is_cut_into_even_blocks() -> None:
    folds = time_folds(np.arange(600.0)[::-1], 5)
    assert folds is not None
    assert np.bincount(folds + 1).tolist() == [100] * 6
    assert folds[0] == 4 and folds[-1] == -1


@pytest.mark.parametrize("n_folds", [2, 3, 5])
def test_inner_folds_keep_apart_what_the_folds_do_however_many_they_are(n_folds: int) -> None:
    frame = visits()
    task, who = task_of(frame, cv_folds=n_folds), frame["patient_id"].to_numpy()
    for fold in range(n_folds):
        rows = task.train_rows(fold)
        inner = task.inner_folds(rows)
        assert inner is not None and len(set(inner)) == 5
        assert all(len(set(inner[who[rows] == one])) == 1 for one in set(who[rows]))
    by_time = task_of(days(), cv_folds=n_folds)
    for fold in range(n_folds):
        inner = by_time.inner_folds(by_time.train_rows(fold))
        assert inner is not None and len(set(inner)) == 5 and (np.diff(inner) >= 0).all()
    assert task_of(visits(), cv="stratified").inner_folds(np.arange(50)) is None


def test_target_means_of_an_entity_are_told_by_others_at_two_folds() -> None:
    frame = visits("ward", patients=120, each=5)
    frame = frame.with_columns(ward=pl.concat_str(pl.lit("ward "), pl.col("ward")))
    task = task_of(frame, cv="group:ward", cv_folds=2)
    task = replace(task, frame=frame.select("ward", "age"), roles={"ward": Role.CATEGORICAL, "age": Role.NUMERIC})
    data = EncodedFolds(task).fold(View.ORDINAL, 0)
    at = next(index for index, name in enumerate(data.train.names) if name.startswith("ward mean"))
    # Nobody else in a ward's inner fold has told what is usual there, so that all its rows hear of is the whole.
    told = data.train.values[:, at]
    assert np.corrcoef(told, task.target[data.train_rows])[0, 1] < 0.2


def test_the_judges_of_a_hold_out_split_no_entity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.automl.task.validation._ONE_FOLD_ABOVE", 200)
    frame = visits(patients=400, each=6)
    task, who = task_of(frame), frame["patient_id"].to_numpy()
    assert (task.validation.kind, task.n_folds) == (GROUP, 1)
    judged = who[task.validated]
    assert all(len(set(task.judge_folds[judged == one])) == 1 for one in set(judged))
    assert len(set(task.judge_folds)) == 5


def test_an_encoder_by_time_knows_the_past_only() -> None:
    frame = days().with_columns(kind=pl.Series([f"kind {index // 30}" for index in range(300)]))
    task = task_of(frame)
    names = EncodedFolds(task).fold(View.DENSE, 1).train.names
    assert {f"kind = kind {index}" for index in range(4)} <= set(names)
    assert not {f"kind = kind {index}" for index in range(4, 10)} & set(names)
