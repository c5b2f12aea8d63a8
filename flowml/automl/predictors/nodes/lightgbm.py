"""LightGBM's text as plain nodes: all trees of a model are read together, which takes a seventh of the time of reading
one after the other."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from flowml.automl.predictors.lightgbm import LightGBMPredictor
from flowml.automl.predictors.links import link_of
from flowml.automl.predictors.nodes.forest import CodeSets, Forest, NodeTree, parted

_NUMBERS: Mapping[str, Any] = {
    "split_feature": np.int64,
    "threshold": np.float64,
    "decision_type": np.int64,
    "left_child": np.int64,
    "right_child": np.int64,
    "leaf_value": np.float64,
    "cat_boundaries": np.int64,
    "cat_threshold": np.int64,
}
_BITS = 32
_WORDS_AT_ONCE = 100_000
_MOST_CODES = 5_000_000


def forest_of_lightgbm(predictor: LightGBMPredictor) -> Forest:
    """Raises ValueError for trees that take 0 for missing."""
    groups = predictor.n_outputs if predictor.n_outputs > 2 else 1
    trees = list(_trees(predictor.model))
    return Forest(trees, predictor.n_features, groups, np.zeros(groups), link_of(predictor.n_outputs))


def _trees(model: str) -> Iterator[NodeTree]:
    fields: dict[str, list[str]] = defaultdict(list)
    for line in model[model.index("\nTree=") :].split("\n"):
        name, _, text = line.partition("=")
        fields[name].append(text)
    found = {name: np.fromstring(" ".join(fields[name]), kind, sep=" ") for name, kind in _NUMBERS.items()}
    n_leaves, n_sets = (np.array(fields[name], dtype=np.int64) for name in ("num_leaves", "num_cat"))
    n_inner, n_nodes = n_leaves - 1, 2 * n_leaves - 1
    starts = np.cumsum(n_nodes) - n_nodes
    # The inner nodes of a tree come first, then its leaves.
    inner = np.arange(n_nodes.sum()) - np.repeat(starts, n_nodes) < np.repeat(n_inner, n_nodes)
    decision, threshold = found["decision_type"], found["threshold"]
    of_codes, missing = (decision & 1) == 1, (decision >> 2) & 3
    if bool(((missing == 1) & ~of_codes).any()):
        raise ValueError("trees that take 0 for missing")

    def of_inner(values: np.ndarray, other: float, kind: Any) -> np.ndarray:
        found = np.full(len(inner), other, dtype=kind)
        found[inner] = values
        return found

    def child(name: str) -> np.ndarray:
        values = found[name]
        return of_inner(np.where(values < 0, np.repeat(n_inner, n_inner) + ~values, values), -1, np.int32)

    value = np.zeros((len(inner), 1))
    value[~inner, 0] = found["leaf_value"]
    # Where training has seen nothing missing it counts as 0; in a split on codes a missing one is in no set.
    missing_left = np.where(of_codes, False, np.where(missing == 2, (decision & 2) != 0, threshold >= 0.0))
    whole = NodeTree(
        feature=of_inner(found["split_feature"], -1, np.int32),
        threshold=of_inner(np.where(of_codes, 0.0, threshold), 0.0, np.float64),
        missing_left=of_inner(missing_left, False, np.bool_),
        left=child("left_child"),
        right=child("right_child"),
        value=value,
    )
    tree_of = np.repeat(np.arange(len(n_nodes)), n_inner)[of_codes]
    n_bounds = n_sets + (n_sets > 0)
    asked = threshold[of_codes].astype(np.int64) + (np.cumsum(n_bounds) - n_bounds)[tree_of]
    counts, codes = _codes(found["cat_boundaries"], found["cat_threshold"].astype(np.uint32), n_sets, asked)
    sets = CodeSets(np.flatnonzero(inner)[of_codes] - starts[tree_of], counts, codes)
    return parted(whole, sets, n_nodes, np.bincount(tree_of, minlength=len(n_nodes)))


def _codes(
    bounds: np.ndarray, words: np.ndarray, n_sets: np.ndarray, asked: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How many codes each set has that is asked for, and all of them, one set after the other: int16. `bounds`: of each
    tree, from its first word on, where each of its `n_sets` begins and the last one ends; `asked`: places among those.
    """
    if not len(asked):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int16)
    # A tree's bounds begin at 0, and end where the words of the next one begin.
    n_words = np.diff(bounds, append=0)
    n_words[np.cumsum(n_sets[n_sets > 0] + 1) - 1] = 0
    if len(words) != n_words.sum() or n_words.min() < 0:
        raise ValueError("trees whose sets of codes do not fit together")
    first_word = np.repeat(np.cumsum(n_words) - n_words, n_words)
    sizes = np.bincount(np.repeat(np.arange(len(bounds)), n_words), np.bitwise_count(words), len(bounds)).astype(
        np.int64
    )
    counts = sizes[asked]
    if counts.sum() > _MOST_CODES:
        raise ValueError("trees that ask for very many codes")
    pieces = [np.empty(0, dtype=np.int16)]
    for start in range(0, len(words), _WORDS_AT_ONCE):
        some = words[start : start + _WORDS_AT_ONCE].astype("<u4", copy=False)
        bits = np.flatnonzero(np.unpackbits(some.view(np.uint8), bitorder="little"))
        at = bits // _BITS + start
        pieces.append(((at - first_word[at]) * _BITS + bits % _BITS).astype(np.int16))
    codes = np.concatenate(pieces)
    chosen = np.repeat((np.cumsum(sizes) - sizes)[asked] - (np.cumsum(counts) - counts), counts)
    return counts, codes[chosen + np.arange(len(chosen))]
