"""Predictors answer like the models of scikit-learn that they were made of."""

from typing import Any

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
from flowml.automl.predictors import flat_trees
from flowml.automl.predictors.gaussian_nb import GaussianNaiveBayesPredictor
from flowml.automl.predictors.knn import NearestNeighboursPredictor
from flowml.automl.predictors.nodes.walk import RowTrees
from flowml.automl.predictors.trees import TreesPredictor
from tests.automl.algorithm_cases import first_fit, make_case
from tests.automl.predictors.cases import CLASSES, VALUES, trees_of

BINARY = make_case("binary", View.ORDINAL)


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


@pytest.mark.parametrize("kind", ["probability", "groups", "median"])
def test_many_rows_reach_the_same_leaves_by_scikit_learns_code(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "probability":
        forest = RandomForestClassifier(20, random_state=0).fit(CLASSES.train.values, CLASSES.target)
        predictor = TreesPredictor(flatten(trees_of(forest), class_shares), combine="mean", link="probability")
    elif kind == "groups":
        boosted = GradientBoostingClassifier(n_estimators=9, random_state=0).fit(CLASSES.train.values, CLASSES.target)
        predictor = TreesPredictor(flatten(trees_of(boosted), means), combine="sum", link="softmax", groups=3)
    else:
        values = RandomForestRegressor(7, random_state=0).fit(VALUES.train.values, VALUES.target)
        predictor = TreesPredictor(flatten(trees_of(values), means), combine="median", link="identity")
    rows = np.tile((VALUES if kind == "median" else CLASSES).valid.values, (20, 1))
    holes = np.random.default_rng(0).random(rows.shape)
    rows[holes < 0.1], rows[holes > 0.95] = np.nan, np.inf
    expected = predictor.predict(rows)
    monkeypatch.setattr(flat_trees, "_MANY_WALKS", 0)
    monkeypatch.setattr(predictor.flat, "_walk", None)
    monkeypatch.setattr(flat_trees, "_MANY_ROWS", 1)
    np.testing.assert_allclose(predictor.predict(rows), expected, rtol=1e-14)
    monkeypatch.setattr(flat_trees, "library", lambda: None)
    with pytest.raises(TypeError):
        predictor.predict(rows)


def test_a_threshold_between_two_floats_sends_every_row_the_right_way() -> None:
    generator = np.random.default_rng(0)
    thresholds = generator.standard_normal(1_000)
    narrow = round_down(thresholds)
    for value in (narrow, np.nextafter(narrow, np.float32(np.inf)), np.nextafter(narrow, np.float32(-np.inf))):
        np.testing.assert_array_equal(value <= narrow, value.astype(np.float64) <= thresholds)


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


@pytest.mark.parametrize("width", [5, 2_000, 2_184, 3_000, 40_000])
def test_rows_together_are_answered_as_alone_however_wide_they_are(width: int) -> None:
    """Of a bag's rows, which have what all its members ask for, a forest may look at the first columns alone."""
    chance = np.random.default_rng(0)
    values = chance.normal(size=(200, 5)).astype(np.float32)
    model = ExtraTreesRegressor(5, random_state=0).fit(values, values[:, 0] + values[:, 1] ** 2)
    forest = TreesPredictor(flatten(trees_of(model), means), combine="mean", link="identity")
    rows = chance.normal(size=(33, width)).astype(np.float32)
    for features in (np.arange(5), np.arange(width - 5, width)):
        walk = RowTrees([forest], [features])
        np.testing.assert_array_equal(walk.many(rows), [walk(row) for row in rows])
        np.testing.assert_allclose(np.ravel(walk.many(rows)), forest.predict(rows[:, features])[:, 0], rtol=1e-6)
