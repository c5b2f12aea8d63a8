"""The predictor of every tree ensemble that is not one of the three native boosters."""

from collections.abc import Sequence

import numpy as np

from flowml.automl.predictors import checking
from flowml.automl.predictors.base import Predictor, PredictorState, register
from flowml.automl.predictors.flat_trees import FlatTrees, TreeArrays
from flowml.automl.predictors.links import LINKS, apply_link

COMBINATIONS = ("mean", "sum", "median")
FIXED_POINT = 65_535.0
MEDIANS_AT_ONCE = 8_192


class TreesPredictor(Predictor):
    """link(offset + scale · combination of the leaves' values).

    `combine`: the mean over trees (forests), their sum (boosting; with one value a leaf, tree t adds to output
    t mod `groups`) or the median weighted by `tree_weights` (AdaBoost.R2). Leaf values of type uint16 are
    probabilities in 65,535ths.
    """

    kind = "trees"

    def __init__(
        self,
        trees: TreeArrays,
        *,
        combine: str,
        link: str,
        groups: int = 1,
        scale: float = 1.0,
        offset: Sequence[float] = (0.0,),
        tree_weights: np.ndarray | None = None,
    ):
        self.flat = FlatTrees(trees)
        self.combine = combine
        self.link = link
        self.groups = groups
        self.scale = float(scale)
        self.offset = np.asarray(offset, dtype=np.float64)
        self.tree_weights = tree_weights
        self._values = trees.values
        self._unit = 1.0 / FIXED_POINT if trees.values.dtype == np.uint16 else 1.0

    def predict(self, values: np.ndarray) -> np.ndarray:
        if self.combine == "median":
            return self._medians(values)
        raw = np.zeros((len(values), self.groups, self._values.shape[1]))
        for rows, trees, leaves in self.flat.leaves(values):
            for group in range(self.groups):
                of_group = leaves[(group - trees.start) % self.groups :: self.groups]
                raw[rows, group] += self._values[of_group].sum(axis=0, dtype=np.float64)
        return self._finish(raw.reshape(len(values), self.groups * self._values.shape[1]))

    def predict_row(self, values: np.ndarray) -> np.ndarray:
        return self.of_leaves(self._values[self.flat.leaves_of_row(np.asarray(values, dtype=np.float32))])

    def of_leaves(self, found: np.ndarray) -> np.ndarray:
        """The answer for one row, (outputs,), from the values of the leaves that it has reached, (trees, width)."""
        if self.combine == "median":
            return np.asarray(self._median(found.T)[0])
        if self.groups > 1:
            raw = found.reshape(-1, self.groups).sum(axis=0, dtype=np.float64)
        else:
            raw = found.sum(axis=0, dtype=np.float64)
        answer: np.ndarray = self._finish(raw.reshape(1, -1))[0]
        return answer

    def _finish(self, raw: np.ndarray) -> np.ndarray:
        unit = self._unit / len(self.flat) if self.combine == "mean" else self._unit
        return apply_link(self.link, raw * (unit * self.scale) + self.offset)

    def _medians(self, values: np.ndarray) -> np.ndarray:
        """Some rows at a time, since each has a value for every tree."""
        parts = [np.empty((0, 1))]
        for start in range(0, len(values), MEDIANS_AT_ONCE):
            block = values[start : start + MEDIANS_AT_ONCE]
            found = np.empty((len(block), len(self.flat)))
            for rows, trees, leaves in self.flat.leaves(block):
                found[rows, trees] = self._values[leaves, 0].T
            parts.append(self._median(found))
        return np.concatenate(parts)

    def _median(self, found: np.ndarray) -> np.ndarray:
        """The weighted median over trees, (rows, trees) → (rows, 1)."""
        weights = np.ones(found.shape[1]) if self.tree_weights is None else self.tree_weights
        order = np.argsort(found, axis=1, kind="stable")
        upto = np.cumsum(weights[order], axis=1)
        middle = (upto >= 0.5 * upto[:, -1:]).argmax(axis=1)
        chosen = order[np.arange(len(found)), middle]
        return np.asarray(found[np.arange(len(found)), chosen], dtype=np.float64).reshape(-1, 1)

    def takes(self, n_features: int) -> bool:
        return n_features >= self.flat.n_features

    def to_state(self) -> PredictorState:
        stored = self.flat.stored
        arrays = {
            "feature": stored.feature,
            "threshold": stored.threshold,
            "sizes": stored.sizes,
            "values": stored.values,
            "offset": self.offset,
        }
        if stored.covers is not None:
            arrays["covers"] = stored.covers
        if self.tree_weights is not None:
            arrays["tree_weights"] = self.tree_weights
        settings = {"combine": self.combine, "link": self.link, "groups": self.groups, "scale": self.scale}
        return PredictorState(self.kind, settings, arrays)

    @classmethod
    def from_state(cls, state: PredictorState) -> "TreesPredictor":
        trees = TreeArrays(
            feature=checking.array(state, "feature", (None,), "i"),
            threshold=checking.not_above(checking.array(state, "threshold", (None,), single=True)),
            sizes=checking.array(state, "sizes", (None,), "i"),
            values=checking.array(state, "values", (None, None), "fu"),
            covers=checking.array(state, "covers", (None,), "fu") if "covers" in state.arrays else None,
        )
        if trees.values.dtype.kind == "u" and trees.values.dtype != np.uint16:
            raise checking.damaged("its leaves have values of an unknown kind")
        groups = checking.integer(state, "groups", 1, checking.MAX_OUTPUTS)
        outputs = groups * trees.values.shape[1]
        link = checking.choice(state, "link", LINKS)
        if len(trees.sizes) % groups or link == "sigmoid" and outputs != 1:
            raise checking.damaged("its trees do not fit its classes")
        weights = None
        if "tree_weights" in state.arrays:
            weights = checking.array(state, "tree_weights", (len(trees.sizes),))
        offset = checking.array(state, "offset", (None,))
        if len(offset) not in (1, outputs):
            raise checking.damaged("its starting point does not fit its classes")
        try:
            return cls(
                trees,
                combine=checking.choice(state, "combine", COMBINATIONS),
                link=link,
                groups=groups,
                scale=checking.number(state, "scale"),
                offset=offset.tolist(),
                tree_weights=weights,
            )
        except ValueError as problem:
            raise checking.damaged(str(problem)) from problem


register(TreesPredictor.kind, lambda: TreesPredictor)
