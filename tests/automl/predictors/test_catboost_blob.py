"""A CatBoost model written anew answers the same, and one that would harm the process is refused."""

from collections.abc import Callable
from functools import cache
from typing import Any

import catboost
import numpy as np
import pytest

from flowml.automl.predictors import catboost_blob, flatbuffers
from flowml.automl.predictors.catboost import CatBoostPredictor, pool
from flowml.automl.predictors.catboost_blob import compact

WIDTH, CATEGORICAL = 5, (3, 4)


def table(n_rows: int = 240) -> np.ndarray:
    generator = np.random.default_rng(0)
    values = generator.standard_normal((n_rows, WIDTH)).astype(np.float32)
    values[:, 3] = generator.integers(0, 60, n_rows)
    values[:, 4] = generator.integers(0, 4, n_rows)
    values[generator.random(values.shape) < 0.05] = np.nan
    return values


@cache
def fitted(n_outputs: int) -> bytes:
    """With statistics of the first category, and of both together; of the second, single levels."""
    values = table()
    signal = np.nan_to_num(values[:, 0]) + np.nan_to_num(values[:, 3]) % 7
    target = signal if n_outputs == 1 else np.digitize(signal, [2.5, 4.5][: n_outputs - 1])
    loss = {1: "RMSE", 2: "Logloss", 3: "MultiClass"}[n_outputs]
    settings = {"iterations": 12, "depth": 4, "one_hot_max_size": 10, "loss_function": loss, "thread_count": 1}
    settings |= {"allow_writing_files": False, "logging_level": "Silent", "random_seed": 0}
    return bytes(catboost.CatBoost(settings).fit(pool(values, CATEGORICAL, target))._serialize_model())


@pytest.fixture
def model() -> bytes:
    return fitted(3)


@pytest.mark.parametrize("n_outputs", [1, 2, 3])
def test_it_answers_the_same_from_a_shorter_file(n_outputs: int) -> None:
    original = fitted(n_outputs)
    short = compact(original, WIDTH, CATEGORICAL, n_outputs)
    assert len(short) < len(original)
    assert compact(short, WIDTH, CATEGORICAL, n_outputs) == short
    before, after = (CatBoostPredictor(blob, n_outputs, WIDTH, CATEGORICAL) for blob in (original, short))
    values = table(80)
    assert np.array_equal(before.predict(values), after.predict(values))
    assert np.array_equal(before.predict_row(values[7]), after.predict_row(values[7]))


@pytest.mark.parametrize("settings", [(WIDTH + 1, CATEGORICAL, 3), (WIDTH, (3,), 3), (WIDTH, CATEGORICAL, 4)])
def test_a_model_of_other_columns_or_classes_is_refused(
    model: bytes, settings: tuple[int, tuple[int, ...], int]
) -> None:
    with pytest.raises(ValueError, match=r"its CatBoost part|more of something"):
        compact(model, *settings)


@pytest.mark.parametrize("kept", [0, 4, 8, 100, 0.5, 0.999])
def test_a_model_cut_short_is_refused(model: bytes, kept: float) -> None:
    with pytest.raises(ValueError, match=r"."):
        compact(model[: int(kept * len(model)) if kept < 1 else int(kept)], WIDTH, CATEGORICAL, 3)


Change = Callable[[dict[int, Any]], None]


def set_to(field: int, place: int, value: float) -> Change:
    def change(trees: dict[int, Any]) -> None:
        trees[field] = trees[field].copy()
        trees[field][place] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        set_to(1, 0, 1_000_000),
        set_to(1, 0, -1),
        set_to(2, 0, 30),
        set_to(2, 0, -1),
        set_to(2, 0, 3),
        set_to(8, 0, np.nan),
        set_to(8, 0, np.inf),
        set_to(8, 0, 1.7e308),
        set_to(16, 0, np.nan),
        lambda trees: trees.update({8: trees[8][:-1]}),
        lambda trees: trees.update({16: trees[16][:-1]}),
        lambda trees: trees.update({5: trees[5][:-1]}),
        lambda trees: trees.update({4: []}),
        lambda trees: trees[5][0].update({2: flatbuffers.Scalar(catboost_blob._INT, 2)}),
        lambda trees: trees[5][0].update({5: flatbuffers.Scalar(catboost_blob._BYTE, 9)}),
        lambda trees: trees[6][0].update({0: flatbuffers.Scalar(catboost_blob._INT, 9)}),
        lambda trees: trees[7][0][0].update({1: flatbuffers.Scalar(catboost_blob._INT, 3)}),
        lambda trees: trees[7][0][0].update({1: flatbuffers.Scalar(catboost_blob._INT, -1)}),
        lambda trees: trees[7][0][0][0].update({1: flatbuffers.Scalar(catboost_blob._BYTE, 99)}),
        lambda trees: trees[7][0][0][0][0].update({0: np.array([7], dtype="<i4")}),
    ],
)
def test_trees_that_would_harm_are_refused(model: bytes, change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"its CatBoost|not there"):
        compact(rewritten(model, change, lambda table: None, monkeypatch), WIDTH, CATEGORICAL, 3)


def full_of_hashes(table: dict[int, Any]) -> None:
    buckets = np.frombuffer(table[1], catboost_blob._BUCKET).copy()
    buckets["hash"] = 5
    table[1] = buckets.view(np.uint8)


def beyond_its_figures(table: dict[int, Any]) -> None:
    buckets = np.frombuffer(table[1], catboost_blob._BUCKET).copy()
    buckets["index"] = 1_000_000
    table[1] = buckets.view(np.uint8)


def without_figures(table: dict[int, Any]) -> None:
    buckets = np.frombuffer(table[1], catboost_blob._BUCKET).copy()
    buckets["index"] = np.where(buckets["hash"] == catboost_blob._EMPTY, buckets["index"], 0)
    table[1], table[2] = buckets.view(np.uint8), table[2][:0]


@pytest.mark.parametrize(
    "change",
    [
        full_of_hashes,
        beyond_its_figures,
        without_figures,
        lambda table: table.update({1: table[1][:-12]}),
        lambda table: table.update({1: table[1][:-1]}),
        lambda table: table.update({1: table[1][:0]}),
        lambda table: table.update({2: table[2][:8]}),
        lambda table: table.update({4: flatbuffers.Scalar(catboost_blob._INT, -3)}),
        lambda table: table[0].update({1: flatbuffers.Scalar(catboost_blob._BYTE, 1)}),
    ],
)
def test_statistics_that_would_harm_are_refused(model: bytes, change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"its CatBoost|not there"):
        compact(rewritten(model, lambda trees: None, change, monkeypatch), WIDTH, CATEGORICAL, 3)


def rewritten(model: bytes, trees: Change, statistics: Change, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The model with something else in its trees, or in the first table of statistics."""
    is_first = True

    def changed(root: dict[int, Any]) -> bytes:
        nonlocal is_first
        if root.get(0) == b"FlabuffersModel_v1":
            trees(root[1])
        elif is_first:
            is_first = False
            statistics(root)
        return flatbuffers.written(root)

    with monkeypatch.context() as patched:
        patched.setattr(catboost_blob, "written", changed)
        return compact(model, WIDTH, CATEGORICAL, 3)
