"""What the linear regressions share: they solve for a standardised target and give back a LinearPredictor."""

from collections.abc import Callable

import numpy as np

from flowml.automl.algorithms.base import FitContext
from flowml.automl.algorithms.support import TargetScale, absolute_errors, library_errors, mean_of, require_time
from flowml.automl.features.encoded import Encoded
from flowml.automl.predictors.linear import LinearPredictor

REWEIGHTINGS = 10
# Errors below this quantile count as if they were of its size, or one row that is met exactly would be all that counts.
SMALL_ERRORS, LEAST_ERROR = 0.1, 1e-3


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
    weights where rows do not count alike, and gives the coefficients.

    For a metric of absolute errors it is asked again and again, with weights that make squared errors absolute ones:
    each row's over the size of its error before (Schlossmacher 1973).
    """
    require_time(title, context)
    with library_errors(title):
        scale = TargetScale.of(target, context.weights)
        values, wanted = train.values.astype(np.float64), scale.apply(target)
        coefficients, intercept = _least_squares(values, wanted, context.weights, solve)
        for _ in range(REWEIGHTINGS if absolute_errors(context) else 0):
            if context.time_left() <= 0:
                break
            errors = np.abs(wanted - values @ coefficients - intercept)
            weights = 1.0 / np.maximum(errors, max(float(np.quantile(errors, SMALL_ERRORS)), LEAST_ERROR))
            if context.weights is not None:
                weights *= context.weights
            coefficients, intercept = _least_squares(
                values, wanted, weights / weights.mean() * mean_weight(context), solve
            )
        return LinearPredictor(
            coefficients.reshape(-1, 1) * scale.scale, np.array([scale.mean + intercept * scale.scale]), "identity"
        )


def _least_squares(
    values: np.ndarray,
    wanted: np.ndarray,
    weights: np.ndarray | None,
    solve: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> tuple[np.ndarray, float]:
    """Coefficients (features,) and the intercept."""
    centre, middle = mean_of(values, weights), float(mean_of(wanted, weights))
    centred, rest = values - centre, wanted - middle
    if weights is not None:
        # Each row times the root of its weight: the squared errors are then weighted, whatever solves for them.
        roots = np.sqrt(weights)
        centred *= roots[:, None]
        rest *= roots
    coefficients = np.asarray(solve(centred, rest), dtype=np.float64).reshape(-1)
    return coefficients, middle - float(centre @ coefficients)
