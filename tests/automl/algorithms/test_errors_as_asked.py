"""Every family is fitted for the metric itself."""

import numpy as np
import pytest

from flowml.automl import algorithms
from flowml.automl.algorithms.base import FitContext
from flowml.automl.algorithms.fitting.as_asked import Rows, fit_as_asked
from flowml.automl.algorithms.support import row_weights
from flowml.automl.features.encoded import Encoded
from flowml.automl.predictors.base import load
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType


def context(metric: str, weights: np.ndarray | None = None) -> FitContext:
    return FitContext(ProblemType.REGRESSION, 1, 0, 1, lambda: 60.0, metric=metric, weights=weights)


FAMILIES = [one.name for one in algorithms.all() if ProblemType.REGRESSION in one.problem_types]


def skewed(n_rows: int, seed: int) -> tuple[Encoded, np.ndarray]:
    """A positive target whose logarithm is a sum, spread so widely that its mean says little of its median."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(n_rows, 3)).astype(np.float32)
    target = np.exp(3 + 0.6 * values[:, 0] + 0.3 * values[:, 1] + 0.8 * generator.normal(size=n_rows))
    return Encoded(values, ("a", "b", "c"), (), ()), target


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_fitted_for_a_metric_is_better_by_it(name: str) -> None:
    """Fitted for MAE and MAPE, each family errs less by them than fitted for squared errors."""
    algorithm = algorithms.get(name)
    rows, target = skewed(400, 0)
    valid, valid_target = skewed(150, 1)
    new, new_target = skewed(1_500, 2)
    params = algorithm.first_configurations(TaskShape(ProblemType.REGRESSION, 550, 3, 1))[0]

    def errors(metric: str) -> np.ndarray:
        predictor = fit_as_asked(algorithm, params, Rows(rows, target), Rows(valid, valid_target), context(metric))
        answers = predictor.predict(new.values)
        np.testing.assert_array_equal(load(predictor.to_state()).predict(new.values), answers)
        np.testing.assert_allclose(predictor.predict_row(new.values[3]), answers[3], rtol=1e-5)
        return np.asarray(np.abs(answers[:, 0] - new_target))

    squared = errors("rmse")
    # A support vector machine minimises absolute errors in any case.
    assert errors("mae").mean() < (1.02 if name == "svm" else 1.0) * squared.mean()
    assert (errors("mape") / new_target).mean() < 0.8 * (squared / new_target).mean()


@pytest.mark.parametrize("metric", ["mae", "mape"])
def test_targets_without_a_logarithm_are_fitted_as_they_are(metric: str) -> None:
    rows, target = skewed(300, 0)
    for name in ("ridge", "knn", "extra_trees"):
        algorithm = algorithms.get(name)
        params = algorithm.first_configurations(TaskShape(ProblemType.REGRESSION, 300, 3, 1))[0]
        predictor = fit_as_asked(algorithm, params, Rows(rows, target - 30.0), None, context(metric))
        assert predictor.kind != "exponential"
        assert predictor.predict(rows.values).min() < 0


@pytest.mark.parametrize("metric", ["mae", "mape", "rmse"])
@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost"])
def test_what_is_fitted_for_a_metric_can_be_kept(name: str, metric: str) -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(200, 3)).astype(np.float32)
    target = 10 + values[:, 0] + generator.normal(size=200) * 0.1
    algorithm = algorithms.get(name)
    params = algorithm.first_configurations(TaskShape(ProblemType.REGRESSION, 200, 3, 1))[0]
    rows = Encoded(values, ("a", "b", "c"), (), ())
    fitted = algorithm.fit(params, rows, target, None, None, context(metric))
    again = load(fitted.to_state())
    assert np.array_equal(again.predict(values), fitted.predict(values))


def test_relative_weights_stand_zeros() -> None:
    target = np.array([0.0] * 6 + [10.0, 20.0, 40.0, 80.0])
    weights = row_weights(target, None, context("mape"))
    assert weights is not None
    assert np.isfinite(weights).all() and weights.mean() == pytest.approx(1.0)
    assert weights[0] > weights[6] > weights[9] > 0
    assert weights.max() / np.median(weights[6:]) < 50
    of_nothing = row_weights(np.zeros(5), None, context("mape"))
    assert of_nothing is not None and np.array_equal(of_nothing, np.ones(5))
