"""LightGBM's model text, cut down to what prediction needs and free of anything that could hurt the process.

LightGBM trusts what it reads: a child index out of range makes it read foreign memory, a circle never ends, a wrong
size ends the process. So a model is never handed over as it came: its trees are read, checked and written anew. The
format is LightGBM's own (`Booster.model_to_string`); without the figures for people it is half as long.
"""

import re

import numpy as np

from flowml.automl.predictors.checking import MOST_CODES

MAX_DEPTH = 4096
_BITS = 32
# Leaves of however many trees add up to a number.
_LARGEST = 1e290
_NUMBERS = re.compile(r"[-+0-9.eE ]*\Z")
_INFINITE = re.compile(r"(?<![^\s=])(-?)inf(?!\S)")
_PARTS = ("split_feature", "threshold", "decision_type", "left_child", "right_child", "leaf_value")
_CATEGORIES = ("cat_boundaries", "cat_threshold")
# How many training rows each node has seen, which explanations take; not in files of earlier versions.
_COUNTS = ("leaf_count", "internal_count")
_MOST_ROWS = 2**31 - 1
_KEPT = tuple(f"{name}=" for name in ("num_leaves", "num_cat", *_PARTS, *_CATEGORIES, *_COUNTS))


def shorten(model: str, n_features: int, n_outputs: int) -> str:
    """What `compact` makes of a text that LightGBM has just written here: unchecked, and ten times as fast."""
    _, *parts = model.split("\nTree=")
    lines = _header(n_features, n_outputs)
    for number, part in enumerate(parts):
        lines.append(f"Tree={number}")
        lines += [_finite(line) for line in part.split("\n") if line.startswith(_KEPT) and line[-1] != "="]
        lines += ["is_linear=0", "shrinkage=1", "", ""]
    return "\n".join([*lines, "end of trees", ""])


def compact(model: str, n_features: int, n_outputs: int) -> str:
    """The same model in the shortest text. Raises ValueError, saying what is wrong, for one that is no model."""
    head, *parts = model.split("\nTree=")
    trees_a_round = n_outputs if n_outputs > 2 else 1
    header = _fields(head)
    if int(header.get("max_feature_idx", "-1")) + 1 != n_features:
        raise ValueError("its LightGBM part expects other features")
    if any(int(header.get(name, "0")) != trees_a_round for name in ("num_class", "num_tree_per_iteration")):
        raise ValueError("its LightGBM part has other classes")
    if "average_output" in head.split("\n"):
        raise ValueError("its LightGBM part is a random forest, whose trees do not add up")
    if not parts or len(parts) % trees_a_round:
        raise ValueError("its LightGBM part has the wrong number of trees")
    lines = _header(n_features, n_outputs)
    for number, part in enumerate(parts):
        lines += [f"Tree={number}", *_tree(_fields(part.split("\nend of trees", 1)[0]), n_features), "", ""]
    return "\n".join([*lines, "end of trees", ""])


def parted(text: str, n_trees: int) -> list[str]:
    """Models of at most so many of the trees each, in order, of a text that `compact` has left; their raw scores add up
    to its own."""
    header, *trees = text.removesuffix("end of trees\n").split("\nTree=")
    bodies = [tree.partition("\n")[2] for tree in trees]
    parts = [bodies[first : first + n_trees] for first in range(0, len(bodies), n_trees)]
    return [
        "\n".join([header, *(f"Tree={number}\n{body}" for number, body in enumerate(part)), "end of trees", ""])
        for part in parts
    ]


def _header(n_features: int, n_outputs: int) -> list[str]:
    trees_a_round = n_outputs if n_outputs > 2 else 1
    return [
        "tree",
        "version=v4",
        f"num_class={trees_a_round}",
        f"num_tree_per_iteration={trees_a_round}",
        "label_index=0",
        f"max_feature_idx={n_features - 1}",
        f"objective={_objective(n_outputs)}",
        "feature_names=" + " ".join(f"x{index}" for index in range(n_features)),
        "feature_infos=" + " ".join(["none"] * n_features),
        "",
    ]


def _finite(line: str) -> str:
    # A split of missing against all others has an infinite threshold: no number of float32 is beyond this one.
    return _INFINITE.sub(r"\g<1>1e300", line) if line.startswith("threshold=") and "inf" in line else line


def _objective(n_outputs: int) -> str:
    if n_outputs == 1:
        return "regression"
    return "binary sigmoid:1" if n_outputs == 2 else f"multiclass num_class:{n_outputs}"


