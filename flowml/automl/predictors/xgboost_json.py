"""Is a document that claims to be an XGBoost model safe to hand to XGBoost?

XGBoost trusts the trees that it reads; so that every node's children exist and every tree ends is checked here
first. The format is XGBoost's own (`Booster.save_raw("json")`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

MAX_DEPTH = 4096
OBJECTIVES = ("binary:logistic", "multi:softprob", "reg:squarederror", "reg:absoluteerror")


def problem_of(content: Mapping[str, Any], n_features: int, n_outputs: int) -> str | None:
    """What is wrong with the model, or None. Raises KeyError, TypeError or ValueError for parts that lack."""
    learner = content["learner"]
    booster = learner["gradient_booster"]
    if booster["name"] != "gbtree" or learner["objective"]["name"] not in OBJECTIVES:
        return "its XGBoost part is of an unknown kind"
    sizes = learner["learner_model_param"]
    if int(sizes["num_feature"]) != n_features:
        return "its XGBoost part expects other features"
    groups = n_outputs if n_outputs > 2 else 1
    if max(int(sizes["num_class"]), 1) != groups or int(sizes.get("num_target", "1")) != 1:
        return "its XGBoost part has other classes"
    trees, info = booster["model"]["trees"], np.asarray(booster["model"]["tree_info"], dtype=np.int64)
    if not trees or len(info) != len(trees) or info.min() < 0 or info.max() >= groups:
        return "its XGBoost part has the wrong number of trees"
    if int(booster["model"]["gbtree_model_param"]["num_trees"]) != len(trees):
        return "its XGBoost part has the wrong number of trees"
    for tree in trees:
        problem = _problem_of_tree(tree, n_features)
        if problem is not None:
            return problem
    return None


def _integers(tree: Mapping[str, Any], name: str) -> np.ndarray:
    found = np.asarray(tree[name])
    if found.ndim != 1 or len(found) and found.dtype.kind not in "iu":
        raise TypeError(name)
    return found.astype(np.int64)


def _problem_of_tree(tree: Mapping[str, Any], n_features: int) -> str | None:
    parameters = tree["tree_param"]
    left, right, feature = (_integers(tree, name) for name in ("left_children", "right_children", "split_indices"))
    nodes = len(left)
    alike = ("base_weights", "default_left", "loss_changes", "parents", "split_conditions", "split_type", "sum_hessian")
    if (
        nodes < 1
        or len(right) != nodes
        or len(feature) != nodes
        or any(len(tree[name]) != nodes for name in alike)
        or int(parameters["num_nodes"]) != nodes
        or int(parameters["num_deleted"]) != 0
        or int(parameters.get("size_leaf_vector", "1")) > 1
        or int(parameters["num_feature"]) != n_features
    ):
        return "one of its XGBoost trees has the wrong number of nodes"
    values = np.asarray(tree["split_conditions"], dtype=np.float64)
    if not bool(np.isfinite(values).all()):
        return "one of its XGBoost trees holds a value that is not a number"
    inner = left >= 0
    if bool(((left < -1) | ((left == -1) != (right == -1))).any()):
        return "one of its XGBoost trees is not a tree"
    if feature.min() < 0 or feature.max() >= n_features:
        return "one of its XGBoost trees splits on a feature that does not exist"
    children = np.sort(np.concatenate([left[inner], right[inner]]))
    if not bool(np.array_equal(children, np.arange(1, nodes))):
        return "one of its XGBoost trees is not a tree"
    return (
        _problem_of_depth(left, right, inner)
        or _problem_of_parents(tree, left, right, inner)
        or (_problem_of_categories(tree, inner))
    )


def _problem_of_depth(left: np.ndarray, right: np.ndarray, inner: np.ndarray) -> str | None:
    level, seen = np.array([0]), 0
    for _ in range(MAX_DEPTH):
        seen += len(level)
        level = level[inner[level]]
        if not len(level):
            return None if seen == len(left) else "one of its XGBoost trees goes in circles"
        level = np.concatenate([left[level], right[level]])
    return "one of its XGBoost trees is too deep"


def _problem_of_parents(tree: Mapping[str, Any], left: np.ndarray, right: np.ndarray, inner: np.ndarray) -> str | None:
    parents = _integers(tree, "parents")
    nodes = np.flatnonzero(inner)
    fits = bool((parents[left[inner]] == nodes).all() and (parents[right[inner]] == nodes).all())
    return None if fits else "one of its XGBoost trees has the wrong parents"


def _problem_of_categories(tree: Mapping[str, Any], inner: np.ndarray) -> str | None:
    nodes, segments, sizes, categories = (
        _integers(tree, name) for name in ("categories_nodes", "categories_segments", "categories_sizes", "categories")
    )
    split_type = _integers(tree, "split_type")
    expected = np.flatnonzero(split_type == 1)
    fits = (
        bool(np.isin(split_type, (0, 1)).all())
        and np.array_equal(nodes, expected)
        and bool(inner[nodes].all())
        and len(segments) == len(sizes) == len(nodes)
        and bool((sizes >= 1).all())
        and np.array_equal(segments, np.concatenate([[0], np.cumsum(sizes)[:-1]])[: len(segments)])
        and int(sizes.sum()) == len(categories)
        and bool(((categories >= 0) & (categories < 2**24)).all())
    )
    return None if fits else "one of its XGBoost trees has the wrong categories"
