"""What trees say of one row, in double precision: what contributions are to add up to."""

from collections.abc import Callable

import numpy as np

from flowml.automl.predictors.nodes.forest import Forest


def margin_of_row(forest: Forest) -> Callable[[np.ndarray], np.ndarray]:
    """From an encoded row, float32 (features,), to the raw scores of a sum of trees, (raw,): all trees are walked at
    once, a level at a time."""
    trees = forest.trees
    if forest.lookups or forest.combine != "sum" or any(tree.levels for tree in trees):
        return lambda row: np.asarray(forest.raw(row.reshape(1, -1))[0])
    sizes = np.array([len(tree.feature) for tree in trees])
    starts = np.cumsum(sizes) - sizes
    feature, threshold, missing_left, value = (
        np.concatenate([getattr(tree, name) for tree in trees])
        for name in ("feature", "threshold", "missing_left", "value")
    )
    left, right = (
        np.concatenate([getattr(tree, name) + start for tree, start in zip(trees, starts, strict=True)])
        for name in ("left", "right")
    )
    # Whoever has come to a leaf stays there.
    is_leaf = feature < 0
    here = np.flatnonzero(is_leaf)
    left[here] = right[here] = here
    feature = np.where(is_leaf, 0, feature)

    def raw(row: np.ndarray) -> np.ndarray:
        node = starts
        while True:
            values = row.take(feature.take(node))
            goes_left = np.where(values != values, missing_left.take(node), values <= threshold.take(node))
            following = np.where(goes_left, left.take(node), right.take(node))
            if np.array_equal(following, node):
                break
            node = following
        found = value.take(node, axis=0)
        if forest.groups > 1:
            found = found[:, 0].reshape(-1, forest.groups)
        return np.asarray(found.sum(axis=0) * forest.scale + forest.offset)

    return raw
