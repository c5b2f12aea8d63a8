"""FlowML as a scikit-learn estimator."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from flowml import AutoMLClassifier, AutoMLRegressor
from flowml.domain.errors import InvalidInput

X = np.random.default_rng(0).normal(size=(160, 3))
NUMBERS = X @ np.array([1.0, -2.0, 0.5])
CLASSES = (NUMBERS > 0).astype(int)


def test_a_classifier_gives_back_the_classes_it_was_given() -> None:
    model = AutoMLClassifier(time_budget_seconds=30, max_trials=2).fit(X, CLASSES)
    assert model.classes_.tolist() == [0, 1] and model.n_features_in_ == 3
    assert model.predict(X).dtype == model.classes_.dtype
    assert model.score(X, CLASSES) > 0.9
    assert model.predict_proba(X).shape == (160, 2)
    assert model.leaderboard_[0]["rank"] == 1


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_it_takes_tables_of_both_kinds(make: type) -> None:
    table = make({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "d": ["x", "y"] * 80})
    model = AutoMLRegressor(time_budget_seconds=30, max_trials=2).fit(table, NUMBERS)
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert model.score(table, NUMBERS) > 0.9


def test_it_is_cloned_with_its_settings_and_without_its_model() -> None:
    model = AutoMLRegressor(time_budget_seconds=30, max_trials=1).fit(X, NUMBERS)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(X)


def test_labels_may_be_texts() -> None:
    labels = np.where(CLASSES, "yes", "no")
    model = AutoMLClassifier(time_budget_seconds=30, max_trials=1).fit(X, labels)
    assert set(model.predict(X)) == {"yes", "no"}


def test_rows_that_do_not_match_are_refused() -> None:
    with pytest.raises(InvalidInput, match="160 rows and y has 3"):
        AutoMLClassifier().fit(X, [0, 1, 0])
    with pytest.raises(InvalidInput, match="1 dimensions"):
        AutoMLClassifier().fit(X[:, 0], CLASSES)
