"""Predictors answer like the models that they were made of, and no state makes them harm the process."""

import json
import threading
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC

from flowml.automl import algorithms
from flowml.automl.algorithms.fitting.tree_conversion import class_shares, flatten, means, round_down
from flowml.automl.algorithms.svm import _machine
from flowml.automl.features.encoded import View
from flowml.automl.predictors.base import Predictor, PredictorState, load
from flowml.automl.predictors.constant import ConstantPredictor
from flowml.automl.predictors.distilled import DistilledPredictor
from flowml.automl.predictors.flat_trees import TreeArrays
from flowml.automl.predictors.gaussian_nb import GaussianNaiveBayesPredictor
from flowml.automl.predictors.knn import NearestNeighboursPredictor
from flowml.automl.predictors.lightgbm import LightGBMPredictor
from flowml.automl.predictors.lightgbm_text import compact, shorten
from flowml.automl.predictors.trees import TreesPredictor
from flowml.domain.errors import InvalidInput
from tests.automl.algorithm_cases import first_fit, make_case

CLASSES = make_case("multiclass", View.ORDINAL)
BINARY = make_case("binary", View.ORDINAL)
VALUES = make_case("regression", View.ORDINAL)


def trees_of(model: Any) -> list[Any]:
    return [one.tree_ for one in np.asarray(model.estimators_).reshape(-1)]


@pytest.mark.parametrize("estimator", [RandomForestClassifier, ExtraTreesClassifier])
@pytest.mark.parametrize("case", [BINARY, CLASSES], ids=["binary", "multiclass"])
def test_a_forest_of_classes_answers_as_in_scikit_learn(estimator: Any, case: Any) -> None:
    model = estimator(30, random_state=0).fit(case.train.values, case.target)
    predictor = TreesPredictor(flatten(trees_of(model), class_shares), combine="mean", link="probability")
    expected = model.predict_proba(case.valid.values)
    np.testing.assert_allclose(predictor.predict(case.valid.values), expected, atol=2e-5)
    np.testing.assert_allclose(predictor.predict_row(case.valid.values[3]), expected[3], atol=2e-5)


