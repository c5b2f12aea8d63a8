"""What a graph answers, by NumPy: exactly the operators that we write, so that each export is tried wherever it is
made."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowml.automl.export.onnx.graph import BOOL, DOUBLE, FLOAT, INT64, Graph, Node

_DTYPES = {FLOAT: np.float32, DOUBLE: np.float64, INT64: np.int64, BOOL: np.bool_}


def evaluate(graph: Graph, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs by their names, for columns of shape (rows, 1): float64, or texts as `object`."""
    values: dict[str, Any] = {**graph.constants, **columns}
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            found = _OPERATORS[node.op](node, *(values[name] for name in node.inputs))
            values[node.output], values[node.also] = found if node.also else (found, None)
    return {name: values[name] for name, _, _ in graph.outputs}


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _, *inputs: function(*inputs)


def _softmax(_: Node, scores: np.ndarray) -> np.ndarray:
    exponent = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(exponent / exponent.sum(axis=1, keepdims=True))


def _encoded(node: Node, texts: np.ndarray) -> np.ndarray:
    keys, values = node.attributes["keys_strings"], node.attributes["values_int64s"]
    assert isinstance(values, np.ndarray) and isinstance(keys, list)
    known = dict(zip(keys, values.tolist(), strict=True))
    default = node.attributes["default_int64"]
    return np.array([known.get(text, default) for text in texts.ravel()], dtype=np.int64).reshape(texts.shape)


def _matched(node: Node, texts: np.ndarray) -> np.ndarray:
    pattern = str(node.attributes["pattern"])
    # Letters and digits have other names in Python.
    for theirs, ours in ((r"\pL", r"[^\W\d_]"), (r"\PL", r"[\W\d_]"), (r"\p{Nd}", r"\d")):
        pattern = pattern.replace(theirs, ours)
    known = re.compile(pattern)
    return np.array([known.fullmatch(text) is not None for text in texts.ravel()]).reshape(texts.shape)


def _least(node: Node, values: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places = np.argsort(values, axis=1, kind="stable")[:, : int(count[0])]
    return np.take_along_axis(values, places, axis=1), places


def _trees(node: Node, values: np.ndarray) -> np.ndarray:
    of: Any = node.attributes
    tree, at = of["nodes_treeids"], of["nodes_nodeids"]
    starts = np.append(np.flatnonzero(at == 0), len(at))
    total = np.zeros((len(values), of["n_targets"]))
    first = np.searchsorted(of["target_treeids"], np.arange(len(starts)))
    for number in range(len(starts) - 1):
        nodes = slice(starts[number], starts[number + 1])
        feature, threshold = of["nodes_featureids"][nodes], of["nodes_values_as_tensor"][nodes]
        yes, no = of["nodes_truenodeids"][nodes], of["nodes_falsenodeids"][nodes]
        tracks, leaf = of["nodes_missing_value_tracks_true"][nodes], np.array(of["nodes_modes"][nodes]) == "LEAF"
        assert bool((tree[nodes] == number).all())
        reached = np.zeros(len(values), dtype=np.int64)
        while not bool(leaf[reached].all()):
            value = values[np.arange(len(values)), feature[reached]]
            left = np.where(np.isnan(value), tracks[reached] == 1, value <= threshold[reached])
            reached = np.where(leaf[reached], reached, np.where(left, yes[reached], no[reached]))
        entries = slice(first[number], first[number + 1])
        weights = np.zeros((len(leaf), of["n_targets"]))
        places = (of["target_nodeids"][entries], of["target_ids"][entries])
        np.add.at(weights, places, of["target_weights_as_tensor"][entries])
        total += weights[reached]
    return total.astype(np.float32)


_OPERATORS: dict[str, Callable[..., Any]] = {
    "Abs": _plain(np.abs),
    "Add": _plain(np.add),
    "ArgMax": lambda node, values: values.argmax(axis=node.attributes["axis"]),
    "Cast": lambda node, values: values.astype(_DTYPES[node.attributes["to"]]),
    "Concat": lambda node, *values: np.concatenate(values, axis=node.attributes["axis"]),
    "Cos": _plain(np.cos),
    "Div": _plain(np.divide),
    "Equal": _plain(np.equal),
    "Exp": _plain(np.exp),
    "Expand": lambda _, values, shape: np.broadcast_to(values, tuple(shape)).copy(),
    "Floor": _plain(np.floor),
    "Gather": lambda node, values, places: np.take(values, places, axis=node.attributes["axis"]),
    "Greater": _plain(np.greater),
    "GreaterOrEqual": _plain(np.greater_equal),
    "Identity": _plain(np.array),
    "IsNaN": _plain(np.isnan),
    "LabelEncoder": _encoded,
    "LessOrEqual": _plain(np.less_equal),
    "Log": _plain(np.log),
    "MatMul": _plain(np.matmul),
    "Max": _plain(np.maximum),
    "Min": _plain(np.minimum),
    "Mul": _plain(np.multiply),
    "ReduceSum": lambda _, values, axes: values.sum(axis=tuple(axes), keepdims=True),
    "RegexFullMatch": _matched,
    "Relu": _plain(lambda values: np.maximum(values, 0)),
    "Reshape": _plain(lambda values, shape: values.reshape(tuple(shape))),
    "Sin": _plain(np.sin),
    "Shape": _plain(lambda values: np.array(values.shape, dtype=np.int64)),
    "Sigmoid": _plain(lambda values: 0.5 * (1.0 + np.tanh(0.5 * values))),
    "Sign": _plain(np.sign),
    "Sqrt": _plain(np.sqrt),
    "Softmax": _softmax,
    "Sub": _plain(np.subtract),
    "TopK": _least,
    "TreeEnsembleRegressor": _trees,
    "Where": _plain(np.where),
}
