"""scikit-learn's own checks of its conventions, all of them, for both estimators."""

import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_dataframe_column_names_consistency, estimator_checks_generator

from flowml import AutoMLClassifier, AutoMLRegressor

# The same table is in README.md.
CANNOT_HOLD = {
    "check_sample_weight_equivalence_on_dense_data": "it compares rows of weight 2 with the same rows given twice, and "
    "hands over the folds for that as a list; here the folds are drawn from the rows there are, so they differ",
}
QUICK: dict[str, Any] = {"algorithms": ["decision_tree"], "max_trials": 1, "cv_folds": 3, "n_jobs": 1}
ESTIMATORS = (AutoMLClassifier(**QUICK), AutoMLRegressor(**QUICK))


def checks() -> Iterator[Any]:
    for estimator in ESTIMATORS:
        with warnings.catch_warnings():
            # That it inherits from nothing of scikit-learn's is on purpose.
            warnings.filterwarnings("ignore", message=".*does not inherit from")
            for one, check in estimator_checks_generator(estimator):
                name = getattr(check, "func", check).__name__
                reason = CANNOT_HOLD.get(name)
                marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
                yield pytest.param(one, check, marks=marks, id=f"{type(estimator).__name__}-{name}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_scikit_learn_finds_nothing_wrong(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_names_of_columns_are_checked_as_everywhere(estimator: Any) -> None:
    check_dataframe_column_names_consistency(type(estimator).__name__, estimator)


def test_it_works_inside_pipelines_and_searches() -> None:
    generator = np.random.default_rng(0)
    X = pd.DataFrame({"a": generator.normal(size=90), "b": generator.normal(size=90)})
    y = np.where(X["a"] > 0, "yes", "no")
    pipeline = make_pipeline(StandardScaler(), AutoMLClassifier(**QUICK)).set_output(transform="pandas")
    assert cross_val_score(pipeline, X, y, cv=3).min() > 0.8
    search = GridSearchCV(AutoMLClassifier(**QUICK), {"cv_folds": [2, 3], "metric": ["accuracy"]}, cv=2).fit(X, y)
    assert search.best_estimator_.feature_names_in_.tolist() == ["a", "b"]
    assert search.best_score_ > 0.8 and set(search.predict(X)) == {"yes", "no"}


def test_it_says_what_it_is() -> None:
    assert is_classifier(AutoMLClassifier()) and is_regressor(AutoMLRegressor())
    assert repr(AutoMLClassifier(max_trials=3)) == "AutoMLClassifier(max_trials=3)"
    with pytest.raises(ValueError, match="Invalid parameter 'budget'"):
        AutoMLClassifier().set_params(budget=3)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"time_budget_seconds": 0}, "time_budget_seconds"),
        ({"max_trials": 0}, "max_trials"),
        ({"max_trials": 2.5}, "max_trials"),
        ({"cv_folds": 1}, "cv_folds"),
        ({"cv": 5}, "cv_folds is how many"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"algorithms": "lightgbm"}, "list of names"),
        ({"random_state": "three"}, "random_state"),
        ({"metric": "speed"}, "speed"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(parameters: dict[str, Any], words: str) -> None:
    model = clone(AutoMLClassifier(**parameters))
    with pytest.raises(ValueError, match=words):
        model.fit([[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]], [0, 1, 0, 1, 0, 1])


def test_a_random_state_may_be_any_of_the_usual() -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = X[:, 0] > 0
    states = (None, 7, np.random.RandomState(7), np.random.default_rng(7))
    models = [AutoMLClassifier(**QUICK, random_state=state).fit(X, y) for state in states]
    assert all(model.classes_.tolist() == [False, True] for model in models)
    again = AutoMLClassifier(**QUICK, random_state=np.random.RandomState(7)).fit(X, y)
    assert np.array_equal(again.predict_proba(X), models[2].predict_proba(X))


def test_pickled_it_is_the_bytes_of_its_model_file() -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = AutoMLRegressor(max_trials=2, n_jobs=1, algorithms=["lightgbm", "ridge"]).fit(X, X[:, 0])
    model.best_model_.predict_row({"x0": 0.5, "x1": 1.0})
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict(X), model.predict(X)) and copy.leaderboard_ == model.leaderboard_