@pytest.mark.parametrize("estimator", [RandomForestRegressor, ExtraTreesRegressor])
def test_a_forest_of_values_answers_as_in_scikit_learn(estimator: Any) -> None:
    model = estimator(30, random_state=0).fit(VALUES.train.values, VALUES.target)
    predictor = TreesPredictor(flatten(trees_of(model), means), combine="mean", link="identity")
    expected = model.predict(VALUES.valid.values)
    np.testing.assert_allclose(predictor.predict(VALUES.valid.values)[:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(predictor.predict_row(VALUES.valid.values[3])[0], expected[3], rtol=1e-6)


def test_gradient_boosting_answers_as_in_scikit_learn() -> None:
    binary = GradientBoostingClassifier(n_estimators=20, random_state=0).fit(BINARY.train.values, BINARY.target)
    start = binary.init_.class_prior_[1]
    predictor = TreesPredictor(
        flatten(trees_of(binary), means),
        combine="sum",
        link="sigmoid",
        scale=0.1,
        offset=[float(np.log(start / (1 - start)))],
    )
    expected = binary.predict_proba(BINARY.valid.values)
    np.testing.assert_allclose(predictor.predict(BINARY.valid.values), expected, atol=1e-6)

    many = GradientBoostingClassifier(n_estimators=20, random_state=0).fit(CLASSES.train.values, CLASSES.target)
    predictor = TreesPredictor(
        flatten(trees_of(many), means),
        combine="sum",
        link="softmax",
        groups=3,
        scale=0.1,
        offset=np.log(many.init_.class_prior_).tolist(),
    )
    expected = many.predict_proba(CLASSES.valid.values)
    np.testing.assert_allclose(predictor.predict(CLASSES.valid.values), expected, atol=1e-6)
    np.testing.assert_allclose(predictor.predict_row(CLASSES.valid.values[0]), expected[0], atol=1e-6)

    values = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(VALUES.train.values, VALUES.target)
    predictor = TreesPredictor(
        flatten(trees_of(values), means),
        combine="sum",
        link="identity",
        scale=0.1,
        offset=[float(VALUES.target.mean())],
    )
    expected = values.predict(VALUES.valid.values)
    np.testing.assert_allclose(predictor.predict(VALUES.valid.values)[:, 0], expected, rtol=1e-6)


def test_the_fitted_gradient_boosting_uses_scikit_learns_start() -> None:
    for case in (BINARY, CLASSES, VALUES):
        predictor = first_fit(algorithms.get("gradient_boosting"), case)
        answers = predictor.predict(case.train.values)
        if case.kind == "regression":
            assert answers.mean() == pytest.approx(case.target.mean(), rel=0.01)
        else:
            shares = np.bincount(case.target) / len(case.target)
            np.testing.assert_allclose(answers.mean(axis=0), shares, atol=0.03)


def test_a_threshold_between_two_floats_sends_every_row_the_right_way() -> None:
    generator = np.random.default_rng(0)
    thresholds = generator.standard_normal(1_000)
    narrow = round_down(thresholds)
    for value in (narrow, np.nextafter(narrow, np.float32(np.inf)), np.nextafter(narrow, np.float32(-np.inf))):
        np.testing.assert_array_equal(value <= narrow, value.astype(np.float64) <= thresholds)


def test_batches_of_any_size_give_the_same_answers() -> None:
    model = RandomForestClassifier(70, random_state=0).fit(CLASSES.train.values, CLASSES.target)
    predictor = TreesPredictor(flatten(trees_of(model), class_shares), combine="mean", link="probability")
    many = np.tile(CLASSES.valid.values, (100, 1))
    answers = predictor.predict(many)
    np.testing.assert_allclose(answers[-CLASSES.valid.n_rows :], predictor.predict(CLASSES.valid.values), atol=1e-12)
    assert predictor.predict(many[:0]).shape == (0, 3)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_nearest_neighbours_answer_as_in_scikit_learn(weights: str) -> None:
    case = make_case("multiclass", View.DENSE)
    model = KNeighborsClassifier(7, weights=weights).fit(case.train.values, case.target)
    predictor = NearestNeighboursPredictor(case.train.values, case.target, 7, weights == "distance", 3)
    expected = model.predict_proba(case.valid.values)
    np.testing.assert_allclose(predictor.predict(case.valid.values), expected, atol=1e-4)
    np.testing.assert_allclose(predictor.predict_row(case.valid.values[2]), expected[2], atol=1e-4)

    values = make_case("regression", View.DENSE)
    regressor = KNeighborsRegressor(7, weights=weights).fit(values.train.values, values.target)
    predictor = NearestNeighboursPredictor(values.train.values, values.target, 7, weights == "distance", 0)
    expected = regressor.predict(values.valid.values)
    np.testing.assert_allclose(predictor.predict(values.valid.values)[:, 0], expected, rtol=1e-4)


def test_naive_bayes_answers_as_in_scikit_learn() -> None:
    case = make_case("multiclass", View.DENSE)
    model = GaussianNB(var_smoothing=0.0).fit(case.train.values.astype(np.float64), case.target)
    predictor = GaussianNaiveBayesPredictor(np.log(model.class_prior_), model.theta_, model.var_)
    expected = model.predict_proba(case.valid.values.astype(np.float64))
    np.testing.assert_allclose(predictor.predict(case.valid.values), expected, atol=1e-9)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_support_vectors_decide_as_in_scikit_learn(kind: str) -> None:
    case = make_case(kind, View.DENSE)
    values = case.train.values.astype(np.float64)
    mine = _machine({"C": 1.0}, values, case.target, 0.2, None)
    theirs = SVC(C=1.0, gamma=0.2, decision_function_shape="ovo").fit(values, case.target)
    expected = theirs.decision_function(case.valid.values.astype(np.float64)).reshape(case.valid.n_rows, -1)
    np.testing.assert_allclose(mine.decisions(case.valid.values), expected, atol=1e-4)


@pytest.mark.parametrize("name", [algorithm.name for algorithm in algorithms.all()])
def test_many_threads_may_ask_at_once(name: str) -> None:
    algorithm = algorithms.get(name)
    kind = (
        "multiclass" if len(algorithm.problem_types) == 2 or "regr" not in algorithm.problem_types[0] else "regression"
    )
    case = make_case(kind, algorithm.view, n_rows=160)
    predictor = load(first_fit(algorithm, case).to_state())
    rows = case.valid.values
    expected = [predictor.predict_row(row) for row in rows]
    wrong: list[int] = []

    def ask() -> None:
        for index, row in enumerate(rows):
            if not np.array_equal(predictor.predict_row(row), expected[index]):
                wrong.append(index)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


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
        if array != "tree_weights":
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


def test_an_xgboost_model_that_would_harm_is_refused() -> None:
    state = booster_state("xgboost")

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
    refused(lambda learner, tree: tree["parents"].__setitem__(1, 2))
    refused(lambda learner, tree: tree["categories_sizes"].append(3))
    refused(lambda learner, tree: tree["tree_param"].__setitem__("num_nodes", "1"))
    refused(lambda learner, tree: learner["learner_model_param"].__setitem__("num_feature", "9"))
    refused(lambda learner, tree: learner["objective"].__setitem__("name", "rank:ndcg"))
    refused(lambda learner, tree: learner.pop("gradient_booster"))


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


@pytest.mark.parametrize("n_outputs", [1, 2, 3])
def test_what_is_shortened_here_is_what_reading_it_again_makes_of_it(n_outputs: int) -> None:
    chance = np.random.default_rng(0)
    values = chance.normal(size=(400, 4))
    values[:, 3] = chance.integers(0, 9, 400)
    values[chance.random((400, 4)) < 0.2] = np.nan
    values[:, 0] = np.where(chance.random(400) < 0.5, 1.0, np.nan)
    target = chance.integers(0, n_outputs, 400) if n_outputs > 1 else np.nan_to_num(values[:, 1])
    objective = {1: "regression", 2: "binary", 3: "multiclass"}[n_outputs]
    settings = {"objective": objective, "verbosity": -1, "min_data_in_leaf": 5, "zero_as_missing": False}
    if n_outputs > 2:
        settings["num_class"] = n_outputs
    text = lightgbm.train(settings, lightgbm.Dataset(values, target, categorical_feature=[3]), 12).model_to_string()
    assert "cat_threshold" in text
    assert shorten(text, 4, n_outputs) == compact(text, 4, n_outputs)


def test_lightgbm_may_split_the_missing_from_all_others() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(400, 3)).astype(np.float32)
    values[generator.random(400) < 0.4, 0] = np.nan
    target = (np.isnan(values[:, 0]) ^ (values[:, 1] > 0)).astype(int)
    settings = {"objective": "binary", "verbosity": -1, "min_data_in_leaf": 5, "min_data_in_bin": 1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(values, target), 30)
    text = booster.model_to_string()
    assert any("inf" in line.split("=")[1].split() for line in text.splitlines() if line.startswith("threshold="))
    ours = LightGBMPredictor(text, 2, 3).predict(values)[:, 1]
    assert ours == pytest.approx(booster.predict(values))


@pytest.mark.parametrize("n_models", [1, 3])
def test_regressions_on_probabilities_answer_as_a_classifier(n_models: int) -> None:
    values = VALUES.train.values
    generator = np.random.default_rng(0)
    texts = []
    for _ in range(n_models):
        data = lightgbm.Dataset(values, generator.random(len(values)) * 1.4 - 0.2)
        texts.append(lightgbm.train({"verbosity": -1, "num_leaves": 6}, data, 20).model_to_string())
    width = values.shape[1]
    predictor = DistilledPredictor([LightGBMPredictor(compact(text, width, 1), 1, width) for text in texts])
    answers = predictor.predict(VALUES.valid.values)
    assert answers.shape == (len(VALUES.valid.values), max(2, n_models))
    assert answers.sum(axis=1) == pytest.approx(1) and answers.min() > 0
    again = load(predictor.to_state())
    np.testing.assert_array_equal(again.predict(VALUES.valid.values), answers)
    np.testing.assert_allclose(again.predict_row(VALUES.valid.values[2]), answers[2])
    state = predictor.to_state()
    for settings in ({}, {**state.settings, "n_models": 0}, {**state.settings, "n_models": n_models + 1}):
        with pytest.raises(InvalidInput):
            load(replace(state, settings=settings))
