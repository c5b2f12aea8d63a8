"""Rows that count more than others: checked, learned from, and scored by."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml import AutoMLClassifier
from flowml.automl import algorithms
from flowml.automl.algorithms.base import Algorithm, FitContext
from flowml.automl.predictors.base import load
from flowml.automl.scoring.metrics import METRICS, all_metrics
from flowml.automl.task.task import prepare_task
from flowml.automl.task.weights import check_weights
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ProblemType
from tests.automl.algorithm_cases import KINDS, OUTPUTS, Case, make_case
from tests.automl.ensemble.contests import select
from tests.automl.tables import ROLES, people

EVERY = [
    pytest.param(algorithm, kind, id=f"{algorithm.name}-{kind}")
    for algorithm in algorithms.all()
    for kind in KINDS
    if (ProblemType.REGRESSION if kind == "regression" else ProblemType.CLASSIFICATION) in algorithm.problem_types
]
# What a fit of weighted rows is, to the last digits, is what it is of the same rows repeated.
EXACT = {
    "ridge": {"alpha": 3.0},
    "lasso": {"alpha": 0.01},
    "elastic_net": {"alpha": 0.01, "l1_ratio": 0.4},
    "logistic_regression": {"C": 0.5},
    "linear_discriminant": {"shrinkage": 0.1},
    "gaussian_nb": {"var_smoothing": 0.1},
    "decision_tree": {"max_leaf_nodes": 8, "min_samples_leaf": 1},
}
TWICE = [(one.values[0].name, one.values[1]) for one in EVERY if one.values[0].name in EXACT]  # type: ignore[union-attr]


def fit(algorithm: Algorithm, case: Case, params: Any, weights: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    context = FitContext(case.problem_type, case.n_outputs, 0, 1, lambda: 1e9, weights=weights)
    valid = case.valid.take(np.arange(case.valid.n_rows))
    predictor = algorithm.fit(params, case.train.take(rows), case.target[rows], valid, case.valid_target, context)
    return predictor.predict(case.valid.values)


@pytest.mark.parametrize(("name", "kind"), TWICE)
def test_a_row_of_weight_two_is_two_rows(name: str, kind: str) -> None:
    algorithm = algorithms.get(name)
    case = make_case(kind, algorithm.view)
    times = np.random.default_rng(1).integers(1, 4, case.train.n_rows)
    weighted = fit(algorithm, case, EXACT[name], times.astype(float), np.arange(case.train.n_rows))
    repeated = fit(algorithm, case, EXACT[name], None, np.repeat(np.arange(case.train.n_rows), times))
    np.testing.assert_allclose(weighted, repeated, rtol=2e-3, atol=2e-3)
    plain = fit(algorithm, case, EXACT[name], None, np.arange(case.train.n_rows))
    assert np.abs(plain - repeated).max() > 10 * np.abs(weighted - repeated).max()


@pytest.mark.parametrize(("algorithm", "kind"), EVERY)
def test_every_algorithm_follows_the_rows_that_count(algorithm: Algorithm, kind: str) -> None:
    """Two kinds of rows contradict each other: whoever has the weight is right."""
    case = make_case(kind, algorithm.view)
    target = case.target.copy()
    wrong = np.arange(len(target)) % 2 == 0
    target[wrong] = np.random.default_rng(0).permutation(target[wrong])
    if kind == "regression":
        target[wrong] += 500.0
    weights = np.where(wrong, 0.02, 1.98)
    params = algorithm.first_configurations(case.shape)[0]
    losses = []
    for used in (weights, None):
        context = FitContext(case.problem_type, OUTPUTS[kind], 0, 1, lambda: 1e9, weights=used)
        predictor = algorithm.fit(params, case.train, target, case.valid, case.valid_target, context)
        answers = predictor.predict(case.valid.values)
        np.testing.assert_array_equal(load(predictor.to_state()).predict(case.valid.values), answers)
        losses.append(case.loss(answers))
    assert losses[0] < losses[1]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), classes=st.integers(1, 3), rows=st.integers(6, 60))
def test_metrics_count_a_row_as_often_as_its_weight_says(seed: int, classes: int, rows: int) -> None:
    generator = np.random.default_rng(seed)
    times = generator.integers(1, 5, rows)
    if classes == 1:
        problem_type, target = ProblemType.REGRESSION, generator.normal(size=rows)
        answers = np.round(generator.normal(size=(rows, 1)), 1)
    else:
        problem_type, target = ProblemType.CLASSIFICATION, generator.integers(0, classes, rows)
        answers = np.round(generator.dirichlet(np.ones(classes), rows), 1) + 0.01
    weighted = all_metrics(problem_type, target, answers, times.astype(float))
    repeated = all_metrics(problem_type, np.repeat(target, times), np.repeat(answers, times, axis=0))
    for name, value in repeated.items():
        assert weighted[name] == pytest.approx(value, abs=1e-9), name


def test_an_ensemble_is_chosen_by_the_rows_that_count() -> None:
    generator = np.random.default_rng(0)
    target = generator.normal(size=400)
    first_half = np.arange(400) < 200
    models = [
        (target + np.where(first_half == good, 0.1, 2.0) * generator.normal(size=400)).reshape(-1, 1)
        for good in (True, False)
    ]
    for good, rows in ((0, first_half), (1, ~first_half)):
        weights = select(models, target, METRICS["rmse"], weights=np.where(rows, 1.0, 0.001))
        assert weights[good] > 0.9


def test_the_weight_column_is_no_feature_and_its_zeros_are_no_rows() -> None:
    generator = np.random.default_rng(0)
    weights = generator.integers(0, 3, 200).astype(float)
    frame = people(200).with_columns(w=pl.Series(weights))
    task = prepare_task(frame, {**ROLES, "w": Role.NUMERIC}, target="y", weight_column="w")
    assert "w" not in task.frame.columns and "counts" in task.dropped["w"]
    assert task.weights is not None
    assert len(task.target) == len(task.weights) == int((weights > 0).sum())
    assert task.weights.mean() == pytest.approx(1.0)
    assert task.weights[1] / task.weights[0] == pytest.approx(weights[weights > 0][1] / weights[weights > 0][0])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, None, 2.0, None], "missing in 2 rows"),
        ([1.0, -2.0, 1.0, 1.0], "-2"),
        ([1.0, float("inf"), 1.0, 1.0], "inf"),
        ([0.0, 0.0, 0.0, 0.0], "0 in every row"),
        (["a", "b", "c", "d"], "no numbers"),
    ],
)
def test_a_column_that_cannot_weigh_says_why(values: list[Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        check_weights(pl.DataFrame({"w": values, "y": [1, 2, 1, 2]}), "w", "y")
    assert refused.value.fields[0].field == "weight_column"


def test_the_library_takes_weights() -> None:
    generator = np.random.default_rng(0)
    X = generator.normal(size=(300, 2))
    y = (X[:, 0] > 0).astype(int)
    weights = np.ones(300)
    y[:150] = 1 - y[:150]
    weights[:150] = 0.0
    model = AutoMLClassifier(time_budget_seconds=20, max_trials=1, algorithms=["logistic_regression"], n_jobs=1)
    model.fit(X, y, sample_weight=weights)
    assert model.score(X[150:], y[150:]) > 0.95
    assert model.n_features_in_ == 2
    with pytest.raises(ValueError, match=r"sample_weight\.shape == \(3,\), expected \(300,\)"):
        model.fit(X, y, sample_weight=[1, 2, 3])
