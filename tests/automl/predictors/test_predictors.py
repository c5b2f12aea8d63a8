"""Predictors answer the same however many rows and threads ask."""

import threading
from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from flowml.automl import algorithms
from flowml.automl.algorithms.fitting.tree_conversion import class_shares, flatten
from flowml.automl.predictors.base import load
from flowml.automl.predictors.distilled import DistilledPredictor
from flowml.automl.predictors.lightgbm import LightGBMPredictor
from flowml.automl.predictors.lightgbm_text import compact
from flowml.automl.predictors.trees import TreesPredictor
from flowml.domain.errors import InvalidInput
from tests.automl.algorithm_cases import first_fit, make_case
from tests.automl.predictors.cases import CLASSES, VALUES, trees_of


def test_batches_of_any_size_give_the_same_answers() -> None:
    model = RandomForestClassifier(70, random_state=0).fit(CLASSES.train.values, CLASSES.target)
    predictor = TreesPredictor(flatten(trees_of(model), class_shares), combine="mean", link="probability")
    many = np.tile(CLASSES.valid.values, (100, 1))
    answers = predictor.predict(many)
    np.testing.assert_allclose(answers[-CLASSES.valid.n_rows :], predictor.predict(CLASSES.valid.values), atol=1e-12)
    assert predictor.predict(many[:0]).shape == (0, 3)


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
