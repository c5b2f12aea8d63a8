"""scikit-learn's trees → the flat arrays of `predictors.flat_trees`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowml.automl.predictors.flat_trees import TreeArrays
from flowml.automl.predictors.trees import FIXED_POINT


def flatten(trees: Sequence[Any], leaf_values: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> TreeArrays:
    """`trees`: fitted `tree_` objects. `leaf_values` turns the leaves' values (leaves, 1, outputs) and the weight of
    the rows that each has seen (leaves,) into what is stored (leaves, outputs)."""
    orders = [_breadth_first(tree.children_left, tree.children_right) for tree in trees]
    features = [
        np.where(tree.children_left[order] < 0, -1, tree.feature[order])
        for tree, order in zip(trees, orders, strict=True)
    ]
    feature = np.concatenate(features)
    threshold = np.concatenate([tree.threshold[order] for tree, order in zip(trees, orders, strict=True)])
    leaves = [order[tree.children_left[order] < 0] for tree, order in zip(trees, orders, strict=True)]
    values = np.concatenate([tree.value[chosen] for tree, chosen in zip(trees, leaves, strict=True)])
    weights = np.concatenate([tree.weighted_n_node_samples[chosen] for tree, chosen in zip(trees, leaves, strict=True)])
    kind = np.int16 if feature.max(initial=0) < 2**15 else np.int32
    return TreeArrays(
        feature=feature.astype(kind),
        threshold=round_down(threshold[feature >= 0]),
        sizes=np.array([len(order) for order in orders], dtype=np.int32),
        values=np.ascontiguousarray(leaf_values(values, weights)),
        covers=_short(weights),
    )


def round_down(threshold: np.ndarray) -> np.ndarray:
    """The greatest float32 ≤ each threshold: for a float32 value, being ≤ the one is being ≤ the other."""
    narrow = threshold.astype(np.float32)
    too_high = narrow.astype(np.float64) > threshold
    narrow[too_high] = np.nextafter(narrow[too_high], np.float32(-np.inf))
    return narrow


def _short(weights: np.ndarray) -> np.ndarray:
    """Weights in the shortest form: counts mostly, which a file has in one byte each."""
    if bool((weights == np.rint(weights)).all()) and weights.max(initial=0) < 2**32:
        return weights.astype(np.uint16 if weights.max(initial=0) < 2**16 else np.uint32)
    return weights.astype(np.float32)


def class_shares(values: np.ndarray, _weights: np.ndarray) -> np.ndarray:
    """Class weights at the leaves (leaves, 1, classes) → probabilities in 65,535ths; of two classes the second."""
    shares = values[:, 0, :] / values[:, 0, :].sum(axis=1, keepdims=True)
    if shares.shape[1] == 2:
        shares = shares[:, 1:]
    return np.asarray(np.rint(shares * FIXED_POINT).astype(np.uint16))


def means(values: np.ndarray, _weights: np.ndarray) -> np.ndarray:
    """Values at the leaves (leaves, 1, 1) → float32 (leaves, 1)."""
    return np.asarray(values[:, 0, :].astype(np.float32))


def _breadth_first(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    levels = [np.zeros(1, dtype=np.int64)]
    while True:
        inner = levels[-1][left[levels[-1]] >= 0]
        if not len(inner):
            return np.concatenate(levels)
        levels.append(np.stack([left[inner], right[inner]], axis=1).reshape(-1))
