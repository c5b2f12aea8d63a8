"""From a predictor to its trees as plain nodes."""

import json
import math

import numpy as np

from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.catboost import CatBoostPredictor
from flowml.automl.predictors.lightgbm import LightGBMPredictor
from flowml.automl.predictors.links import link_of
from flowml.automl.predictors.nodes.catboost import forest_of_catboost
from flowml.automl.predictors.nodes.forest import CodeSets, Forest, NodeTree
from flowml.automl.predictors.trees import FIXED_POINT, TreesPredictor
from flowml.automl.predictors.xgboost import XGBoostPredictor

_BITS = 32


def forest_of(predictor: Predictor) -> Forest | None:
    """The trees of a predictor that consists of them, none of its library needed; None for any other.

    Raises ValueError for trees of a kind that cannot be written so.
    """
    if isinstance(predictor, TreesPredictor):
        return _of_flat(predictor)
    if isinstance(predictor, LightGBMPredictor):
        return _of_lightgbm(predictor)
    if isinstance(predictor, XGBoostPredictor):
        return _of_xgboost(predictor)
    if isinstance(predictor, CatBoostPredictor):
        return forest_of_catboost(predictor)
    return None


def _of_flat(predictor: TreesPredictor) -> Forest:
    flat = predictor.flat
    stored = flat.stored
    values = stored.values.astype(np.float64)
    if stored.values.dtype == np.uint16:
        values = values / FIXED_POINT
    trees = []
    for root, size in zip(flat.roots.tolist(), stored.sizes.tolist(), strict=True):
        nodes = slice(root, root + size)
        inner = stored.feature[nodes] >= 0
        child = flat.child[nodes].astype(np.int32) - root
        value = np.zeros((size, values.shape[1]))
        value[~inner] = values[flat.leaf[nodes][~inner]]
        trees.append(
            NodeTree(
                feature=stored.feature[nodes].astype(np.int32),
                threshold=flat.threshold[nodes].astype(np.float64),
                # A comparison with NaN fails, and whoever is not above goes left.
                missing_left=np.ones(size, dtype=bool),
                left=np.where(inner, child, -1),
                right=np.where(inner, child + 1, -1),
                value=value,
            )
        )
    return Forest(
        trees,
        flat.n_features,
        predictor.groups,
        predictor.offset,
        predictor.link,
        predictor.scale,
        predictor.combine,
        predictor.tree_weights,
    )


def _of_lightgbm(predictor: LightGBMPredictor) -> Forest:
    _, *parts = predictor.model.split("\nTree=")
    groups = predictor.n_outputs if predictor.n_outputs > 2 else 1
    trees = [_lightgbm_tree(part) for part in parts]
    return Forest(trees, predictor.n_features, groups, np.zeros(groups), link_of(predictor.n_outputs))


def _lightgbm_tree(part: str) -> NodeTree:
    fields = dict(line.split("=", 1) for line in part.splitlines() if "=" in line)

    def numbers(name: str, dtype: type) -> np.ndarray:
        return np.array(fields.get(name, "").split(), dtype=dtype)

    leaves = numbers("leaf_value", np.float64)
    inner = len(leaves) - 1
    if inner == 0:
        return single_leaf(leaves)
    decision, threshold = numbers("decision_type", np.int64), numbers("threshold", np.float64)
    of_codes, kind = (decision & 1) == 1, (decision >> 2) & 3
    if bool(((kind == 1) & ~of_codes).any()):
        raise ValueError("trees that take 0 for missing")
    # Where training has seen nothing missing it counts as 0; in a split on codes a missing one is in no set.
    missing_left = np.where(of_codes, False, np.where(kind == 2, (decision & 2) != 0, threshold >= 0.0))
    bounds, words = numbers("cat_boundaries", np.int64), numbers("cat_threshold", np.uint64)
    coded = np.flatnonzero(of_codes)
    empty = np.full(len(leaves), -1)

    def child(name: str) -> np.ndarray:
        found = numbers(name, np.int64)
        return np.concatenate([np.where(found < 0, inner + ~found, found), empty]).astype(np.int32)

    return NodeTree(
        feature=np.concatenate([numbers("split_feature", np.int64), empty]).astype(np.int32),
        threshold=np.concatenate([np.where(of_codes, 0.0, threshold), np.zeros(len(leaves))]),
        missing_left=np.concatenate([missing_left, np.zeros(len(leaves), dtype=bool)]),
        left=child("left_child"),
        right=child("right_child"),
        value=np.concatenate([np.zeros(inner), leaves]).reshape(-1, 1),
        levels=_code_sets(coded, threshold[coded].astype(np.int64), bounds, words) if len(coded) else {},
    )


def single_leaf(values: np.ndarray) -> NodeTree:
    """A tree that asks nothing; `values`: (width,)."""
    nothing = np.full(1, -1, dtype=np.int32)
    return NodeTree(nothing, np.zeros(1), np.zeros(1, dtype=bool), nothing, nothing, values.reshape(1, -1))


def _code_sets(nodes: np.ndarray, ranges: np.ndarray, bounds: np.ndarray, words: np.ndarray) -> CodeSets:
    """Of each node the bits that are set in one range of words, counted from its beginning."""
    bits = np.flatnonzero(np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little"))
    places = np.searchsorted(bits, bounds * _BITS)
    counts = places[ranges + 1] - places[ranges]
    chosen = np.repeat(places[ranges] - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
    return CodeSets(nodes, counts, bits[chosen] - np.repeat(bounds[ranges] * _BITS, counts))


def _of_xgboost(predictor: XGBoostPredictor) -> Forest:
    learner = json.loads(predictor.model)["learner"]
    groups = predictor.n_outputs if predictor.n_outputs > 2 else 1
    base = [float(score) for score in learner["learner_model_param"]["base_score"].strip("[]").split(",")]
    if predictor.n_outputs == 2:
        base = [math.log(base[0] / (1.0 - base[0]))]
    trees = [_xgboost_tree(tree) for tree in learner["gradient_booster"]["model"]["trees"]]
    offset = np.broadcast_to(np.array(base), (groups,)).copy()
    return Forest(trees, predictor.n_features, groups, offset, link_of(predictor.n_outputs))


def _xgboost_tree(tree: dict[str, list[int]]) -> NodeTree:
    left = np.array(tree["left_children"], dtype=np.int32)
    leaf = left < 0
    conditions = np.array(tree["split_conditions"], dtype=np.float64).astype(np.float32)
    # Their segments follow one another (`xgboost_json.compact`).
    nodes, sizes, codes = (np.array(tree[f"categories{part}"], dtype=np.int64) for part in ("_nodes", "_sizes", ""))
    return NodeTree(
        feature=np.where(leaf, -1, np.array(tree["split_indices"])).astype(np.int32),
        # Left is what is less: in single precision, up to the number before.
        threshold=np.nextafter(conditions, np.float32(-np.inf), dtype=np.float32).astype(np.float64),
        missing_left=np.array(tree["default_left"]) == 1,
        left=left,
        right=np.array(tree["right_children"], dtype=np.int32),
        value=np.where(leaf, conditions, 0.0).astype(np.float64).reshape(-1, 1),
        levels=CodeSets(nodes, sizes, codes) if len(nodes) else {},
        levels_left=False,
    )
