"""A linear model by linear algebra alone: ridge regression (Hoerl and Kennard 1970), for classes on their indicators.

Its strength is chosen by the errors that each row would have if it were left out, which cost no further fit (Allen's
PRESS, 1974). For classes, the scores of the rows left out also say how far to trust them: they are added to the
logarithms of the classes' shares in the measure that makes the log loss least, so that without any signal the shares
themselves remain.
"""

import numpy as np

from flowml.automl.algorithms.base import FitContext
from flowml.automl.algorithms.support import (
    class_weights,
    is_classification,
    library_errors,
    mean_of,
    require_time,
)
from flowml.automl.features.encoded import Encoded
from flowml.automl.predictors.linear import LinearPredictor
from flowml.automl.predictors.links import softmax
from flowml.automl.scoring.temperature import golden_section
from flowml.domain.models import FIRST_LINEAR, MADE_AT_ONCE

# Of the smaller side of the matrix: its decomposition takes the cube of it.
_LARGEST_SIDE = 400
_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
_SURE = 30.0
# Rows times classes: so many say how far to trust the scores.
_MOST_VALUES = 400_000


def fit_linear(train: Encoded, target: np.ndarray, context: FitContext) -> LinearPredictor:
    """Ridge regression on the rows, of wide tables on some of them."""
    title = MADE_AT_ONCE[FIRST_LINEAR]
    require_time(title, context)
    with library_errors(title):
        rows = _rows(train)
        weights = None if context.weights is None else context.weights[rows]
        values, target = train.values[rows].astype(np.float64), target[rows]
        if not is_classification(context):
            coefficients, intercept, _ = _ridge(values, target.reshape(-1, 1).astype(np.float64), weights)
            return LinearPredictor(coefficients, intercept, "identity")
        shares = (class_weights(target, weights, context.n_outputs) + 0.5) / (len(target) + 0.5 * context.n_outputs)
        shares /= shares.sum()
        coefficients, intercept, left_out = _ridge(values, np.eye(context.n_outputs)[target], weights)
        trust = _trust(left_out - shares, np.log(shares), target, weights)
        coefficients, intercept = trust * coefficients, np.log(shares) + trust * (intercept - shares)
        if context.n_outputs == 2:
            return LinearPredictor(coefficients[:, 1:] - coefficients[:, :1], intercept[1:] - intercept[:1], "sigmoid")
        return LinearPredictor(coefficients, intercept, "softmax")


def _rows(train: Encoded) -> np.ndarray:
    n_rows, n_features = train.values.shape
    if min(n_rows, n_features) <= _LARGEST_SIDE:
        return np.arange(n_rows)
    return np.unique(np.linspace(0, n_rows - 1, _LARGEST_SIDE).astype(np.int64))


def _ridge(
    values: np.ndarray, wanted: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients (features, outputs), intercepts (outputs,), and what is predicted for each row without it.

    `values`: (rows, features), `wanted`: (rows, outputs).
    """
    n_rows = len(values)
    roots = np.ones((n_rows, 1)) if weights is None else np.sqrt(weights)[:, None]
    centre, middle = mean_of(values, weights), mean_of(wanted, weights)
    scaled, answers = (values - centre) * roots, (wanted - middle) * roots
    tall = n_rows >= scaled.shape[1]
    squares, directions = np.linalg.eigh(scaled.T @ scaled if tall else scaled @ scaled.T)
    used = squares > 1e-9 * max(float(squares.max(initial=0.0)), 1e-300)
    squares, directions = squares[used], directions[:, used]
    left = scaled @ directions / np.sqrt(squares) if tall else directions
    right = directions if tall else scaled.T @ directions / np.sqrt(squares)
    projected = left.T @ answers
    best = (np.inf, 0.0, wanted)
    for strength in _STRENGTHS:
        kept = squares / (squares + strength * n_rows)
        # The intercept has a part in what a row says of itself, too.
        own = np.minimum((left**2) @ kept + roots[:, 0] ** 2 / n_rows, 0.99)[:, None]
        errors = (answers - left @ (kept[:, None] * projected)) / (1.0 - own)
        total = float((errors**2).sum())
        if total < best[0]:
            best = (total, strength, wanted - errors / np.maximum(roots, 1e-9))
    _, strength, left_out = best
    coefficients = right @ ((np.sqrt(squares) / (squares + strength * n_rows))[:, None] * projected)
    return coefficients, middle - centre @ coefficients, left_out


def _trust(differences: np.ndarray, logarithms: np.ndarray, target: np.ndarray, weights: np.ndarray | None) -> float:
    """What to multiply the scores' differences from the shares by, (rows, classes) each, for the least log loss."""
    step = -(-differences.size // _MOST_VALUES)
    differences, target, weights = differences[::step], target[::step], None if weights is None else weights[::step]
    rows = np.arange(len(target))

    def loss(trust: float) -> float:
        chosen = softmax(logarithms + trust * differences)[rows, target]
        return float(mean_of(-np.log(np.maximum(chosen, 1e-300)), weights))

    return golden_section(loss, 0.0, _SURE)
