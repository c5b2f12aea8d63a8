"""A small tree by numpy alone (Breiman et al. 1984): split on binned values, level by level."""

from collections.abc import Callable

import numpy as np

from flowml.automl.algorithms.base import FitContext
from flowml.automl.algorithms.support import class_weights, is_classification, library_errors, mean_of, require_time
from flowml.automl.features.encoded import Encoded
from flowml.automl.predictors.flat_trees import TreeArrays
from flowml.automl.predictors.trees import TreesPredictor
from flowml.domain.errors import NotApplicable
from flowml.domain.models import FIRST_TREE, MADE_AT_ONCE

_DEPTH = 4
_BINS = 16
_FEWEST_ROWS = 5
_SHARE_OF_ROWS = 0.01
_MOST_CLASSES = 20
# Rows that each leaf is taken to have seen beside its own, spread as in the whole table.
_ROWS_BEFORE = 2.0
# Of the squared error: less is rounding.
_LEAST_GAIN = 1e-9
_ROUNDING = 1e-12


def fit_tree(train: Encoded, target: np.ndarray, context: FitContext) -> TreesPredictor:
    """At most sixteen leaves; fewer where there is no time for more."""
    title = MADE_AT_ONCE[FIRST_TREE]
    require_time(title, context)
    if context.n_outputs > _MOST_CLASSES:
        raise NotApplicable(f"So small a tree cannot tell {context.n_outputs} classes apart.")
    with library_errors(title):
        weights = np.ones(len(target)) if context.weights is None else context.weights
        if is_classification(context):
            before = class_weights(target, context.weights, context.n_outputs)
            before = _ROWS_BEFORE * before / before.sum()
            # Of two classes one share says it all.
            first = 1 if context.n_outputs == 2 else 0
            wanted, before, link = np.eye(context.n_outputs)[target][:, first:], before[first:], "probability"
        else:
            wanted = target.reshape(-1, 1).astype(np.float64)
            before, link = _ROWS_BEFORE * np.atleast_1d(mean_of(wanted, context.weights)), "identity"
        trees = _grow(train.values, wanted, weights, before, lambda: context.time_left() > 0)
        return TreesPredictor(trees, combine="mean", link=link)


def _grow(
    values: np.ndarray, wanted: np.ndarray, weights: np.ndarray, before: np.ndarray, go_on: Callable[[], bool]
) -> TreeArrays:
    """Nodes in the order in which they wait: breadth first, as `TreeArrays` has them. `before`: the sum of the answers
    that each leaf has besides its own rows'."""
    edges = _edges(values)
    codes = sum((values > edge).astype(np.int64) for edge in edges) + np.zeros(values.shape, dtype=np.int64)
    codes += _BINS * np.arange(values.shape[1])
    fewest = max(_FEWEST_ROWS, int(_SHARE_OF_ROWS * len(values)))
    feature: list[int] = []
    threshold: list[np.float32] = []
    leaves: list[np.ndarray] = []
    covers: list[float] = []
    waiting = [(np.arange(len(values)), 0)]
    for rows, depth in waiting:
        split = None
        if depth < _DEPTH and len(rows) >= 2 * fewest and go_on():
            split = _best_split(codes[rows], wanted[rows], weights[rows], fewest)
        if split is None:
            counted = weights[rows].sum() + _ROWS_BEFORE
            covers.append(float(weights[rows].sum()))
            leaves.append((weights[rows] @ wanted[rows] + before) / counted)
            feature.append(-1)
            continue
        column, place = split
        goes_left = codes[rows, column] <= _BINS * column + place
        feature.append(column)
        threshold.append(edges[place, column])
        waiting += [(rows[goes_left], depth + 1), (rows[~goes_left], depth + 1)]
    return TreeArrays(
        feature=np.array(feature, dtype=np.int32),
        threshold=np.array(threshold, dtype=np.float32),
        sizes=np.array([len(feature)], dtype=np.int32),
        values=np.array(leaves, dtype=np.float32),
        covers=np.array(covers, dtype=np.float32),
    )


def _edges(values: np.ndarray) -> np.ndarray:
    """The greatest value of each bin but the last, (bins - 1, features), ascending; bins hold about as many rows."""
    ordered = np.sort(values, axis=0)
    places = np.linspace(0, len(values) - 1, _BINS + 1)[1:-1].astype(np.int64)
    return np.asarray(ordered[places])


def _best_split(codes: np.ndarray, wanted: np.ndarray, weights: np.ndarray, fewest: int) -> tuple[int, int] | None:
    """The column and the last bin on the left that leave the least squared error; None where nothing is gained.

    `codes`: (rows, features), the bins of a column counted on from those of the columns before it.
    """
    n_rows, n_features = codes.shape
    size = n_features * _BINS
    flat = codes.reshape(-1)

    def upto(amounts: np.ndarray | None) -> np.ndarray:
        repeated = None if amounts is None else np.repeat(amounts, n_features)
        found = np.bincount(flat, repeated, minlength=size).reshape(n_features, _BINS)
        return np.asarray(np.cumsum(found, axis=1)[:, :-1], dtype=np.float64)

    rows_left = upto(None)
    weight_left, weight = upto(weights), float(weights.sum())
    weight_right = weight - weight_left
    allowed = (rows_left >= fewest) & (n_rows - rows_left >= fewest) & (weight_left > 0) & (weight_right > 0)
    if not allowed.any():
        return None
    gain, spread = np.zeros_like(weight_left), 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        for answers in wanted.T:
            # From the mean, so that large values with a small spread lose no digits.
            deviations = answers - weights @ answers / weight
            left = upto(weights * deviations)
            gain += left**2 / weight_left + left**2 / weight_right
            # Values that differ by their rounding alone do not differ.
            rounding = (_ROUNDING * np.abs(answers).max()) ** 2 * weight
            spread += max(float(weights @ deviations**2) - rounding, 0.0)
    gain[~allowed] = -np.inf
    best = int(gain.argmax())
    if spread == 0.0 or not gain.flat[best] > _LEAST_GAIN * spread:
        return None
    return best // (_BINS - 1), best % (_BINS - 1)
