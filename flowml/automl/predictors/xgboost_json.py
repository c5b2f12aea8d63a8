"""XGBoost's own JSON model, cut down to what prediction needs and free of anything that could hurt the process.

XGBoost trusts what it reads: a child out of range makes it read foreign memory, a size that is not so ends the process.
So a model is never handed over as it came: its trees are read, checked and written anew. The format is XGBoost's own
(`Booster.save_raw("json")`).
"""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from flowml.automl.predictors.checking import MOST_CODES

MAX_DEPTH = 4096
OBJECTIVES = {
    "binary:logistic": 2,
    "multi:softprob": 3,
    "reg:squarederror": 1,
    "reg:absoluteerror": 1,
}
"""With how many outputs they have; 3 stands for more than two."""
_VERSIONS = range(2, 4)
# XGBoost writes arrays of numbers: few objects and lists, and not much beside them.
_MAX_BYTES = 100_000_000
_MAX_NESTED = 500_000
_LARGEST = float(np.finfo(np.float32).max)
_MAX_LEVEL_BITS = 2**28
# What XGBoost wants to be there and does not look at to predict.
_UNUSED = ("base_weights", "loss_changes")
# How much of the training rows each node has seen, which explanations take; not in files of earlier versions.
_COVER = "sum_hessian"
_NO_PARENT = 2**31 - 1


def compact(model: bytes, n_features: int, n_outputs: int) -> bytes:
    """The same model in the shortest document. Raises ValueError, saying what is wrong, or KeyError or TypeError for
    one that is no model."""
    if len(model) > _MAX_BYTES or model.count(b"{") + model.count(b"[") > _MAX_NESTED:
        raise ValueError("its XGBoost part is larger than any that FlowML writes")
    content = json.loads(model, parse_constant=_no_number)
    learner, version = content["learner"], content["version"]
    booster = learner["gradient_booster"]
    objective = learner["objective"]["name"]
    if booster["name"] != "gbtree" or OBJECTIVES.get(objective) != min(n_outputs, 3) or version[0] not in _VERSIONS:
        raise ValueError("its XGBoost part is of an unknown kind")
    groups = n_outputs if n_outputs > 2 else 1
    trees = _trees(booster["model"], n_features, groups)
    found = {
        "learner": {
            "attributes": {},
            "feature_names": [],
            "feature_types": _feature_types(learner, n_features),
            "gradient_booster": {"model": trees, "name": "gbtree"},
            "learner_model_param": _sizes(learner["learner_model_param"], objective, n_features, groups),
            "objective": _objective(objective, groups),
        },
        "version": [version[0], 0, 0],
    }
    return json.dumps(found, separators=(",", ":")).encode()


def _no_number(word: str) -> NoReturn:
    raise ValueError("one of its XGBoost trees holds a value that is not a number")


def _feature_types(learner: Mapping[str, Any], n_features: int) -> list[str]:
    types = list(learner.get("feature_types", ()))
    if len(types) not in (0, n_features) or not set(types) <= {"q", "c"}:
        raise ValueError("its XGBoost part expects other features")
    return types


def _sizes(sizes: Mapping[str, Any], objective: str, n_features: int, groups: int) -> dict[str, str]:
    if int(sizes["num_feature"]) != n_features:
        raise ValueError("its XGBoost part expects other features")
    if max(int(sizes["num_class"]), 1) != groups or int(sizes.get("num_target", "1")) != 1:
        raise ValueError("its XGBoost part has other classes")
    scores = np.array(sizes["base_score"].strip("[]").split(","), dtype=np.float64)
    fits = len(scores) in (1, groups) and bool((np.abs(scores) < _LARGEST).all())
    if not fits or objective == "binary:logistic" and not 0.0 < scores[0] < 1.0:
        raise ValueError("its XGBoost part begins with a value that cannot be")
    return {
        "base_score": f"[{','.join(map(repr, scores.tolist()))}]",
        "boost_from_average": "1",
        "num_class": str(groups if groups > 1 else 0),
        "num_feature": str(n_features),
        "num_target": "1",
    }


def _objective(name: str, groups: int) -> dict[str, Any]:
    if groups > 1:
        return {"name": name, "softmax_multiclass_param": {"num_class": str(groups)}}
    return {"name": name, "reg_loss_param": {"scale_pos_weight": "1"}}


def _trees(model: Mapping[str, Any], n_features: int, groups: int) -> dict[str, Any]:
    trees, sizes = model["trees"], model["gbtree_model_param"]
    if not trees or len(trees) % groups or int(sizes["num_trees"]) != len(trees):
        raise ValueError("its XGBoost part has the wrong number of trees")
    rounds = len(trees) // groups
    group_of_tree, starts = list(range(groups)) * rounds, list(range(0, len(trees) + 1, groups))
    if model["tree_info"] != group_of_tree or model["iteration_indptr"] != starts:
        raise ValueError("its XGBoost part has the wrong number of trees")
    rebuilt = [_tree(tree, number, n_features) for number, tree in enumerate(trees)]
    largest = max(max(map(abs, tree["split_conditions"])) for tree in rebuilt)
    if not largest * rounds < _LARGEST:
        raise ValueError("one of its XGBoost trees holds a value that is not a number")
    return {
        "cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(trees))},
        "iteration_indptr": starts,
        "tree_info": group_of_tree,
        "trees": rebuilt,
    }


