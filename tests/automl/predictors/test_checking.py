"""No state of a predictor makes it harm the process."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from flowml.automl import algorithms
from flowml.automl.features.encoded import View
from flowml.automl.predictors import xgboost_json
from flowml.automl.predictors.base import Predictor, PredictorState, load
from flowml.automl.predictors.constant import ConstantPredictor
from flowml.automl.predictors.flat_trees import TreeArrays
from flowml.automl.predictors.nodes.reading import forest_of
from flowml.automl.predictors.trees import TreesPredictor
from flowml.domain.errors import InvalidInput
from tests.automl.algorithm_cases import first_fit, make_case


def states() -> list[tuple[str, Predictor]]:
    found = []
    for name in ("logistic_regression", "random_forest", "gradient_boosting", "knn", "svm", "gaussian_nb", "mlp"):
        algorithm = algorithms.get(name)
        found.append((name, first_fit(algorithm, make_case("multiclass", algorithm.view, n_rows=80))))
    found.append(("adaboost", first_fit(algorithms.get("adaboost"), make_case("regression", View.ORDINAL, n_rows=80))))
    found.append(("constant", ConstantPredictor(np.array([0.4, 0.6]))))
    return found


@pytest.mark.parametrize(("name", "predictor"), [pytest.param(*pair, id=pair[0]) for pair in states()])
def test_a_state_that_does_not_fit_together_is_refused(name: str, predictor: Predictor) -> None:
    state = predictor.to_state()
    for array in state.arrays:
        left = {key: value for key, value in state.arrays.items() if key != array}
        # Files of earlier versions do not say what rows their trees have seen.
        if array not in ("tree_weights", "covers"):
            with pytest.raises(InvalidInput):
                load(replace(state, arrays=left))
        value = state.arrays[array]
        if value.dtype.kind == "f" and value.size:
            broken = value.copy()
            broken.reshape(-1)[0] = np.nan
            with pytest.raises(InvalidInput):
                load(replace(state, arrays={**state.arrays, array: broken}))
        with pytest.raises(InvalidInput):
            load(replace(state, arrays={**state.arrays, array: value.astype(object)}))
        with pytest.raises(InvalidInput):
            load(replace(state, arrays={**state.arrays, array: value[None]}))


def stump(**changes: Any) -> TreeArrays:
    arrays = {
        "feature": np.array([0, -1, -1], dtype=np.int16),
        "threshold": np.array([0.5], dtype=np.float32),
        "sizes": np.array([3], dtype=np.int32),
        "values": np.array([[1.0], [2.0]], dtype=np.float32),
    }
    return TreeArrays(**{**arrays, **changes})


SINGLE = ("threshold", "weight_0", "bias_0", "vectors", "points")


@pytest.mark.parametrize(("name", "predictor"), [pytest.param(*pair, id=pair[0]) for pair in states()])
def test_what_single_precision_does_not_hold_is_refused_where_it_is_used(name: str, predictor: Predictor) -> None:
    state = predictor.to_state()
    values = np.random.default_rng(0).normal(size=(5, 40)).astype(np.float32)
    for array in set(state.arrays) & set(SINGLE):
        for beyond in (1e300, -1e300, 4e38):
            broken = state.arrays[array].astype(np.float64)
            broken.reshape(-1)[0] = beyond
            with pytest.raises(InvalidInput, match="beyond single precision"):
                load(replace(state, arrays={**state.arrays, array: broken}))
        # Written with more digits, the same numbers are the same model.
        wide = load(replace(state, arrays={**state.arrays, array: state.arrays[array].astype(np.float64)}))
        width = state.arrays[array].shape[-1] if array in ("vectors", "points") else 40
        width = len(state.arrays[array]) if array == "weight_0" else width
        if array != "bias_0":
            np.testing.assert_array_equal(wide.predict(values[:, :width]), predictor.predict(values[:, :width]))


def test_points_whose_distances_are_no_numbers_are_refused() -> None:
    arrays = {"points": np.array([[3e38, 3e38], [0, 0]], dtype=np.float32), "answers": np.array([0.0, 1.0])}
    with pytest.raises(InvalidInput, match="too far"):
        load(PredictorState("knn", {"n_neighbors": 1, "weighted": False, "n_classes": 0}, arrays))


@pytest.mark.parametrize("threshold", [0.1, 0.3, -0.1, 16_777_217.0, 1e-46, 3.3e38])
def test_a_threshold_of_more_digits_is_asked_as_it_is(threshold: float) -> None:
    """A row is of single precision, and goes left if it is not above."""
    state = TreesPredictor(stump(threshold=np.array([threshold])), combine="mean", link="identity").to_state()
    state = replace(state, arrays={**state.arrays, "threshold": np.array([threshold])})
    near = np.float32(threshold)
    rows = np.array([np.nextafter(near, np.float32(to)) for to in (-np.inf, near, np.inf)], dtype=np.float32)
    predictor = load(state)
    expected = np.where(rows.astype(np.float64) <= threshold, 1.0, 2.0)
    np.testing.assert_array_equal(predictor.predict(rows[:, None])[:, 0], expected)
    np.testing.assert_array_equal([predictor.predict_row(row)[0] for row in rows[:, None]], expected)
    forest = forest_of(predictor)
    assert forest is not None
    np.testing.assert_array_equal(forest.raw(rows[:, None])[:, 0], expected)


def test_a_stump_is_a_tree() -> None:
    predictor = TreesPredictor(stump(), combine="mean", link="identity")
    answers = predictor.predict(np.array([[0.5], [0.6], [np.inf], [-np.inf], [np.nan]], dtype=np.float32))
    np.testing.assert_array_equal(answers[:, 0], [1.0, 2.0, 2.0, 1.0, 1.0])


@pytest.mark.parametrize(
    "changes",
    [
        {"feature": np.array([-1, 0, -1], dtype=np.int16)},
        {"feature": np.array([0, 0, -1], dtype=np.int16)},
        {"sizes": np.array([2, 1], dtype=np.int32)},
        {"sizes": np.array([-3], dtype=np.int64)},
        {"sizes": np.array([2**62, 2**62, 2**62, 2**62, 3], dtype=np.int64)},
        {"sizes": np.array([], dtype=np.int32)},
        {"values": np.array([[1.0]], dtype=np.float32)},
        {"threshold": np.array([0.5, 0.5], dtype=np.float32)},
    ],
)
def test_arrays_that_are_no_trees_are_refused(changes: dict[str, np.ndarray]) -> None:
    trees = stump(**changes)
    state = TreesPredictor(stump(), combine="mean", link="identity").to_state()
    arrays = {
        **state.arrays,
        "feature": trees.feature,
        "threshold": trees.threshold,
        "sizes": trees.sizes,
        "values": trees.values,
    }
    with pytest.raises(InvalidInput):
        load(replace(state, arrays=arrays))


def test_a_tree_as_deep_as_its_nodes_is_refused() -> None:
    # Each inner node's left child is a leaf, its right child the next inner node.
    depth = 400
    feature = np.array([0] + [-1, 0] * (depth - 1) + [-1, -1], dtype=np.int16)
    deep = stump(
        feature=feature,
        threshold=np.zeros(depth, dtype=np.float32),
        sizes=np.array([len(feature)], dtype=np.int32),
        values=np.zeros((depth + 1, 1), dtype=np.float32),
    )
    with pytest.raises(ValueError, match="deep"):
        TreesPredictor(deep, combine="mean", link="identity")


def booster_state(name: str) -> PredictorState:
    return first_fit(algorithms.get(name), make_case("multiclass", View.NATIVE)).to_state()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("left_child=1", "left_child=0"),
        ("left_child=1", "left_child=900000"),
        ("split_feature=", "split_feature=77 "),
        ("num_leaves=", "num_leaves=1"),
        ("num_class=3", "num_class=2"),
        ("max_feature_idx=5", "max_feature_idx=4"),
        ("leaf_value=", "leaf_value=1_0 "),
        ("threshold=", "threshold=nan "),
        ("cat_boundaries=0 1", "cat_boundaries=0 9"),
        # The difference of these wraps around to a small number.
        ("cat_boundaries=0 1", "cat_boundaries=0 9223372034707292159 -9223372036854775803"),
        ("num_cat=", "num_cat=9"),
        ("leaf_count=", "leaf_count=-1 "),
        ("internal_count=", "internal_count=99999999999 "),
        ("leaf_count=", "leaf_count=x "),
        ("left_child=", "left_child=99999999999999999999 "),
        ("Tree=1", "Trie=1"),
    ],
)
def test_a_lightgbm_text_that_would_harm_is_refused(old: str, new: str) -> None:
    state = booster_state("lightgbm")
    text = state.blobs["model"].decode()
    assert old in text
    with pytest.raises(InvalidInput):
        load(replace(state, blobs={"model": text.replace(old, new, 1).encode()}))


def test_a_lightgbm_tree_asks_for_no_code_beyond_those_that_encoders_give() -> None:
    state = booster_state("lightgbm")
    text = state.blobs["model"].decode()
    lines = text.split("\n")
    at = next(at for at, line in enumerate(lines) if line.startswith("cat_boundaries=0 1") and line.count(" ") == 1)

    def with_codes(*codes: int) -> PredictorState:
        words = [0] * (max(codes) // 32 + 1)
        for code in codes:
            words[code // 32] |= 1 << code % 32
        changed = [*lines]
        changed[at], changed[at + 1] = f"cat_boundaries=0 {len(words)}", "cat_threshold=" + " ".join(map(str, words))
        return replace(state, blobs={"model": "\n".join(changed).encode()})

    forest = forest_of(load(with_codes(2, 31, 32, 299)))
    assert forest is not None
    assert frozenset([2, 31, 32, 299]) in [codes for tree in forest.trees for codes in tree.levels.values()]
    for code in (300, 319, 320, 5_000):
        with pytest.raises(InvalidInput, match="asks for a category that no column has"):
            load(with_codes(1, code))


def test_an_xgboost_model_that_would_harm_is_refused() -> None:
    state = booster_state("xgboost")

    def coded(learner: Any) -> Any:
        return next(one for one in learner["gradient_booster"]["model"]["trees"] if one["categories"])

    def refused(change: Any) -> None:
        content = json.loads(state.blobs["model"])
        tree = next(
            one for one in content["learner"]["gradient_booster"]["model"]["trees"] if one["left_children"][0] > 0
        )
        change(content["learner"], tree)
        with pytest.raises(InvalidInput):
            load(replace(state, blobs={"model": json.dumps(content).encode()}))

    refused(lambda learner, tree: tree["left_children"].__setitem__(0, 0))
    refused(lambda learner, tree: tree["left_children"].__setitem__(0, 10_000))
    refused(lambda learner, tree: tree["left_children"].pop())
    refused(lambda learner, tree: tree["split_indices"].__setitem__(0, 50))
    refused(lambda learner, tree: tree["categories_sizes"].append(3))
    refused(lambda learner, tree: tree["tree_param"].__setitem__("num_nodes", "1"))
    refused(lambda learner, tree: learner["learner_model_param"].__setitem__("num_feature", "9"))
    refused(lambda learner, tree: learner["objective"].__setitem__("name", "rank:ndcg"))
    refused(lambda learner, tree: learner["objective"].__setitem__("name", "reg:squarederror"))
    refused(lambda learner, tree: learner.pop("gradient_booster"))
    refused(lambda learner, tree: tree["tree_param"].__setitem__("size_leaf_vector", "-1"))
    refused(lambda learner, tree: tree["tree_param"].__setitem__("size_leaf_vector", "2"))
    refused(lambda learner, tree: tree["default_left"].__setitem__(0, 7))
    # Not finite in single precision, alone and added up over the trees.
    refused(lambda learner, tree: tree["split_conditions"].__setitem__(-1, 1e39))
    refused(lambda learner, tree: tree["split_conditions"].__setitem__(-1, 3e38))
    refused(lambda learner, tree: tree["split_conditions"].__setitem__(-1, float("nan")))
    refused(lambda learner, tree: learner["learner_model_param"].__setitem__("base_score", "[nan,0,0]"))
    refused(lambda learner, tree: learner["gradient_booster"]["model"]["tree_info"].__setitem__(0, 2))
    refused(lambda learner, tree: learner["gradient_booster"]["model"]["iteration_indptr"].__setitem__(1, 99))
    refused(lambda learner, tree: learner.__setitem__("feature_types", ["q"]))
    refused(lambda learner, tree: coded(learner)["categories"].__setitem__(-1, 300))
    # The last code that may be.
    content = json.loads(state.blobs["model"])
    coded(content["learner"])["categories"][-1] = 299
    load(replace(state, blobs={"model": json.dumps(content).encode()}))


def test_what_xgboost_need_not_be_told_is_worked_out() -> None:
    state = booster_state("xgboost")
    content = json.loads(state.blobs["model"])
    for tree in content["learner"]["gradient_booster"]["model"]["trees"]:
        tree.update(parents=["x"], base_weights=None, loss_changes={}, id=-5)
    content["learner"]["attributes"] = {"best_iteration": "-7"}
    changed = load(replace(state, blobs={"model": json.dumps(content).encode()}))
    assert changed.to_state().blobs == load(state).to_state().blobs
    rows = make_case("multiclass", View.NATIVE).valid.values
    assert np.array_equal(changed.predict(rows), load(state).predict(rows))


def test_an_xgboost_model_of_many_empty_lists_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "loads", None)
    with pytest.raises(ValueError, match="larger than any"):
        xgboost_json.compact(b"[[]" + b",[]" * 600_000 + b"]", 6, 3)


def test_a_catboost_blob_of_another_kind_is_refused() -> None:
    state = booster_state("catboost")
    for blob in (
        b"",
        b"hello",
        b"CBM1",
        b"CBM1" + b"\xff" * 400,
        state.blobs["model"][: len(state.blobs["model"]) // 2],
        state.blobs["model"][:-10],
    ):
        with pytest.raises(InvalidInput):
            load(replace(state, blobs={"model": blob}))


@pytest.mark.parametrize("name", ["xgboost", "catboost"])
def test_a_booster_refuses_rows_of_another_width(name: str) -> None:
    predictor = load(booster_state(name))
    with pytest.raises(ValueError, match="expected 6 features"):
        predictor.predict(np.zeros((2, 5), dtype=np.float32))
    with pytest.raises(ValueError, match="expected 6 features"):
        predictor.predict_row(np.zeros(7, dtype=np.float32))


def test_an_unknown_kind_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        load(PredictorState("pickle", {}))
