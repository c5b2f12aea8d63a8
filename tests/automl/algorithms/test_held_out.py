"""Rows that a fit stops by are answered by what was chosen without them."""

from dataclasses import replace

import numpy as np
import pytest

from flowml.automl import algorithms
from flowml.automl.algorithms.base import Algorithm
from flowml.automl.algorithms.fitting.held_out import PARTS, HeldOut
from flowml.automl.features.encoded import Encoded
from tests.automl.algorithm_cases import make_case

STOPPING = ["adaboost", "catboost", "gradient_boosting", "lightgbm", "mlp", "xgboost"]
KINDS = ["binary", "multiclass", "regression"]


def answered(algorithm: Algorithm, kind: str, *, seed: int, noise: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets of the validation rows, what the fit says that it would have said, and what its model says."""
    case = make_case(kind, algorithm.view, n_rows=240, seed=seed)
    if noise:
        shuffled = np.random.default_rng(seed).permutation(np.concatenate([case.target, case.valid_target]))
        case = replace(case, target=shuffled[: len(case.target)], valid_target=shuffled[len(case.target) :])
    said: list[np.ndarray] = []
    context = replace(case.context(seed), held_out=said.append)
    params = algorithm.first_configurations(case.shape)[0]
    model = algorithm.fit(params, case.train, case.target, case.valid, case.valid_target, context)
    (answers,) = said
    return case.valid_target, answers, model.predict(case.valid.values)


def loss(target: np.ndarray, answers: np.ndarray) -> float:
    if answers.shape[1] == 1:
        return float(((answers[:, 0] - target) ** 2).mean())
    return float(-np.log(np.maximum(answers[np.arange(len(target)), target], 1e-6)).mean())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", STOPPING)
def test_they_are_answers_of_the_same_kind(name: str, kind: str) -> None:
    target, honest, flattered = answered(algorithms.get(name), kind, seed=0, noise=False)
    assert honest.shape == flattered.shape and honest.dtype == np.float64
    assert np.isfinite(honest).all()
    if kind != "regression":
        np.testing.assert_allclose(honest.sum(axis=1), 1.0, atol=1e-6)
    # Both have learned the same: they differ by a few iterations.
    assert loss(target, honest) < 1.5 * loss(target, flattered) + 0.05


@pytest.mark.parametrize("name", ["adaboost", "mlp"])
def test_where_there_is_nothing_to_learn_nobody_looks_as_if_there_were(name: str) -> None:
    """Noise: whoever is scored on the rows that chose its iteration looks better than it is on any others."""
    gains = []
    for seed in range(4):
        target, honest, flattered = answered(algorithms.get(name), "binary", seed=seed, noise=True)
        gains.append(loss(target, honest) - loss(target, flattered))
    assert np.mean(gains) > 0 and min(gains) > -1e-3


def test_each_part_is_chosen_by_the_others() -> None:
    target = np.repeat([0, 1], 20)
    held = HeldOut(target, None, 0, classes=True)
    assert held.n_parts == PARTS
    assert all(np.bincount(target[held.rows(part)]).tolist() == [5, 5] for part in range(PARTS))
    first = held.improved(np.array([1.0, 1.0, 1.0, 1.0]), 0)
    assert first == [0, 1, 2, 3]
    # Only the first part likes it: all others take it, the first does not go by itself.
    assert held.improved(np.array([0.1, 1.0, 1.0, 1.0]), 1) == [1, 2, 3]
    assert held.iterations.tolist() == [0, 1, 1, 1]
    assert held.whole(np.array([0.0, 1.0, 1.0, 2.0])) == 1.0


def test_weights_count_within_and_between_parts() -> None:
    weights = np.arange(1.0, 41.0)
    of_rows = np.random.default_rng(0).random(40)
    held = HeldOut(np.zeros(40), weights, 0, classes=False)
    assert held.whole(held.losses(of_rows)) == pytest.approx(float(np.average(of_rows, weights=weights)))


def test_a_few_rows_stay_together() -> None:
    held = HeldOut(np.zeros(5), None, 0, classes=False)
    assert held.n_parts == 1
    assert held.rest(0).tolist() == held.rows(0).tolist() == [0, 1, 2, 3, 4]
    assert held.improved(held.losses(np.ones(5)), 3) == [0]


def test_nobody_hears_of_rows_that_were_drawn_for_stopping() -> None:
    case = make_case("binary", algorithms.get("mlp").view, n_rows=120)
    said: list[np.ndarray] = []
    context = replace(case.context(), held_out=said.append)
    algorithm = algorithms.get("mlp")
    params = algorithm.first_configurations(case.shape)[0]
    rows: Encoded = case.train
    algorithm.fit(params, rows, case.target, None, None, context)
    assert said == []
