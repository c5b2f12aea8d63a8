"""What the linear regressions share: they solve for a standardised target and give back a LinearPredictor."""

from collections.abc import Callable

import numpy as np

from flowml.automl.algorithms.base import FitContext
from flowml.automl.algorithms.support import TargetScale, library_errors, mean_of, require_time
from flowml.automl.features.encoded import Encoded
from flowml.automl.predictors.linear import LinearPredictor


def mean_weight(context: FitContext) -> float:
    """What a penalty on the mean error is to be multiplied by where it stands beside a sum over weighted rows."""
    return 1.0 if context.weights is None else float(context.weights.mean())


def fit_linear_regression(
    title: str,
    train: Encoded,
    target: np.ndarray,
    context: FitContext,
    solve: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> LinearPredictor:
    """`solve` takes the centred features (rows, features) and the standardised target, both times the roots of the
    weights where rows do not count alike, and gives the coefficients."""
    require_time(title, context)
    with library_errors(title):
        scale = TargetScale.of(target, context.weights)
        values = train.values.astype(np.float64)
        centre = mean_of(values, context.weights)
        values -= centre
        wanted = scale.apply(target)
        if context.weights is not None:
            # Each row times the root of its weight: the squared errors are then weighted, whatever solves for them.
            roots = np.sqrt(context.weights)
            values *= roots[:, None]
            wanted = wanted * roots
        coefficients = np.asarray(solve(values, wanted), dtype=np.float64).reshape(-1) * scale.scale
        intercept = scale.mean - float(centre @ coefficients)
        return LinearPredictor(coefficients.reshape(-1, 1), np.array([intercept]), "identity")
