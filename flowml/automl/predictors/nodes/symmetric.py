"""CatBoost's trees as they are: each asks the same question on a whole level, so its answers are the number of a leaf.

All questions of all trees are asked in one comparison of numpy, and the bits packed: for one row this is quicker than
any walk, and than calling the library.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from flowml.automl.predictors.links import mean_of_row
from flowml.automl.predictors.nodes.forest import Forest, NodeTree
from flowml.automl.predictors.nodes.lookups import Lookups

_BYTE, _MOST_DEPTH = 8, 16


class RowSymmetricForests:
    """The mean of the predictions of several forests of symmetric trees for one row, float32 (features,) → (outputs,).

    `features[i]` says where forest i finds its own features in that row. Raises ValueError for other trees.
    """

    def __init__(self, forests: Sequence[Forest], features: Sequence[np.ndarray]):
        first = forests[0]
        if any((forest.link, forest.n_raw, forest.groups) != (first.link, first.n_raw, 1) for forest in forests):
            raise ValueError("forests that answer differently")
        self._link = first.link
        self._scales = np.array([forest.scale for forest in forests]).reshape(-1, 1)
        self._offsets = np.array([np.broadcast_to(forest.offset, (first.n_raw,)) for forest in forests])
        lookups = [
            (lookup, where) for forest, where in zip(forests, features, strict=True) for lookup in forest.lookups
        ]
        self._lookups = Lookups(lookups) if lookups else None
        trees = [tree for forest in forests for tree in forest.trees]
        depths = [_depth(tree) for tree in trees]
        bits = _BYTE if max(depths) <= _BYTE else _MOST_DEPTH
        # A column of zeros, which is above nothing: what trees ask that are less deep than others.
        self._columns: dict[tuple[int, float | None, bool], int] = {}
        self._column(0, float("inf"), False)
        asked = np.zeros((len(trees), bits), dtype=np.intp)
        borders = np.full((len(trees), bits), np.inf, dtype=np.float32)
        number = first_lookup = 0
        for forest, where in zip(forests, features, strict=True):
            for tree in forest.trees:
                depth = depths[number]
                for level in range(depth):
                    node = (1 << level) - 1
                    code = _code(tree, node)
                    feature = int(tree.feature[node])
                    if feature >= forest.n_features:
                        place = ~(first_lookup + feature - forest.n_features)
                    else:
                        place = int(where[feature])
                    at = bits - depth + level
                    asked[number, at] = self._column(place, code, not tree.missing_left[node])
                    borders[number, at] = tree.threshold[node] if code is None else 0.5
                number += 1
            first_lookup += len(forest.lookups)
        self._asked, self._borders, self._bits = asked.ravel(), borders.ravel(), bits
        leaves = [tree.value[-(1 << depth) :] for tree, depth in zip(trees, depths, strict=True)]
        self._leaves = np.concatenate(leaves)
        sizes = np.array([len(one) for one in leaves])
        self._bases = np.cumsum(sizes) - sizes
        counts = np.array([len(forest.trees) for forest in forests])
        self._starts = np.cumsum(counts) - counts
        self._finish()

    def _column(self, place: int, code: float | None, missing_above: bool) -> int:
        return self._columns.setdefault((place, code, missing_above), len(self._columns))

    def _finish(self) -> None:
        """How the columns are made of a row and its look-ups."""
        keys = list(self._columns)
        self._places = np.array([place for place, _, _ in keys], dtype=np.intp)
        self._of_lookups = np.flatnonzero(self._places < 0)
        self._lookup_of = ~self._places[self._of_lookups]
        self._places[self._of_lookups] = 0
        self._missing = np.array([np.inf if above else -np.inf for _, _, above in keys], dtype=np.float32)
        self._with_codes = np.flatnonzero([code is not None for _, code, _ in keys])
        codes = [keys[at][1] for at in self._with_codes.tolist()]
        self._codes = np.array([-2.0 if code is None else code for code in codes], dtype=np.float32)

    def __call__(self, row: np.ndarray) -> np.ndarray:
        return mean_of_row(self._link, self._raw(row))

    def many(self, rows: np.ndarray) -> list[np.ndarray]:
        """The answers for some rows, (rows, features), each as it gets it alone."""
        return [mean_of_row(self._link, one) for one in self._raw(rows)]

    def _raw(self, rows: np.ndarray) -> np.ndarray:
        """The scores of each forest, (…, forests, outputs), for (…, features)."""
        values = rows.take(self._places, axis=-1)
        if self._lookups is not None:
            values[..., self._of_lookups] = self._lookups(rows).take(self._lookup_of, axis=-1)
        missing = values != values
        if missing.any():
            values = np.where(missing, self._missing, values)
        if len(self._codes):
            values[..., self._with_codes] = values.take(self._with_codes, axis=-1) == self._codes
        above = values.take(self._asked, axis=-1) > self._borders
        leaf = np.packbits(above, axis=-1)
        if self._bits > _BYTE:
            leaf = leaf.view(">u2")
        found = self._leaves.take(leaf + self._bases, axis=0)
        return np.asarray(np.add.reduceat(found, self._starts, axis=-2) * self._scales + self._offsets)


def _depth(tree: NodeTree) -> int:
    """How many questions a symmetric tree asks. Raises ValueError for another tree."""
    nodes = len(tree.feature)
    depth = (nodes + 1).bit_length() - 2
    inner = (1 << depth) - 1
    if nodes != 2 * inner + 1 or depth > _MOST_DEPTH or bool((tree.feature[inner:] >= 0).any()):
        raise ValueError("trees that are not symmetric")
    # The first node of the level of each.
    first = _first_of_level(depth)
    for asked in (tree.feature, tree.threshold):
        if not np.array_equal(asked[:inner], asked[first]):
            raise ValueError("trees that are not symmetric")
    return depth


@cache
def _first_of_level(depth: int) -> np.ndarray:
    levels = np.arange(depth)
    return np.repeat((1 << levels) - 1, 1 << levels)


def _code(tree: NodeTree, node: int) -> float | None:
    """The code that a node asks for, -inf for a missing one; None where it asks for no code."""
    codes = tree.levels.get(node)
    if codes is None:
        return None
    if codes:
        (code,) = codes
        return float(code)
    # A missing value is -inf here, or inf where the question is whether it is missing.
    return -2.0 if tree.missing_left[node] else float("inf")
