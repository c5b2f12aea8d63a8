"""Trees as the text of one LightGBM model, a raw score for each output of each forest."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from flowml.automl.predictors.checking import MOST_CODES
from flowml.automl.predictors.nodes.forest import Forest, Lookup, NodeTree

MISSING_CODE = MOST_CODES
"""What a missing one among codes is written as, which are fewer."""
_BITS = 32
_FEATURES = "split_feature="
_NOT_FOR_ANSWERS = ("leaf_count=", "internal_count=")


class Writer:
    """Forests as the text of one model; which features of the row it asks for is known when all trees are written."""

    def __init__(self, forests: Sequence[Forest], features: Sequence[np.ndarray]):
        self.numbers: dict[int, int] = {}
        self.codes: dict[int, int] = {}
        self.lookups: list[tuple[Lookup, np.ndarray]] = []
        self._by_score: list[list[tuple[NodeTree, int, np.ndarray, np.ndarray]]] = []
        for forest, where in zip(forests, features, strict=True):
            first = len(self.lookups)
            self.lookups += [(lookup, where) for lookup in forest.lookups]
            # A feature's number: of the row from 0 on, of a look-up below 0.
            places = np.concatenate([where[: forest.n_features], ~np.arange(first, len(self.lookups))])
            scores: list[list[tuple[NodeTree, int, np.ndarray, np.ndarray]]] = [[] for _ in range(forest.n_raw)]
            for number, tree in enumerate(forest.trees):
                if forest.groups > 1:
                    scores[number % forest.groups].append((tree, 0, places, self._asked(tree, places)))
                else:
                    asked = self._asked(tree, places)
                    for output in range(forest.n_raw):
                        scores[output].append((tree, output, places, asked))
            self._by_score += scores

    def _asked(self, tree: NodeTree, places: np.ndarray) -> np.ndarray:
        """Which nodes ask for codes, (nodes,); and note which features are asked for."""
        of_codes = np.zeros(len(tree.feature), dtype=bool)
        of_codes[list(tree.levels)] = True
        inner = tree.feature >= 0
        for wanted, known in ((inner & ~of_codes, self.numbers), (of_codes, self.codes)):
            for place in np.unique(places[tree.feature[wanted]]).tolist():
                if place >= 0:
                    known.setdefault(place, len(known))
        return of_codes

    def text(self, width: int) -> bytes:
        size = max(max(self.numbers, default=0), max(self.codes, default=0)) + 1
        self._number_at, self._code_at = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        self._number_at[list(self.numbers)] = np.arange(len(self.numbers))
        self._code_at[list(self.codes)] = len(self.numbers) + np.arange(len(self.codes))
        self._first_lookup = len(self.numbers) + len(self.codes)
        by_score = [
            ["\n".join([*self._tree(*tree), "is_linear=0", "shrinkage=1", "", ""]) for tree in trees]
            for trees in self._by_score
        ]
        return model_text(by_score, width)

    def _tree(self, tree: NodeTree, output: int, places: np.ndarray, of_codes: np.ndarray) -> list[str]:
        inner = tree.feature >= 0
        values = tree.value[~inner, output]
        if not inner[0]:
            return _leaf(float(values[0]))
        rank = np.where(inner, np.cumsum(inner) - 1, ~(np.cumsum(~inner) - 1))
        left, right = rank[tree.left[inner]], rank[tree.right[inner]]
        place = places[tree.feature[inner]]
        coded = of_codes[inner]
        known = np.maximum(place, 0)
        slot = np.where(coded, self._code_at[known], self._number_at[known])
        slot = np.where(place < 0, self._first_lookup + ~place, slot)
        missing_left = tree.missing_left[inner]
        threshold = np.clip(tree.threshold[inner], -1e300, 1e300)
        more = []
        if tree.levels:
            if not tree.levels_left:
                left, right = np.where(coded, right, left), np.where(coded, left, right)
            bounds, words = [0], []
            threshold = threshold.copy()
            for index, (node, at) in enumerate(
                zip(np.flatnonzero(of_codes).tolist(), np.flatnonzero(coded).tolist(), strict=True)
            ):
                threshold[at] = index
                words += _words(tree.levels[node], bool(missing_left[at]) == tree.levels_left)
                bounds.append(len(words))
            more = [f"cat_boundaries={_joined(bounds)}", f"cat_threshold={_joined(words)}"]
        decision = np.where(coded, 9, 8 + 2 * missing_left)
        return [
            f"num_leaves={len(values)}",
            f"num_cat={len(tree.levels)}",
            f"split_feature={_joined(slot.tolist())}",
            f"threshold={_joined(threshold.tolist())}",
            f"decision_type={_joined(decision.tolist())}",
            f"left_child={_joined(left.tolist())}",
            f"right_child={_joined(right.tolist())}",
            f"leaf_value={_joined(values.tolist())}",
            *more,
        ]


def model_text(by_score: Sequence[Sequence[str]], width: int) -> bytes:
    """The text of a model of these trees, each without its number."""
    width = max(width, 1)
    parts = [
        "tree",
        "version=v4",
        f"num_class={len(by_score)}",
        f"num_tree_per_iteration={len(by_score)}",
        "label_index=0",
        f"max_feature_idx={width - 1}",
        "feature_names=" + " ".join(f"x{index}" for index in range(width)),
        "feature_infos=" + " ".join(["none"] * width),
        "",
    ]
    number = 0
    nothing = "\n".join([*_leaf(0.0), "is_linear=0", "shrinkage=1", "", ""])
    for at in range(max(map(len, by_score))):
        for trees in by_score:
            # Each score has as many trees as every other.
            parts.append(f"Tree={number}\n{trees[at] if at < len(trees) else nothing}")
            number += 1
    return "\n".join([*parts, "end of trees", ""]).encode()


def scores_of_text(model: str, groups: int, where: np.ndarray, numbers: dict[int, int]) -> list[list[str]]:
    """The trees of each score of a model, asking for the features of a row; notes in `numbers` which."""
    slots: dict[str, str] = {}
    scores: list[list[str]] = [[] for _ in range(groups)]
    for number, tree in enumerate(model.removesuffix("end of trees\n").split("\nTree=")[1:]):
        lines = [line for line in tree.split("\n")[1:] if not line.startswith(_NOT_FOR_ANSWERS)]
        for at, line in enumerate(lines):
            if line.startswith(_FEATURES):
                asked = line[len(_FEATURES) :].split()
                for one in set(asked) - slots.keys():
                    slots[one] = str(numbers.setdefault(int(where[int(one)]), len(numbers)))
                lines[at] = _FEATURES + " ".join([slots[one] for one in asked])
                break
        scores[number % groups].append("\n".join(lines))
    return scores


def _joined(values: Sequence[float]) -> str:
    return " ".join(map(repr, values))


def _leaf(value: float) -> list[str]:
    return ["num_leaves=1", "num_cat=0", f"leaf_value={value!r}"]


def _words(codes: frozenset[int], with_missing: bool) -> list[int]:
    """A set of codes as bits, the missing one among them or not."""
    chosen = [code for code in codes if 0 <= code < MISSING_CODE]
    if len(chosen) < len(codes):
        raise ValueError("codes that no encoder gives")
    words = [0] * (MISSING_CODE // _BITS + 1)
    for code in chain(chosen, [MISSING_CODE] if with_missing else []):
        words[code // _BITS] |= 1 << code % _BITS
    return words