def _fields(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _tree(fields: dict[str, str], n_features: int) -> list[str]:
    """The checked lines of one tree."""
    leaves, categories = int(fields.get("num_leaves", "0")), int(fields.get("num_cat", "0"))
    if leaves < 1 or not 0 <= categories < leaves or int(fields.get("is_linear", "0")):
        raise ValueError("one of its LightGBM trees is of an unknown kind")
    if "threshold" in fields:
        fields = {**fields, "threshold": _finite("threshold=" + fields["threshold"]).removeprefix("threshold=")}
    counts = _COUNTS if leaves > 1 and all(name in fields for name in _COUNTS) else ()
    chosen = [*(_PARTS if leaves > 1 else _PARTS[-1:]), *counts, *(_CATEGORIES if categories else ())]
    if not all(_NUMBERS.match(fields.get(name, "")) for name in chosen):
        raise ValueError("one of its LightGBM trees holds a value that is not a number")
    values = np.array(fields["leaf_value"].split() if "leaf_value" in fields else [], dtype=np.float64)
    if len(values) != leaves or not bool((np.abs(values) < _LARGEST).all()):
        raise ValueError("one of its LightGBM trees has the wrong leaves")
    if leaves > 1:
        _check_splits(fields, leaves - 1, n_features, categories)
    for name, size in zip(counts, (leaves, leaves - 1), strict=bool(counts)):
        seen = _integers(fields, name)
        if len(seen) != size or seen.min() < 0 or seen.max() > _MOST_ROWS:
            raise ValueError("one of its LightGBM trees has seen a number of rows that cannot be")
    lines = [f"{name}={' '.join(fields[name].split())}" for name in chosen]
    return [f"num_leaves={leaves}", f"num_cat={categories}", *lines, "is_linear=0", "shrinkage=1"]


def _integers(fields: dict[str, str], name: str) -> np.ndarray:
    return np.array(fields.get(name, "").split(), dtype=np.int64)


def _check_splits(fields: dict[str, str], inner: int, n_features: int, categories: int) -> None:
    feature, decision = _integers(fields, "split_feature"), _integers(fields, "decision_type")
    left, right = _integers(fields, "left_child"), _integers(fields, "right_child")
    threshold = np.array(fields.get("threshold", "").split(), dtype=np.float64)
    if any(len(one) != inner for one in (feature, decision, left, right, threshold)):
        raise ValueError("one of its LightGBM trees has the wrong number of splits")
    if feature.min() < 0 or feature.max() >= n_features or decision.min() < 0 or decision.max() > 15:
        raise ValueError("one of its LightGBM trees splits on a feature that does not exist")
    if not bool(np.isfinite(threshold).all()):
        raise ValueError("one of its LightGBM trees holds a value that is not a number")
    _check_children(left, right)
    _check_categories(fields, categories, threshold[(decision & 1) == 1])


def _check_children(left: np.ndarray, right: np.ndarray) -> None:
    """Inner nodes are 0 … n-1 and leaves -1 … -(n+1); everything but the root is somebody's child, once."""
    inner = len(left)
    expected = np.concatenate([np.arange(-(inner + 1), 0), np.arange(1, inner)])
    if not np.array_equal(np.sort(np.concatenate([left, right])), expected):
        raise ValueError("one of its LightGBM trees is not a tree")
    # Each is somebody's child once; reached from the root as well, none can be its own ancestor.
    level, seen = np.array([0]), 0
    for _ in range(MAX_DEPTH):
        seen += len(level)
        below = np.concatenate([left[level], right[level]])
        level = below[below >= 0]
        if not len(level):
            break
    if seen != inner:
        raise ValueError("one of its LightGBM trees goes in circles")


def _check_categories(fields: dict[str, str], count: int, indices: np.ndarray) -> None:
    """A split on categories names, by its threshold, a range of 32-bit words in `cat_threshold`."""
    boundaries, words = _integers(fields, "cat_boundaries"), _integers(fields, "cat_threshold")
    if count == 0:
        fits = not len(indices)
    else:
        fits = (
            len(boundaries) == count + 1
            and bool(((boundaries >= 0) & (boundaries <= len(words))).all())
            and boundaries[0] == 0
            and bool((np.diff(boundaries) >= 1).all())
            and int(boundaries[-1]) == len(words)
            and bool(((words >= 0) & (words < 2**32)).all())
            and bool(((indices >= 0) & (indices < count)).all())
        )
    if not fits:
        raise ValueError("one of its LightGBM trees has the wrong categories")
    whole, rest = divmod(MOST_CODES, _BITS)
    sizes = np.diff(boundaries)
    last = words[boundaries[1:][sizes > whole] - 1]
    if bool((sizes > whole + 1).any()) or bool((last >> rest != 0).any()):
        raise ValueError("one of its LightGBM trees asks for a category that no column has")
