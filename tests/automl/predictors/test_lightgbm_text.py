"""LightGBM's own text, shortened."""

from concurrent.futures import ThreadPoolExecutor

import lightgbm
import numpy as np
import pytest

from flowml.automl.predictors.lightgbm import LightGBMPredictor
from flowml.automl.predictors.lightgbm_text import compact, shorten


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


@pytest.mark.parametrize("n_outputs", [1, 2, 3])
def test_a_few_trees_at_a_time_say_together_what_all_say(n_outputs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.automl.predictors.lightgbm._MANY_ROWS", 500)
    chance = np.random.default_rng(0)
    values = chance.normal(size=(600, 4)).astype(np.float32)
    values[:, 3] = chance.integers(0, 9, 600)
    target = (
        (np.abs(values[:, 0]) + values[:, 1]).clip(0, n_outputs - 0.5).astype(int) if n_outputs > 1 else values[:, 1]
    )
    settings = {"objective": {1: "regression", 2: "binary", 3: "multiclass"}[n_outputs], "verbosity": -1}
    if n_outputs > 2:
        settings["num_class"] = n_outputs
    booster = lightgbm.train(settings, lightgbm.Dataset(values, target, categorical_feature=[3]), 25)
    predictor = LightGBMPredictor(compact(booster.model_to_string(), 4, n_outputs), n_outputs, 4)
    expected = booster.predict(values)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(predictor.predict, [values] * 8):
            assert (found[:, 1] if n_outputs == 2 else found.squeeze()) == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert len(predictor._parts) == (5 if n_outputs == 3 else 2)


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


def test_a_forest_whose_trees_are_averaged_is_refused() -> None:
    chance = np.random.default_rng(0)
    values = chance.normal(size=(200, 3))
    settings = {
        "objective": "regression",
        "boosting": "rf",
        "bagging_freq": 1,
        "bagging_fraction": 0.5,
        "verbosity": -1,
    }
    text = lightgbm.train(settings, lightgbm.Dataset(values, values[:, 0]), 5).model_to_string()
    with pytest.raises(ValueError, match="do not add up"):
        compact(text, 3, 1)
