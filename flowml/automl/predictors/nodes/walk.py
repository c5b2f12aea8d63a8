"""Large forests of our own, walked by numpy for all trees of a bag at once, three questions of each at a time.

A node with its children and theirs is one record: its seven questions are asked together, and their answers, as the
bits of a byte, say by a table at which of eight places below the walk goes on. So a step costs a look or two into
memory, and a third of numpy's calls, which take longer than what they do here. Trees that have come to a leaf take no
further steps. Of many deep trees that is quicker than walking one after the other natively.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flowml.automl.predictors.links import mean_of_row
from flowml.automl.predictors.trees import FIXED_POINT, TreesPredictor

_MOST_NODES = 8_000_000
_LEVELS, _LANES = 3, 8
_ROWS_AT_ONCE = 16
_SHORT = np.iinfo(np.int16).max


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
        each = list(zip(flat, features, starts, first_leaf, strict=True))
        nodes = _Nodes(
            feature=np.concatenate([where[one.feature] for one, where, _, _ in each]).astype(np.int32),
            threshold=np.concatenate([one.threshold for one in flat]),
            left=np.concatenate([one.child + np.int32(start) for one, _, start, _ in each]),
            leaf=np.concatenate([one.leaf + np.int32(first) for one, _, _, first in each]),
        )
        roots = np.concatenate([one.roots + start for one, _, start, _ in each])
        self._asked, self._thresholds, self._below, self._roots = nodes.records(roots)
        if nodes.feature.max() <= _SHORT:
            self._asked = self._asked.astype(np.int16)
        self._values = np.concatenate(values)
        counts = np.array([len(one) for one in flat])
        self._starts = np.cumsum(counts) - counts
        unit = 1.0 / FIXED_POINT if self._values.dtype == np.uint16 else 1.0
        scales = [one.scale / (len(one.flat) if one.combine == "mean" else 1) for one in predictors]
        self._units = np.array(scales).reshape(-1, 1) * unit
        n_raw = first.groups * self._values.shape[1]
        self._offsets = np.array([np.broadcast_to(one.offset, (n_raw,)) for one in predictors])

    def __call__(self, row: np.ndarray) -> np.ndarray:
        return self._answer(self._values.take(self._reached(row.reshape(1, -1))[0], axis=0))

    def many(self, rows: np.ndarray) -> list[np.ndarray]:
        """The answers for some rows, (rows, features), each as it gets it alone, in half the time."""
        pieces = [rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE)]
        return [self._answer(self._values.take(one, axis=0)) for piece in pieces for one in self._reached(piece)]

    def _answer(self, found: np.ndarray) -> np.ndarray:
        """For one row, from the values of the leaves that it has reached, (trees, width)."""
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

    def _reached(self, rows: np.ndarray) -> np.ndarray:
        """The leaf at which each row ends in each tree, (rows, trees)."""
        n_rows, width = rows.shape
        values = rows.ravel()
        found = np.tile(self._roots, n_rows)
        where = np.flatnonzero(found >= 0)
        record = found.take(where)
        # Where in all values those of its row begin; of one row nothing has to be added. Rows may be far wider
        # than what these trees ask for.
        kind = self._asked.dtype if n_rows * width <= _SHORT else np.dtype(np.int64)
        first = None if n_rows == 1 else (where // len(self._roots) * width).astype(kind).reshape(-1, 1)
        while len(where):
            asked = self._asked.take(record, axis=0)
            if first is not None:
                asked = asked + first
            above = values.take(asked) > self._thresholds.take(record, axis=0)
            following = self._below.take(record * _LANES + _EXITS.take(np.packbits(above)))
            going = np.flatnonzero(following >= 0)
            if len(going) < len(where):
                found[where] = following
                where, following = where.take(going), following.take(going)
                first = None if first is None else first.take(going, axis=0)
            record = following
        return (~found).reshape(n_rows, -1)


@dataclass(frozen=True)
class _Nodes:
    """All nodes of some trees: the right child is behind the left one, and a leaf is its own child, as in FlatTrees."""

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    leaf: np.ndarray

    def records(self, roots: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What records ask for and their thresholds, (records, lanes); where the walk goes on below each, (records ·
        lanes,), which is another record, or ~leaf; and the same for the roots, (trees,)."""
        left = self.left
        inner = left != np.arange(len(left), dtype=np.int32)
        right = left + inner
        following = ~self.leaf
        asking: list[np.ndarray] = []
        below: list[np.ndarray] = []
        n_records, level = 0, roots[inner[roots]]
        while len(level):
            following[level] = np.arange(n_records, n_records + len(level), dtype=np.int32)
            n_records += len(level)
            lanes = np.empty((2 * _LANES, len(level)), dtype=np.int32)
            # The children of the first are behind it, theirs behind those, and so on, as in a heap that begins at 1.
            lanes[1] = level
            for at in range(1, _LANES):
                left.take(lanes[at], out=lanes[2 * at], mode="clip")
                right.take(lanes[at], out=lanes[2 * at + 1], mode="clip")
            # One lane asks nothing that counts.
            lanes[0] = level
            asking.append(lanes[:_LANES].T)
            below.append(lanes[_LANES:].T)
            level = below[-1][inner[below[-1]]]
        if not n_records:
            raise ValueError("trees that ask nothing")
        nodes, ends = np.concatenate(asking), np.concatenate(below).ravel()
        return self.feature.take(nodes), self.threshold.take(nodes), following.take(ends), following.take(roots)


def _exits() -> np.ndarray:
    """At which of the eight places below a record the walk goes on, by the byte of its answers: those of the node, of
    its two children, and of their four, behind one that does not count."""
    answers = np.arange(1 << _LANES)
    at = np.ones(len(answers), dtype=np.int64)
    for _ in range(_LEVELS):
        at = 2 * at + ((answers >> (_LANES - 1 - at)) & 1)
    return np.asarray(at - _LANES)


_EXITS = _exits()
