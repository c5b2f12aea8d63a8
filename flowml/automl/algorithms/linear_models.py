"""What the linear regressions share: they solve for a standardised target and give back a LinearPredictor."""

from collections.abc import Callable

import numpy as np

from flowml.automl.algorithms.base import FitContext
from flowml.automl.algorithms.support import TargetScale, library_errors, require_time
from flowml.automl.features.encoded import Encoded
from flowml.automl.predictors.linear import LinearPredictor


def fit_linear_regression(
    title: str,
    train: Encoded,
    target: np.ndarray,
    context: FitContext,
    solve: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> LinearPredictor:
    """`solve` takes the centred features (rows, features) and the standardised target, and gives the coefficients."""
    require_time(title, context)
    with library_errors(title):
        scale = TargetScale.of(target)
        values = train.values.astype(np.float64)
        centre = values.mean(axis=0)
        values -= centre
        coefficients = np.asarray(solve(values, scale.apply(target)), dtype=np.float64).reshape(-1) * scale.scale
        intercept = scale.mean - float(centre @ coefficients)
        return LinearPredictor(coefficients.reshape(-1, 1), np.array([intercept]), "identity")
