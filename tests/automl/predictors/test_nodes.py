"""Trees as plain nodes answer what their library answers."""

import catboost
import numpy as np
import pytest

from flowml.automl import algorithms
from flowml.automl.predictors import lightgbm_text
from flowml.automl.predictors.base import Predictor, PredictorState, load
from flowml.automl.predictors.catboost import CatBoostPredictor, pool
from flowml.automl.predictors.catboost_blob import compact
from flowml.automl.predictors.lightgbm import LightGBMPredictor
from flowml.automl.predictors.links import apply_link
from flowml.automl.predictors.nodes.reading import forest_of
from flowml.automl.predictors.xgboost import XGBoostPredictor
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


_LEAF = ["num_leaves=1", "num_cat=0", "leaf_value=0.5"]
_NUMBER = ["num_leaves=2", "num_cat=0", "split_feature=0", "threshold=1.5", "decision_type=10", "left_child=-1",
           "right_child=-2", "leaf_value=1 2"]  # fmt: skip
# The second node has the first set, the third one the last.
_CODES = ["num_leaves=4", "num_cat=2", "split_feature=0 1 1", "threshold=2.5 0 1", "decision_type=8 1 1",
          "left_child=1 -1 -3", "right_child=2 -2 -4", "leaf_value=10 20 30 40", "cat_boundaries=0 2 3",
          "cat_threshold=6 1 2147483649"]  # fmt: skip


def test_trees_of_one_leaf_and_sets_of_codes_in_some_trees_alone() -> None:
    trees = [_LEAF, _CODES, _NUMBER, _CODES, _LEAF]
    head = ["tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0", "max_feature_idx=1",
            "objective=regression", "feature_names=a b", "feature_infos=none none", ""]  # fmt: skip
    lines = [
        line
        for number, tree in enumerate(trees)
        for line in (f"Tree={number}", *tree, "is_linear=0", "shrinkage=1", "", "")
    ]
    predictor = LightGBMPredictor(lightgbm_text.compact("\n".join([*head, *lines, "end of trees", ""]), 2, 1), 1, 2)
    numbers, codes = np.meshgrid([0.0, 2.0, 3.0, np.nan], [0.0, 1.0, 2.0, 3.0, 31.0, 32.0, 33.0, np.nan])
    _same(predictor, np.column_stack([numbers.ravel(), codes.ravel()]).astype(np.float32))
    forest = forest_of(predictor)
    assert forest is not None
    assert [tree.n_leaves for tree in forest.trees] == [1, 4, 2, 4, 1]
    assert [dict(tree.levels) for tree in forest.trees] == [
        {}, *[{1: {1, 2, 32}, 2: {0, 31}}, {}] * 2
    ]  # fmt: skip


def test_a_model_of_xgboost_of_which_parts_are_missing_is_refused() -> None:
    algorithm = algorithms.get("xgboost")
    predictor = load(first_fit(algorithm, make_case("binary", algorithm.view, n_rows=200)).to_state())
    assert isinstance(predictor, XGBoostPredictor)
    for name in (b"left_children", b"categories", b"split_conditions"):
        lacking = predictor.model.replace(b'"%b":[' % name, b'"other":[', 1)
        shorter = predictor.model.replace(b'"%b":[' % name, b'"%b":[7,' % name, 1)
        for model in (lacking, shorter)[: 1 if name == b"categories" else 2]:
            with pytest.raises(ValueError, match="do not fit together"):
                forest_of(XGBoostPredictor(model, 2, predictor.n_features))
