"""Is a text that claims to be a LightGBM model safe to hand to LightGBM?

LightGBM trusts what it reads: a child index out of range makes it read foreign memory, a circle never ends. So the
structure of every tree is checked here first. The format is LightGBM's own (`Booster.model_to_string`).
"""

import numpy as np

MAX_DEPTH = 4096
HEADER_NUMBERS = ("num_class", "num_tree_per_iteration", "max_feature_idx")


def problem_of(model: str, n_features: int, trees_per_iteration: int) -> str | None:
    """What is wrong with the model text, or None. Raises ValueError where it is not even numbers."""
    head, *parts = model.split("\nTree=")
    header = _fields(head)
    if not head.startswith("tree\n") or any(name not in header for name in HEADER_NUMBERS):
        return "its LightGBM part has no header"
    if int(header["max_feature_idx"]) + 1 != n_features:
        return "its LightGBM part expects other features"
    classes, per_iteration = int(header["num_class"]), int(header["num_tree_per_iteration"])
    if classes != trees_per_iteration or per_iteration != trees_per_iteration:
        return "its LightGBM part has other classes"
    if not parts or len(parts) % per_iteration:
        return "its LightGBM part has the wrong number of trees"
    for part in parts:
        problem = _problem_of_tree(_fields(part.split("\nend of trees", 1)[0]), n_features)
        if problem is not None:
            return problem
    return None


def _fields(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _integers(fields: dict[str, str], name: str) -> np.ndarray:
    return np.array(fields.get(name, "").split(), dtype=np.int64)


def _problem_of_tree(fields: dict[str, str], n_features: int) -> str | None:
    leaves = int(fields["num_leaves"]) if "num_leaves" in fields else 0
    if leaves < 1 or int(fields.get("is_linear", "0")):
        return "one of its LightGBM trees is of an unknown kind"
    values = np.array(fields.get("leaf_value", "").split(), dtype=np.float64)
    if len(values) != leaves or not bool(np.isfinite(values).all()):
        return "one of its LightGBM trees has the wrong leaves"
    inner = leaves - 1
    if inner == 0:
        return None
    feature, decision = _integers(fields, "split_feature"), _integers(fields, "decision_type")
    left, right = _integers(fields, "left_child"), _integers(fields, "right_child")
    threshold = np.array(fields.get("threshold", "").split(), dtype=np.float64)
    if any(len(one) != inner for one in (feature, decision, left, right, threshold)):
        return "one of its LightGBM trees has the wrong number of splits"
    if feature.min() < 0 or feature.max() >= n_features or decision.min() < 0 or decision.max() > 15:
        return "one of its LightGBM trees splits on a feature that does not exist"
    return _problem_of_children(left, right) or _problem_of_categories(fields, threshold[(decision & 1) == 1])


def _problem_of_children(left: np.ndarray, right: np.ndarray) -> str | None:
    """Inner nodes are 0 … n-1 and leaves -1 … -(n+1); everything but the root is somebody's child, once."""
    children = np.sort(np.concatenate([left, right]))
    inner = len(left)
    expected = np.concatenate([np.arange(-(inner + 1), 0), np.arange(1, inner)])
    if not bool(np.array_equal(children, expected)):
        return "one of its LightGBM trees is not a tree"
    # Once each, and none its own ancestor: then everything is reached from the root.
    level, seen = np.array([0]), 0
    for _ in range(MAX_DEPTH):
        seen += len(level)
        below = np.concatenate([left[level], right[level]])
        level = below[below >= 0]
        if not len(level):
            return None if seen == inner else "one of its LightGBM trees goes in circles"
    return "one of its LightGBM trees is too deep"


def _problem_of_categories(fields: dict[str, str], indices: np.ndarray) -> str | None:
    """A split on categories names, by its threshold, a range of 32-bit words in `cat_threshold`."""
    count = int(fields.get("num_cat", "0"))
    if count == 0 and not len(indices):
        return None
    boundaries, words = _integers(fields, "cat_boundaries"), _integers(fields, "cat_threshold")
    fits = (
        len(boundaries) == count + 1
        and boundaries[0] == 0
        and bool((np.diff(boundaries) >= 0).all())
        and int(boundaries[-1]) == len(words)
        and bool(((words >= 0) & (words < 2**32)).all())
        and (not len(indices) or indices.min() >= 0 and indices.max() < count)
    )
    return None if fits else "one of its LightGBM trees has the wrong categories"
