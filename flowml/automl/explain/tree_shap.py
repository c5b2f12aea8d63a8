"""Exact Shapley values of flat trees, path-dependent (TreeSHAP, Lundberg et al. 2018), a level of all trees at a time.

A leaf's share of the game is a product over the features on its path, so that a feature's Shapley value is an integral
over t from 0 to 1 of the products of t·o + (1 - t)·z: o is 1 where the row meets all that its path asks of a feature, z
the share of training rows that would. That is a polynomial in t, which Gauss and Legendre integrate exactly with few
points. What the leaves below an edge have in common is summed up before it is divided by the edge's own factor, and
what an edge of the same feature further up has said of them is taken back (the telescoping sum of Linear TreeSHAP, Yu
et al. 2022): a node costs as much as a few multiplications, however deep its tree is.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from flowml.automl.predictors.flat_trees import FlatTrees

_MOST_NODES = 200_000
_TINY = 1e-12


@dataclass(frozen=True)
class _Level:
    """Nodes `first` to `last` of a block, siblings in pairs: `parents` of the pairs, and of those that ask a feature
    for more than an edge above did, their places (from `first` on) and the nearest such edge."""

    first: int
    last: int
    parents: np.ndarray
    repeated: np.ndarray
    before: np.ndarray


@dataclass(frozen=True)
class _Block:
    """Some trees, their nodes numbered by level: first `n_trees` roots, then by pairs of siblings the others; `levels`
    are all but the roots'.

    Of each node `feature` and `threshold` of the question that leads to it, whether it lies on the `right`, and
    `share`: what part of the rows that reached the first question about this feature would come here by these questions
    alone. `place`: of each node but the roots the feature and group that it counts for. `leaves` are the nodes that are
    leaves, and `numbers` which ones; `repeated` the nodes whose feature an edge above asks for as well, and `before`
    the nearest. All are int32 where they are numbers of nodes: of large forests there are millions. `n_points`: how
    many points integrate the longest product exactly.
    """

    levels: tuple[_Level, ...]
    n_trees: int
    feature: np.ndarray
    threshold: np.ndarray
    right: np.ndarray
    share: np.ndarray
    place: np.ndarray
    leaves: np.ndarray
    numbers: np.ndarray
    repeated: np.ndarray
    before: np.ndarray
    n_points: int

    @property
    def n_bytes(self) -> int:
        arrays = [value for value in vars(self).values() if isinstance(value, np.ndarray)]
        arrays += [value for level in self.levels for value in (level.parents, level.repeated, level.before)]
        return sum(array.nbytes for array in arrays)


class TreeShap:
    """What each feature adds to the sum of the leaves' values over trees, (leaves, width). Raises ValueError for trees
    that do not say what rows they have seen."""

    def __init__(self, flat: FlatTrees, groups: int = 1):
        covers = flat.stored.covers
        if covers is None:
            raise ValueError("its trees do not say what rows they have seen")
        self._flat = flat
        self._groups = groups
        self._values: np.ndarray = flat.stored.values
        covered = np.maximum(covers.astype(np.float64), _TINY * max(float(covers.max()), _TINY))
        self.width = groups * self._values.shape[1]
        ends = np.cumsum(flat.stored.sizes.astype(np.int64))
        self._blocks: list[_Block] = []
        first = 0
        while first < len(ends):
            before = ends[first - 1] if first else 0
            last = max(first + 1, int(np.searchsorted(ends, before + _MOST_NODES, side="right")))
            self._blocks.append(_block(flat, covered, first, last, groups))
            first = last
        self.expected = self._expected(covered)
        self.n_bytes = sum(block.n_bytes for block in self._blocks)

    def _expected(self, covers: np.ndarray) -> np.ndarray:
        """The sum over trees of what their leaves say on average of the training rows, (width,)."""
        total = np.zeros((self._groups, self._values.shape[1]))
        sizes = self._flat.stored.sizes.astype(np.int64)
        tree_of_leaf = np.repeat(np.arange(len(sizes)), sizes)[self._flat.stored.feature < 0]
        weight = np.bincount(tree_of_leaf, covers, len(sizes))
        for column in range(self._values.shape[1]):
            means = np.bincount(tree_of_leaf, covers * self._values[:, column], len(sizes)) / weight
            total[:, column] = np.bincount(np.arange(len(sizes)) % self._groups, means, self._groups)
        return total.reshape(-1)

    def contributions(self, row: np.ndarray) -> np.ndarray:
        """Of one row, float32 (features,): (features, width). Together with `expected` they add up to the sum of the
        values of the leaves that the row reaches."""
        total = np.zeros((len(row), self._groups, self._values.shape[1]))
        for block in self._blocks:
            self._add(block, row, total)
        return total.reshape(len(row), self.width)

    def _add(self, block: _Block, row: np.ndarray, total: np.ndarray) -> None:
        points, weights = np.polynomial.legendre.leggauss(block.n_points)
        n_nodes, edges = len(block.feature), slice(block.n_trees, None)
        meets = (row.take(block.feature) > block.threshold) == block.right
        for level in block.levels:
            if len(level.repeated):
                meets[level.first + level.repeated] &= meets[level.before]
        met = meets.astype(np.float64)
        gains = met - block.share
        gains_before = gains.take(block.before)
        values = [column.astype(np.float64) for column in self._values.take(block.numbers, axis=0).T]
        said = [np.zeros(n_nodes) for _ in values]
        taken = [np.zeros(len(block.repeated)) for _ in values]
        # One point after the other, so that all arrays are as long as there are nodes, and stay near the processor.
        for at, weight in zip(0.5 * (points + 1.0), 0.5 * weights, strict=True):
            factor = block.share * (1.0 - at)
            factor += met * at
            before = factor.take(block.before)
            # An edge of the same feature is in the product already, and is now asked for more.
            ratio = factor.copy()
            ratio[block.repeated] /= before
            product = np.ones(n_nodes)
            for level in block.levels:
                above = product.take(level.parents)
                product[level.first : level.last : 2] = above * ratio[level.first : level.last : 2]
                product[level.first + 1 : level.last : 2] = above * ratio[level.first + 1 : level.last : 2]
            reached = product.take(block.leaves)
            for value, here, again in zip(values, said, taken, strict=True):
                below = np.zeros(n_nodes)
                below[block.leaves] = reached * value
                for level in reversed(block.levels):
                    below[level.parents] = below[level.first : level.last : 2] + below[level.first + 1 : level.last : 2]
                here += weight * below / factor
                again += weight * below.take(block.repeated) / before
        for column, (here, again) in enumerate(zip(said, taken, strict=True)):
            here *= gains
            here[block.repeated] -= again * gains_before
            found = np.bincount(block.place, here[edges], len(row) * self._groups)
            total[:, :, column] += found.reshape(len(row), self._groups)


def _block(flat: FlatTrees, covers: np.ndarray, first: int, last: int, groups: int) -> _Block:
    roots = flat.roots[first:last]
    inner = flat.stored.feature >= 0
    nodes, trees, parents = [roots], [np.arange(first, last)], [np.full(len(roots), -1)]
    starts = [0, len(roots)]
    while True:
        splits = np.flatnonzero(inner[nodes[-1]])
        if not len(splits):
            break
        left = flat.child[nodes[-1][splits]].astype(np.int64)
        nodes.append(np.stack([left, left + 1], axis=1).reshape(-1))
        trees.append(np.repeat(trees[-1][splits], 2))
        parents.append(np.repeat(starts[-2] + splits, 2))
        starts.append(starts[-1] + len(nodes[-1]))
    node, parent, tree = np.concatenate(nodes), np.concatenate(parents), np.concatenate(trees)
    feature = np.where(parent >= 0, flat.feature[node[parent]], -1).astype(np.int64)
    threshold = flat.threshold[node[parent]]
    right = np.zeros(len(node), dtype=bool)
    right[len(roots) + 1 :: 2] = True
    before = parent.copy()
    looking = np.flatnonzero(before >= 0)
    while len(looking):
        above = before[looking]
        # The edge that leads to a root is none.
        is_root, same = parent[above] < 0, feature[above] == feature[looking]
        before[looking[is_root]] = -1
        looking = looking[~is_root & ~same]
        before[looking] = parent[before[looking]]
    leaf = np.where(inner[node], -1, flat.leaf[node]).astype(np.int64)
    seen = np.where(leaf >= 0, covers[leaf], 0.0)
    ranges = list(pairwise(starts[1:]))
    for begin, end in reversed(ranges):
        seen[parent[begin:end:2]] = seen[begin:end:2] + seen[begin + 1 : end : 2]
    share = np.ones(len(node))
    share[len(roots) :] = seen[len(roots) :] / seen[parent[len(roots) :]]
    # How many features are asked for on the way to a node.
    n_asked = np.zeros(len(node), dtype=np.int32)
    levels = []
    for begin, end in ranges:
        above = before[begin:end]
        share[begin:end] *= np.where(above < 0, 1.0, share[above])
        n_asked[begin:end] = n_asked[parent[begin:end]] + (above < 0)
        repeated = np.flatnonzero(above >= 0)
        levels.append(
            _Level(begin, end, *(one.astype(np.int32) for one in (parent[begin:end:2], repeated, above[repeated])))
        )
    leaves, repeated = np.flatnonzero(leaf >= 0), np.flatnonzero(before >= 0)
    # Roots are asked nothing; their figures only fill their places.
    feature = np.maximum(feature, 0)
    place = feature[len(roots) :] * groups + tree[len(roots) :] % groups
    return _Block(
        tuple(levels),
        len(roots),
        feature.astype(np.int32),
        threshold,
        right,
        share,
        # Counting wants it so, and would copy it every time.
        place.astype(np.intp),
        leaves.astype(np.int32),
        leaf[leaves].astype(np.int32),
        repeated.astype(np.int32),
        before[repeated].astype(np.int32),
        max(1, (int(n_asked.max(initial=0)) + 1) // 2),
    )
