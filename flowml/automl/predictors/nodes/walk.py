"""Large forests of our own, walked by numpy for all trees of a bag at once.

What a step asks of a node lies in sixteen bytes beside each other, so that it costs one look into memory; trees that
have come to a leaf need no further steps. Of many deep trees that is quicker than walking one after the other natively.
"""

from collections.abc import Sequence

import numpy as np

from flowml.automl.predictors.links import mean_of_row
from flowml.automl.predictors.trees import FIXED_POINT, TreesPredictor

_MOST_NODES = 8_000_000
_LOOK_EVERY = 3
_FIRST_LOOK = 5


class RowTrees:
    """The mean of the predictions of several tree predictors for one row, float32 (features,) → (outputs,).

    `features[i]` says where predictor i finds its own features in that row. Raises ValueError for predictors that
    differ in more than their trees.
    """

    def __init__(self, predictors: Sequence[TreesPredictor], features: Sequence[np.ndarray]):
        first = predictors[0]
        self._link, self._groups, self._combine = first.link, first.groups, first.combine
        self._predictors = predictors
        flat = [predictor.flat for predictor in predictors]
        sizes = np.array([len(one.child) for one in flat])
        values = [one.stored.values for one in flat]
        if (
            sizes.sum() > _MOST_NODES
            or len({(one.link, one.groups, one.combine) for one in predictors}) > 1
            or len({(one.dtype, one.shape[1]) for one in values}) > 1
        ):
            raise ValueError("trees that answer differently")
        starts = np.cumsum(sizes) - sizes
        leaves = np.array([len(one) for one in values])
        first_leaf = np.cumsum(leaves) - leaves
        # Of each node its left child, its feature, its threshold and its leaf.
        self._nodes = np.zeros(int(sizes.sum()), dtype=np.complex128)
        integers, floats = self._nodes.view(np.int32).reshape(-1, 4), self._nodes.view(np.float32).reshape(-1, 4)
        for one, where, start, size, leaf in zip(flat, features, starts, sizes, first_leaf, strict=True):
            of_tree = slice(start, start + size)
            integers[of_tree, 0] = one.child + start
            integers[of_tree, 1] = where[one.feature]
            floats[of_tree, 2] = one.threshold
            integers[of_tree, 3] = one.leaf + leaf
        self._roots = np.concatenate([one.roots + start for one, start in zip(flat, starts, strict=True)])
        self._depth = max(one.depth for one in flat)
        self._values = np.concatenate(values)
        counts = np.array([len(one) for one in flat])
        self._starts = np.cumsum(counts) - counts
        unit = 1.0 / FIXED_POINT if self._values.dtype == np.uint16 else 1.0
        scales = [one.scale / (len(one.flat) if one.combine == "mean" else 1) for one in predictors]
        self._units = np.array(scales).reshape(-1, 1) * unit
        n_raw = first.groups * self._values.shape[1]
        self._offsets = np.array([np.broadcast_to(one.offset, (n_raw,)) for one in predictors])

    def __call__(self, row: np.ndarray) -> np.ndarray:
        leaf = self._nodes.take(self._walk(row)).view(np.int32).reshape(-1, 4)[:, 3]
        found = self._values.take(leaf, axis=0)
        if self._combine == "median":
            return self._median(found)
        if self._groups == 1:
            raw = np.add.reduceat(found, self._starts, axis=0, dtype=np.float64)
        else:
            by_predictor = np.split(found[:, 0], self._starts[1:])
            raw = np.array([one.reshape(-1, self._groups).sum(axis=0, dtype=np.float64) for one in by_predictor])
        return mean_of_row(self._link, raw * self._units + self._offsets)

    def _median(self, found: np.ndarray) -> np.ndarray:
        by_predictor = np.split(found, self._starts[1:])
        return np.asarray(
            sum(one.of_leaves(part) for one, part in zip(self._predictors, by_predictor, strict=True))
            / len(self._predictors)
        )

    def _walk(self, row: np.ndarray) -> np.ndarray:
        """The node at which each tree ends, (trees,)."""
        node = self._roots
        arrived: np.ndarray | None = None
        where = node
        for level in range(self._depth):
            nodes = self._nodes.take(node)
            asked = nodes.view(np.int32).reshape(-1, 4)
            above = row.take(asked[:, 1]) > nodes.view(np.float32).reshape(-1, 4)[:, 2]
            following = asked[:, 0] + above
            if level % _LOOK_EVERY == _LOOK_EVERY - 1 and level >= _FIRST_LOOK:
                going = following != node
                n_going = np.count_nonzero(going)
                if 4 * n_going < 3 * len(following):
                    if arrived is None:
                        arrived, where = following.astype(np.intp), np.flatnonzero(going)
                    else:
                        arrived[where] = following
                        where = where[going]
                    following = following[going]
                    if not n_going:
                        return arrived
            node = following
        if arrived is None:
            return node
        arrived[where] = node
        return arrived
