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

_MOST_CELLS = 4_000_000
_TINY = 1e-12


@dataclass(frozen=True)
class _Block:
    """Some trees, their nodes numbered by level: first `n_trees` roots, then by pairs of siblings the others; `levels`
    are the first and the last of each level but the roots'.

    Of each node but the roots: `parent`, `before` (the next edge of the same feature above, -1 for none), `feature` and
    `threshold` of the question that leads to it, whether it lies on the `right`, and `share`: what part of the rows
    that reached the first question about this feature would come here by these questions alone. `leaf`: the number of
    the leaf that a node is, or -1. `tree`: the tree of each node.
    """

    levels: tuple[tuple[int, int], ...]
    n_trees: int
    parent: np.ndarray
    before: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    right: np.ndarray
    share: np.ndarray
    leaf: np.ndarray
    tree: np.ndarray


class TreeShap:
    """What each feature adds to the sum of the leaves' values over trees, (leaves, width). Raises ValueError for trees
    that do not say what rows they have seen."""

    def __init__(self, flat: FlatTrees, groups: int = 1):
        covers = flat.stored.covers
        if covers is None:
            raise ValueError("its trees do not say what rows they have seen")
        self._flat = flat
        self._groups = groups
        self._values: np.ndarray = flat.stored.values.astype(np.float64)
        self._covers = np.maximum(covers.astype(np.float64), _TINY * max(float(covers.max()), _TINY))
        self.width = groups * self._values.shape[1]
        sizes = flat.stored.sizes.astype(np.int64)
        self._points = max(1, (min(flat.depth, flat.n_features) + 1) // 2)
        most = max(1, _MOST_CELLS // (self._points * (2 + self._values.shape[1])))
        ends = np.cumsum(sizes)
        self._blocks, first = [], 0
        while first < len(sizes):
            before = ends[first - 1] if first else 0
            last = max(first + 1, int(np.searchsorted(ends, before + most, side="right")))
            self._blocks.append(_block(flat, self._covers, first, last))
            first = last
        self.expected = self._expected()

    def _expected(self) -> np.ndarray:
        """The sum over trees of what their leaves say on average of the training rows, (width,)."""
        total = np.zeros((self._groups, self._values.shape[1]))
        sizes = self._flat.stored.sizes.astype(np.int64)
        tree_of_leaf = np.repeat(np.arange(len(sizes)), sizes)[self._flat.stored.feature < 0]
        weight = np.bincount(tree_of_leaf, self._covers, len(sizes))
        for column in range(self._values.shape[1]):
            means = np.bincount(tree_of_leaf, self._covers * self._values[:, column], len(sizes)) / weight
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
        points, weights = np.polynomial.legendre.leggauss(self._points)
        at, weights = 0.5 * (points + 1.0), 0.5 * weights
        n_trees, n_nodes = block.n_trees, len(block.parent)
        meets = (row[block.feature] > block.threshold) == block.right
        for first, last in block.levels:
            above = block.before[first:last]
            meets[first:last] &= (above < 0) | meets[above]
        factor = np.multiply.outer(block.share, 1.0 - at)
        factor += np.multiply.outer(meets.astype(np.float64), at)
        # An edge of the same feature is in the product already, and is now asked for more.
        repeated = block.before >= 0
        ratio = factor.copy()
        ratio[repeated] /= factor[block.before[repeated]]
        product = np.ones((n_nodes, self._points))
        for first, last in block.levels:
            product[first:last] = product[block.parent[first:last]] * ratio[first:last]
        is_leaf = block.leaf >= 0
        below = np.zeros((n_nodes, self._points, self._values.shape[1]))
        below[is_leaf] = product[is_leaf][:, :, None] * self._values[block.leaf[is_leaf]][:, None, :]
        for first, last in reversed(block.levels):
            pairs = below[first:last]
            below[block.parent[first:last:2]] = pairs[::2] + pairs[1::2]
        edges = slice(n_trees, n_nodes)
        gains = meets[edges] - block.share[edges]
        scaled = weights / factor[edges]
        said = gains[:, None] * np.einsum("nq,nqw->nw", scaled, below[edges])
        again = np.flatnonzero(repeated)
        if len(again):
            up = block.before[again]
            scaled = weights / factor[up]
            taken = (meets[up] - block.share[up])[:, None] * np.einsum("nq,nqw->nw", scaled, below[again])
            said[again - n_trees] -= taken
        places = block.feature[edges] * self._groups + block.tree[edges] % self._groups
        for column in range(said.shape[1]):
            found = np.bincount(places, said[:, column], len(row) * self._groups)
            total[:, :, column] += found.reshape(len(row), self._groups)


def _block(flat: FlatTrees, covers: np.ndarray, first: int, last: int) -> _Block:
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
    levels = tuple(pairwise(starts[1:]))
    for begin, end in reversed(levels):
        seen[parent[begin:end:2]] = seen[begin:end:2] + seen[begin + 1 : end : 2]
    share = np.ones(len(node))
    share[len(roots) :] = seen[len(roots) :] / seen[parent[len(roots) :]]
    for begin, end in levels:
        above = before[begin:end]
        share[begin:end] *= np.where(above < 0, 1.0, share[above])
    # Roots are asked nothing; their figures only fill their places.
    return _Block(levels, len(roots), parent, before, np.maximum(feature, 0), threshold, right, share, leaf, tree)
