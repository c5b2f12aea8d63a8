"""FlowML as a scikit-learn estimator."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from flowml import AutoMLClassifier, AutoMLRegressor, load_model
from flowml.domain.errors import InvalidInput

X = np.random.default_rng(0).normal(size=(160, 3))
NUMBERS = X @ np.array([1.0, -2.0, 0.5])
CLASSES = (NUMBERS > 0).astype(int)


def test_a_classifier_gives_back_the_classes_it_was_given() -> None:
    model = AutoMLClassifier(time_budget_seconds=120, max_trials=2).fit(X, CLASSES)
    assert model.classes_.tolist() == [0, 1] and model.n_features_in_ == 3
    assert model.predict(X).dtype == model.classes_.dtype
    assert model.score(X, CLASSES) > 0.9
    assert model.predict_proba(X).shape == (160, 2)
    assert model.leaderboard_[0]["rank"] == 1


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_it_takes_tables_of_both_kinds(make: type) -> None:
    table = make({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "d": ["x", "y"] * 80})
    model = AutoMLRegressor(time_budget_seconds=120, max_trials=2).fit(table, NUMBERS)
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert model.score(table, NUMBERS) > 0.9


def test_it_is_cloned_with_its_settings_and_without_its_model() -> None:
    model = AutoMLRegressor(time_budget_seconds=120, max_trials=1).fit(X, NUMBERS)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(X)


def test_labels_may_be_texts() -> None:
    labels = np.where(CLASSES, "yes", "no")
    model = AutoMLClassifier(time_budget_seconds=120, max_trials=1).fit(X, labels)
    assert set(model.predict(X)) == {"yes", "no"}


def test_rows_that_do_not_match_are_refused() -> None:
    with pytest.raises(InvalidInput, match="160 rows and y has 3"):
        AutoMLClassifier().fit(X, [0, 1, 0])
    with pytest.raises(InvalidInput, match="got 1D array"):
        AutoMLClassifier().fit(X[:, 0], CLASSES)


def test_a_saved_model_is_loaded_and_says_the_same(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "row_id": range(160), "colour": ["x", "y"] * 80})
    labels = np.where(CLASSES, "yes", "no")
    model = AutoMLClassifier(max_trials=2, n_jobs=1, algorithms=["logistic_regression", "lightgbm"]).fit(table, labels)
    model.save(tmp_path / "m.flowml")
    loaded = load_model(tmp_path / "m.flowml")
    assert isinstance(loaded, AutoMLClassifier) and loaded.classes_.tolist() == ["no", "yes"]
    # The identifier was left out in training, and nobody has to know.
    assert loaded.feature_names_in_.tolist() == ["a", "b", "colour"]
    assert np.array_equal(loaded.predict_proba(table), model.predict_proba(table))
    assert np.array_equal(loaded.predict(pl.DataFrame(table.to_dict("list"))), model.predict(table))
    with pytest.raises(ValueError, match="now missing:\n- b"):
        loaded.predict(table[["a", "colour"]])
    with pytest.raises(InvalidInput, match="no file"):
        load_model(tmp_path / "none.flowml")


def test_a_leaderboard_is_a_table_in_one_step() -> None:
    model = AutoMLRegressor(max_trials=3, n_jobs=1, algorithms=["ridge", "knn", "decision_tree"]).fit(X, NUMBERS)
    board = pd.DataFrame(model.leaderboard_)
    assert board["score"].is_monotonic_decreasing
    low, high = model.best_score_range_
    assert low < model.best_score_ < high and model.baseline_score_ == pytest.approx(0.0, abs=0.1)
    assert pl.DataFrame(model.leaderboard_, strict=False).height == len(board)
    assert model.metric_ == "r2" and model.failures_ == {}


def test_rows_of_weight_nothing_are_not_there() -> None:
    generator = np.random.default_rng(1)
    wrong = generator.normal(size=(160, 3))
    both, target = np.vstack([X, wrong]), np.concatenate([NUMBERS, np.full(160, 1e6)])
    weights = np.repeat([1.0, 0.0], 160)
    options = {"max_trials": 1, "algorithms": ["ridge"], "n_jobs": 1}
    weighted = AutoMLRegressor(**options).fit(both, target, sample_weight=weights)
    alone = AutoMLRegressor(**options).fit(X, NUMBERS)
    assert weighted.predict(X) == pytest.approx(alone.predict(X), rel=1e-6)


def test_it_says_how_far_it_is_when_asked(capfd: pytest.CaptureFixture[str]) -> None:
    AutoMLRegressor(max_trials=1, algorithms=["ridge"], n_jobs=1).fit(X, NUMBERS)
    assert capfd.readouterr().err == ""
    AutoMLRegressor(max_trials=1, algorithms=["ridge"], n_jobs=1, verbose=1).fit(X, NUMBERS)
    assert "ridge" in capfd.readouterr().err


def test_importing_it_loads_nothing_heavy() -> None:
    program = "import sys; from flowml import AutoMLClassifier; AutoMLClassifier(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"numpy", "polars", "pandas", "sklearn", "scipy", "lightgbm"} & set(done.stdout.split())
