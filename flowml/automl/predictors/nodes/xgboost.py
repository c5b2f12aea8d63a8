"""XGBoost's JSON as plain nodes: all trees of a model are read together, and nothing of them that no answer needs."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from flowml.automl.predictors.links import link_of
from flowml.automl.predictors.nodes.forest import CodeSets, Forest, NodeTree, parted
from flowml.automl.predictors.xgboost import XGBoostPredictor

_OF_NODES: Mapping[str, Any] = {
    "left_children": np.int32,
    "right_children": np.int32,
    "split_indices": np.int32,
    "split_conditions": np.float64,
    "default_left": np.int8,
}
_READ = {**_OF_NODES, **dict.fromkeys(("categories_nodes", "categories_sizes", "categories"), np.int64)}
_SKIPPED = ("base_weights", "loss_changes", "parents", "sum_hessian")
# Nothing inside a text looks like this: there a quotation mark has a backslash before it.
_ARRAYS = re.compile(rf'"({"|".join((*_READ, *_SKIPPED))})":\[([^\[\]"]*)\]'.encode())


def forest_of_xgboost(predictor: XGBoostPredictor) -> Forest:
    """Raises ValueError for a document whose parts do not fit together."""
    parts = _ARRAYS.split(predictor.model)
    learner = json.loads(b'"":0'.join(parts[::3]))["learner"]
    n_trees = len(learner["gradient_booster"]["model"]["trees"])
    names, texts = parts[1::3], parts[2::3]
    a_tree = len(names) // max(n_trees, 1)
    # Every tree has the same parts in the same order.
    arrays = {name.decode(): texts[at::a_tree] for at, name in enumerate(names[:a_tree])}
    if not n_trees or names != names[:a_tree] * n_trees or not arrays.keys() >= _READ.keys():
        raise ValueError("trees whose parts do not fit together")
    groups = predictor.n_outputs if predictor.n_outputs > 2 else 1
    base = [float(score) for score in learner["learner_model_param"]["base_score"].strip("[]").split(",")]
    if predictor.n_outputs == 2:
        base = [math.log(base[0] / (1.0 - base[0]))]
    offset = np.broadcast_to(np.array(base), (groups,)).copy()
    return Forest(list(_trees(arrays)), predictor.n_features, groups, offset, link_of(predictor.n_outputs))


def _trees(arrays: dict[str, list[bytes]]) -> Iterator[NodeTree]:
    found = {name: _numbers(arrays[name], kind) for name, kind in _READ.items()}
    n_nodes, n_sets = _lengths(arrays["left_children"]), _lengths(arrays["categories_nodes"])
    nodes, sizes, codes = found["categories_nodes"], found["categories_sizes"], found["categories"]
    if (
        any(len(found[name]) != n_nodes.sum() for name in _OF_NODES)
        or len(nodes) != len(sizes)
        or len(codes) != sizes.sum()
    ):
        raise ValueError("trees whose parts do not fit together")
    left = found["left_children"]
    leaf = left < 0
    conditions = found["split_conditions"].astype(np.float32)
    whole = NodeTree(
        feature=np.where(leaf, np.int32(-1), found["split_indices"]),
        # Left is what is less: in single precision, up to the number before.
        threshold=np.nextafter(conditions, np.float32(-np.inf), dtype=np.float32).astype(np.float64),
        missing_left=found["default_left"] == 1,
        left=left,
        right=found["right_children"],
        value=np.where(leaf, conditions, 0.0).astype(np.float64).reshape(-1, 1),
        levels_left=False,
    )
    # Their segments follow one another (`xgboost_json.compact`).
    return parted(whole, CodeSets(nodes, sizes, codes), n_nodes, n_sets)


def _numbers(arrays: list[bytes], kind: Any) -> np.ndarray:
    return np.fromstring(b",".join(filter(None, arrays)).decode(), kind, sep=",")


def _lengths(arrays: list[bytes]) -> np.ndarray:
    return np.array([one.count(b",") + 1 if one else 0 for one in arrays])