def _integers(tree: Mapping[str, Any], name: str) -> np.ndarray:
    found = np.asarray(tree[name])
    if found.ndim != 1 or len(found) and found.dtype.kind != "i":
        raise TypeError(name)
    return found.astype(np.int64)


def _tree(tree: Mapping[str, Any], number: int, n_features: int) -> dict[str, Any]:
    """The checked parts of one tree."""
    left, right, feature, missing_left, kind = (
        _integers(tree, name)
        for name in ("left_children", "right_children", "split_indices", "default_left", "split_type")
    )
    values = np.asarray(tree["split_conditions"], dtype=np.float64)
    nodes, parameters = len(left), tree["tree_param"]
    if nodes < 1 or any(part.shape != left.shape for part in (right, feature, missing_left, kind, values)):
        raise ValueError("one of its XGBoost trees has the wrong number of nodes")
    if int(parameters["num_nodes"]) != nodes or int(parameters["num_deleted"]) != 0:
        raise ValueError("one of its XGBoost trees has the wrong number of nodes")
    if int(parameters.get("size_leaf_vector", "1")) not in (0, 1) or int(parameters["num_feature"]) != n_features:
        raise ValueError("one of its XGBoost trees is of an unknown kind")
    if not bool((np.abs(values) < _LARGEST).all()):
        raise ValueError("one of its XGBoost trees holds a value that is not a number")
    if feature.min() < 0 or feature.max() >= n_features:
        raise ValueError("one of its XGBoost trees splits on a feature that does not exist")
    if not bool(((missing_left == 0) | (missing_left == 1)).all()):
        raise ValueError("one of its XGBoost trees is of an unknown kind")
    parents = _parents(left, right)
    cover = np.asarray(tree.get(_COVER, ()), dtype=np.float64)
    if cover.shape != left.shape or not bool(((cover >= 0) & (cover < _LARGEST)).all()):
        raise ValueError("one of its XGBoost trees has seen a number of rows that cannot be")
    return {
        **dict.fromkeys(_UNUSED, [0.0] * nodes),
        _COVER: cover.tolist(),
        **_categories(tree, kind, left >= 0),
        "default_left": missing_left.tolist(),
        "id": number,
        "left_children": left.tolist(),
        "parents": parents.tolist(),
        "right_children": right.tolist(),
        "split_conditions": values.tolist(),
        "split_indices": feature.tolist(),
        "split_type": kind.tolist(),
        "tree_param": {
            "num_deleted": "0",
            "num_feature": str(n_features),
            "num_nodes": str(nodes),
            "size_leaf_vector": "1",
        },
    }


def _parents(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The parent of each node. Everything but the root is somebody's child, once, and reached from the root."""
    inner = left >= 0
    children = np.concatenate([left[inner], right[inner]])
    if bool(((left < -1) | ((left == -1) != (right == -1))).any()) or not np.array_equal(
        np.sort(children), np.arange(1, len(left))
    ):
        raise ValueError("one of its XGBoost trees is not a tree")
    level, seen = np.array([0]), 0
    for _ in range(MAX_DEPTH):
        seen += len(level)
        level = level[inner[level]]
        if not len(level):
            break
        level = np.concatenate([left[level], right[level]])
    if seen != len(left):
        raise ValueError("one of its XGBoost trees goes in circles")
    parents = np.full(len(left), _NO_PARENT)
    parents[children] = np.tile(np.flatnonzero(inner), 2)
    return parents


def _categories(tree: Mapping[str, Any], kind: np.ndarray, inner: np.ndarray) -> dict[str, list[int]]:
    """A split on categories lists those that go right; XGBoost keeps a bit for each up to the greatest."""
    nodes, starts, sizes, categories = (
        _integers(tree, name) for name in ("categories_nodes", "categories_segments", "categories_sizes", "categories")
    )
    fits = (
        bool(((kind == 0) | (kind == 1)).all())
        and np.array_equal(nodes, np.flatnonzero(kind == 1))
        and bool(inner[nodes].all())
        and len(starts) == len(sizes) == len(nodes)
        and bool(((sizes >= 1) & (sizes <= len(categories))).all())
        and np.array_equal(starts, np.cumsum(sizes) - sizes)
        and int(sizes.sum()) == len(categories)
        and bool(((categories >= 0) & (categories < MOST_CODES)).all())
    )
    if not fits or len(nodes) and int(np.maximum.reduceat(categories, starts).sum()) > _MAX_LEVEL_BITS:
        raise ValueError("one of its XGBoost trees has the wrong categories")
    return {
        "categories": categories.tolist(),
        "categories_nodes": nodes.tolist(),
        "categories_segments": starts.tolist(),
        "categories_sizes": sizes.tolist(),
    }
