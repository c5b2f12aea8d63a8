"""Boosters that are fitted for the metric itself: they keep, and no target breaks the weights behind it."""

import numpy as np
import pytest

from flowml.automl import algorithms
from flowml.automl.algorithms.base import FitContext, TaskShape
from flowml.automl.algorithms.support import row_weights
from flowml.automl.features.encoded import Encoded
from flowml.automl.predictors.base import load
from flowml.domain.jobs import ProblemType


def context(metric: str, weights: np.ndarray | None = None) -> FitContext:
    return FitContext(ProblemType.REGRESSION, 1, 0, 1, lambda: 60.0, metric=metric, weights=weights)


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
