"""Trees as plain nodes answer what their library answers."""

import catboost
import numpy as np
import pytest

from flowml.automl import algorithms
from flowml.automl.predictors.base import Predictor, PredictorState, load
from flowml.automl.predictors.catboost import CatBoostPredictor, pool
from flowml.automl.predictors.catboost_blob import compact
from flowml.automl.predictors.links import apply_link
from flowml.automl.predictors.nodes.reading import forest_of
from tests.automl.algorithm_cases import first_fit, make_case
from tests.automl.predictors.test_catboost_blob import CATEGORICAL, WIDTH, fitted, table

TREES = ("decision_tree", "random_forest", "extra_trees", "adaboost", "lightgbm", "xgboost", "catboost")


def _same(predictor: Predictor, values: np.ndarray) -> None:
    forest = forest_of(predictor)
    assert forest is not None
    answers = apply_link(forest.link, forest.raw(values))
    np.testing.assert_allclose(answers, predictor.predict(values), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("name", TREES)
def test_the_trees_of_every_algorithm(name: str, kind: str) -> None:
    algorithm = algorithms.get(name)
    case = make_case(kind, algorithm.view, n_rows=200)
    predictor = load(first_fit(algorithm, case).to_state())
    values = np.concatenate([case.train.values, case.valid.values])
    if algorithm.view.takes_missing:
        # More is missing, and some codes were never seen.
        generator = np.random.default_rng(0)
        values = values.copy()
        values[generator.random(values.shape) < 0.15] = np.nan
        for column in case.train.categorical:
            values[:9, column] = np.nanmax(case.train.values[:, column]) + 1
    _same(predictor, values)


def test_the_statistics_of_two_categories_together() -> None:
    values = table(400)[:, [0, 3, 4]]
    target = np.nan_to_num(values[:, 0]) + 9 * (np.nan_to_num(values[:, 1]) % 3 == np.nan_to_num(values[:, 2]))
    settings = {"iterations": 12, "depth": 4, "one_hot_max_size": 2, "max_ctr_complexity": 2, "thread_count": 1}
    settings |= {"allow_writing_files": False, "logging_level": "Silent", "random_seed": 0}
    blob = bytes(catboost.CatBoost(settings).fit(pool(values, (1, 2), target))._serialize_model())
    predictor = CatBoostPredictor(compact(blob, 3, (1, 2), 1), 1, 3, (1, 2))
    forest = forest_of(predictor)
    assert forest is not None and max(len(lookup.sources) for lookup in forest.lookups) == 2
    values[:40, 1] = 77.0
    _same(predictor, values)


@pytest.mark.parametrize("n_outputs", [1, 2, 3])
def test_what_catboost_keeps_of_categories(n_outputs: int) -> None:
    blob = compact(fitted(n_outputs), WIDTH, CATEGORICAL, n_outputs)
    values = table(400)
    values[:40, 3] = 77.0
    _same(CatBoostPredictor(blob, n_outputs, WIDTH, CATEGORICAL), values)


def test_what_is_no_tree_has_none() -> None:
    assert forest_of(load(PredictorState("constant", {}, {"answer": np.array([1.0])}))) is None
