"""Many binary decision trees in a few flat arrays, walked by numpy for all trees (and many rows) at once.

Trees are stored breadth first, so that the children of a tree's i-th inner node (counted from 0) are its nodes
2i + 1 and 2i + 2: no child index is stored, and no stored file can send the walk out of bounds or in circles.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowml.automl.predictors.scikit_trees import library, reached

MAX_DEPTH = 256
PAIRS_AT_ONCE = 65_536
# From so many ways of a row through a tree on, half a second, loading a library pays.
_MANY_WALKS = 5_000_000
_MANY_ROWS = 500


@dataclass(frozen=True)
class TreeArrays:
    """Trees as they are stored.

    `feature`: int16 or int32 (nodes,), -1 for a leaf; `threshold`: float32 (inner nodes,), a row goes left when its
    value is ≤ it; `sizes`: int32 (trees,) nodes a tree; `values`: (leaves, outputs) in the order of the leaves.
    `covers`: (leaves,), the weight of the training rows that each has seen; None in files of earlier versions.
    """

    feature: np.ndarray
    threshold: np.ndarray
    sizes: np.ndarray
    values: np.ndarray
    covers: np.ndarray | None = None

    @property
    def problem(self) -> str | None:
        """What is wrong with these arrays, or None when they are trees."""
        feature, sizes = self.feature, self.sizes.astype(np.int64)
        if not len(sizes) or sizes.min() < 1 or sizes.max() > len(feature) or int(sizes.sum()) != len(feature):
            return "its trees have the wrong number of nodes"
        inner = feature >= 0
        if int(inner.sum()) != len(self.threshold) or int((~inner).sum()) != len(self.values):
            return "its trees have the wrong number of splits or leaves"
        if self.covers is not None and (len(self.covers) != len(self.values) or not bool((self.covers >= 0).all())):
            return "its trees have seen a number of rows that cannot be"
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        inner_of_tree = np.add.reduceat(inner.astype(np.int64), starts)
        if not bool((sizes == 2 * inner_of_tree + 1).all()):
            return "its trees have the wrong number of leaves"
        # A child must come after its parent, or a node would be unreachable or its own ancestor.
        rank = _rank_among_inner(inner, starts, sizes)
        place = np.arange(len(feature)) - np.repeat(starts, sizes)
        if not bool((2 * rank + 1 > place)[inner].all()):
            return "its trees are not in order"
        return None


def _rank_among_inner(inner: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """How many inner nodes of its tree come before each node, (nodes,)."""
    before: np.ndarray = np.cumsum(inner) - inner
    return np.asarray(before - np.repeat(before[starts], sizes))


class FlatTrees:
    """Trees ready to be walked. Raises ValueError for arrays that are not trees, or too deep."""

    def __init__(self, stored: TreeArrays):
        problem = stored.problem
        if problem is not None:
            raise ValueError(problem)
        self.stored = stored
        sizes = stored.sizes.astype(np.int64)
        self.roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        inner = stored.feature >= 0
        nodes = np.arange(len(inner))
        rank = _rank_among_inner(inner, self.roots, sizes)
        # A leaf points to itself behind a threshold that no value exceeds: walking on changes nothing.
        self.child = np.where(inner, np.repeat(self.roots, sizes) + 2 * rank + 1, nodes).astype(np.int32)
        self.feature = np.where(inner, stored.feature, 0).astype(np.int32)
        self.threshold = np.full(len(inner), np.inf, dtype=np.float32)
        self.threshold[inner] = stored.threshold
        self.leaf = (np.cumsum(~inner) - 1).astype(np.int32)
        self._n_walks = 0
        self.depth = self._depth(inner)

    def __len__(self) -> int:
        return len(self.roots)

    @property
    def n_features(self) -> int:
        """The least number of features that a row must have."""
        return int(self.feature.max()) + 1

    def _depth(self, inner: np.ndarray) -> int:
        level = self.roots[inner[self.roots]]
        depth = 0
        while len(level):
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError("its trees are too deep")
            children = np.concatenate([self.child[level], self.child[level] + 1])
            level = children[inner[children]]
        return depth

    def leaves_of_row(self, values: np.ndarray) -> np.ndarray:
        """The leaf that one row (features,) reaches in each tree: (trees,)."""
        node = self.roots
        for _ in range(self.depth):
            node = self.child.take(node) + (values.take(self.feature.take(node)) > self.threshold.take(node))
        return self.leaf.take(node)

    def leaves(self, values: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
        """The leaves that rows (rows, features) reach, in blocks: rows, trees, and (trees, rows) of the block."""
        if (module := self._module_for(len(values))) is not None:
            whole = np.ascontiguousarray(values, dtype=np.float32)
            for tree in range(len(self)):
                yield slice(0, len(values)), slice(tree, tree + 1), self._leaves_by(module, tree, whole)
            return
        rows_at_once = 8192
        for start in range(0, len(values), rows_at_once):
            rows = slice(start, min(start + rows_at_once, len(values)))
            block = np.ascontiguousarray(values[rows], dtype=np.float32)
            trees_at_once = max(1, PAIRS_AT_ONCE // len(block))
            for first in range(0, len(self), trees_at_once):
                trees = slice(first, min(first + trees_at_once, len(self)))
                yield rows, trees, self.leaf.take(self._walk(block, self.roots[trees]))

    def _module_for(self, n_rows: int) -> Any:
        """What walks so many rows quicker, from when on so many were asked for that loading it pays; else None."""
        self._n_walks += n_rows * len(self)
        return library() if n_rows >= _MANY_ROWS and self._n_walks >= _MANY_WALKS else None

    def _leaves_by(self, module: Any, tree: int, values: np.ndarray) -> np.ndarray:
        """(1, rows) of one tree. It is handed over when its turn comes, so that none takes room twice for long."""
        root = int(self.roots[tree])
        nodes = slice(root, root + int(self.stored.sizes[tree]))
        feature, threshold, left = self.stored.feature[nodes], self.threshold[nodes], self.child[nodes] - root
        return self.leaf[nodes].take(reached(module, feature, threshold, left, self.depth, values)).reshape(1, -1)

    def _walk(self, block: np.ndarray, roots: np.ndarray) -> np.ndarray:
        n_rows, n_features = block.shape
        flat = block.reshape(-1)
        reached = np.repeat(roots, n_rows)
        where = np.arange(len(reached))
        node = reached.astype(np.int32)
        offset = np.tile(np.arange(n_rows) * n_features, len(roots))
        for level in range(self.depth):
            found = flat.take(offset + self.feature.take(node))
            node = self.child.take(node) + (found > self.threshold.take(node))
            if level % 3 == 2:
                # Rows reach their leaves at very different depths: those that have arrived need no further steps.
                going = self.child.take(node) != node
                if 4 * np.count_nonzero(going) < 3 * len(node):
                    reached[where] = node
                    where, node, offset = where[going], node[going], offset[going]
                    if not len(where):
                        break
        reached[where] = node
        return reached.reshape(len(roots), n_rows)
