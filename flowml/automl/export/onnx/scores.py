"""From features to the answers of predictors, in ONNX. Sums are in double precision."""

import numpy as np

from flowml.automl.export.content import cannot, refuse_many_points
from flowml.automl.export.onnx.features import WHAT
from flowml.automl.export.onnx.graph import DOUBLE, FLOAT, INT64, ML, Graph
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.constant import ConstantPredictor
from flowml.automl.predictors.distilled import DistilledPredictor
from flowml.automl.predictors.exponential import ExponentialPredictor
from flowml.automl.predictors.gaussian_nb import GaussianNaiveBayesPredictor
from flowml.automl.predictors.knn import NearestNeighboursPredictor
from flowml.automl.predictors.linear import LinearPredictor
from flowml.automl.predictors.mlp import MultilayerPerceptronPredictor
from flowml.automl.predictors.nodes.forest import Forest, Lookup
from flowml.automl.predictors.nodes.reading import forest_of
from flowml.automl.predictors.svm import SupportVectorPredictor

MOST_NODES = 3_000_000


def outputs(graph: Graph, predictor: Predictor, features: str) -> str:
    """(rows, outputs), double precision. Raises WrongState for what has no form in ONNX."""
    constant = graph.constant
    if isinstance(predictor, ConstantPredictor):
        rows = graph.add("Gather", graph.add("Shape", features), constant([0], np.int64), axis=0)
        shape = graph.add("Concat", rows, constant([len(predictor.answer)], np.int64), axis=0)
        return graph.add("Expand", constant(predictor.answer.reshape(1, -1)), shape)
    if isinstance(predictor, ExponentialPredictor):
        inner = outputs(graph, predictor.inner, features)
        return graph.add("Exp", held(graph, inner, predictor.low, predictor.high))
    if isinstance(predictor, DistilledPredictor):
        found = [outputs(graph, regression, features) for regression in predictor.regressions]
        shares = held(graph, found[0] if len(found) == 1 else graph.add("Concat", *found, axis=1), 1e-4, 1.0 - 1e-4)
        return _two(graph, shares) if len(found) == 1 else _normalised(graph, shares)
    if isinstance(predictor, LinearPredictor):
        scores = _affine(graph, features, predictor.coefficients, predictor.intercept)
        return linked(graph, predictor.link, scores, len(predictor.intercept))
    if isinstance(predictor, MultilayerPerceptronPredictor):
        return _network(graph, predictor, features)
    if isinstance(predictor, GaussianNaiveBayesPredictor):
        state = predictor
        squares = graph.add("MatMul", graph.add("Mul", features, features), constant(state._squares))
        scores = graph.add("Add", squares, _affine(graph, features, state._linear, state._offset))
        return graph.add("Softmax", graph.add("Div", scores, constant(state.temperature)), axis=1)
    if isinstance(predictor, SupportVectorPredictor):
        return _vectors(graph, predictor, features)
    if isinstance(predictor, NearestNeighboursPredictor):
        return _neighbours(graph, predictor, features)
    try:
        forest = forest_of(predictor)
    except ValueError as problem:
        raise cannot(WHAT, f"it has {problem}") from problem
    if forest is None or forest.combine == "median":
        raise cannot(WHAT, f"its part of the kind {predictor.kind} has no such form")
    return linked(graph, forest.link, _forest(graph, forest, features), forest.n_raw)


def held(graph: Graph, value: str, low: float, high: float) -> str:
    return graph.add("Min", graph.add("Max", value, graph.constant(low)), graph.constant(high))


def linked(graph: Graph, link: str, scores: str, width: int) -> str:
    """`links.apply_link` of so many scores a row."""
    if link == "softmax":
        return graph.add("Softmax", scores, axis=1)
    if link == "sigmoid":
        return _two(graph, graph.add("Sigmoid", scores))
    if link == "probability":
        return _two(graph, held(graph, scores, 0.0, 1.0)) if width == 1 else _normalised(graph, scores)
    return scores


def _two(graph: Graph, second: str) -> str:
    return graph.add("Concat", graph.add("Sub", graph.constant(1.0), second), second, axis=1)


def _normalised(graph: Graph, shares: str) -> str:
    total = graph.add("ReduceSum", shares, graph.constant([1], np.int64))
    return graph.add("Div", shares, graph.add("Max", total, graph.constant(1e-12)))


def _affine(graph: Graph, values: str, weights: np.ndarray, start: np.ndarray) -> str:
    product = graph.add("MatMul", values, graph.constant(weights))
    return graph.add("Add", product, graph.constant(start.reshape(1, -1)))


def _network(graph: Graph, predictor: MultilayerPerceptronPredictor, features: str) -> str:
    limit = predictor.input_limit
    hidden = graph.add("Cast", held(graph, features, -limit, limit), to=FLOAT)
    for index, (weight, bias) in enumerate(zip(predictor.weights, predictor.biases, strict=True)):
        hidden = graph.add("Relu", hidden) if index else hidden
        product = graph.add("MatMul", hidden, graph.constant(weight, np.float32))
        hidden = graph.add("Add", product, graph.constant(bias.reshape(1, -1), np.float32))
    scores = graph.add("Cast", hidden, to=DOUBLE)
    if predictor.classification:
        return graph.add("Softmax", scores, axis=1)
    scaled = graph.add("Mul", scores, graph.constant(predictor.target_scale))
    return graph.add("Add", scaled, graph.constant(predictor.target_mean))


def _vectors(graph: Graph, predictor: SupportVectorPredictor, features: str) -> str:
    vectors = predictor.vectors.astype(np.float64)
    squares = graph.add("ReduceSum", graph.add("Mul", features, features), graph.constant([1], np.int64))
    apart = graph.add("Add", squares, _affine(graph, features, -2.0 * vectors.T, (vectors**2).sum(axis=1)))
    apart = graph.add("Max", apart, graph.constant(0.0))
    kernel = graph.add("Exp", graph.add("Mul", apart, graph.constant(-predictor.gamma)))
    decisions = _affine(graph, kernel, predictor.dual, predictor.intercept)
    scores = _affine(graph, decisions, predictor.coefficients, predictor.offsets)
    return linked(graph, predictor.link, scores, len(predictor.offsets))


def _neighbours(graph: Graph, predictor: NearestNeighboursPredictor, features: str) -> str:
    refuse_many_points(predictor, WHAT)
    points = predictor.points.astype(np.float64)
    width, count = points.shape[1], predictor.n_neighbors
    # Of a row all distances are off by the same.
    apart = _affine(graph, features, -2.0 * points.T, (points**2).sum(axis=1))
    nearest = graph.nearest(apart, count)
    weights = np.ones(len(points)) if predictor.votes is None else predictor.votes
    counted = graph.add("Gather", graph.constant(weights.reshape(-1, 1)), nearest, axis=0)
    if predictor.weighted:
        row = graph.add("Reshape", features, graph.constant([-1, 1, width], np.int64))
        between = graph.add("Sub", graph.add("Gather", graph.constant(points), nearest, axis=0), row)
        squares = graph.add("ReduceSum", graph.add("Mul", between, between), graph.constant([2], np.int64))
        distance = graph.add("Add", graph.add("Sqrt", squares), graph.constant(1e-6))
        counted = graph.add("Div", counted, distance)
    answers = predictor.answers.reshape(-1, 1)
    shown = answers == np.arange(predictor.n_classes) if predictor.n_classes else answers
    every = graph.add("Mul", graph.add("Gather", graph.constant(shown), nearest, axis=0), counted)
    axis = graph.constant([1], np.int64)
    mean = graph.add("Div", graph.add("ReduceSum", every, axis), graph.add("ReduceSum", counted, axis))
    return graph.add("Reshape", mean, graph.constant([-1, shown.shape[1]], np.int64))


def _forest(graph: Graph, forest: Forest, features: str) -> str:
    if sum(len(tree.feature) for tree in forest.trees) * forest.trees[0].value.shape[1] > MOST_NODES:
        raise cannot(WHAT, f"its trees have more than {MOST_NODES:,} nodes")
    columns = [features, *(_lookup(graph, lookup, features) for lookup in forest.lookups)]
    width = forest.n_features + len(forest.lookups)
    # Splits on sets of codes become columns that are 1 where they lead right.
    codes: dict[int, dict[tuple[frozenset[int], bool, bool], int]] = {}
    for tree in forest.trees:
        for node, asked in tree.levels.items():
            of_feature = codes.setdefault(int(tree.feature[node]), {})
            of_feature.setdefault((asked, tree.levels_left, bool(tree.missing_left[node])), len(of_feature))
    first: dict[int, int] = {}
    for feature, sets in codes.items():
        size = 1 + max((max(asked, default=0) for asked, _, _ in sets), default=0)
        table = np.zeros((size + 2, len(sets)))
        for (asked, levels_left, missing_left), at in sets.items():
            among = np.isin(np.arange(size + 1), sorted(asked))
            table[: size + 1, at] = among != levels_left
            table[-1, at] = not missing_left
        places = _codes(graph, graph.add("Gather", features, graph.constant([feature], np.int64), axis=1), size)
        lines = graph.add("Gather", graph.constant(table), places, axis=0)
        columns.append(graph.add("Reshape", lines, graph.constant([-1, len(sets)], np.int64)))
        first[feature], width = width, width + len(sets)
    found = graph.add(
        "TreeEnsembleRegressor",
        graph.add("Concat", *columns, axis=1) if len(columns) > 1 else features,
        domain=ML,
        **_attributes(forest, codes, first),
    )
    unit = forest.scale / len(forest.trees) if forest.combine == "mean" else forest.scale
    raw = graph.add("Mul", graph.add("Cast", found, to=DOUBLE), graph.constant(unit))
    return graph.add("Add", raw, graph.constant(forest.offset.reshape(1, -1)))


def _codes(graph: Graph, values: str, size: int) -> str:
    """int64 (rows, 1): codes below `size`, `size` for all others, one more for a missing one."""
    bounded = graph.add("Min", values, graph.constant(float(size)))
    missing = graph.add("IsNaN", values)
    return graph.add("Cast", graph.add("Where", missing, graph.constant(size + 1.0), bounded), to=INT64)


def _lookup(graph: Graph, lookup: Lookup, features: str) -> str:
    place = ""
    for source in lookup.sources:
        value = graph.add("Gather", features, graph.constant([source.feature], np.int64), axis=1)
        if source.border is not None:
            above = graph.add("Cast", graph.add("Greater", value, graph.constant(source.border)), to=INT64)
            missing = graph.constant(int(source.missing_above), np.int64)
            here = graph.add("Where", graph.add("IsNaN", value), missing, above)
        elif source.code == -1:
            here = graph.add("Cast", graph.add("IsNaN", value), to=INT64)
        elif source.code is not None:
            here = graph.add("Cast", graph.add("Equal", value, graph.constant(float(source.code))), to=INT64)
        else:
            known = graph.add("Where", graph.add("IsNaN", value), graph.constant(float(source.size)), value)
            here = graph.add("Cast", graph.add("Min", known, graph.constant(float(source.size))), to=INT64)
        if place:
            place = graph.add("Mul", place, graph.constant(source.n_places, np.int64))
            here = graph.add("Add", place, here)
        place = here
    return graph.add("Gather", graph.constant(lookup.table.astype(np.float64).ravel()), place, axis=0)


def _attributes(
    forest: Forest, codes: dict[int, dict[tuple[frozenset[int], bool, bool], int]], first: dict[int, int]
) -> dict[str, int | str | np.ndarray | list[str]]:
    every: dict[str, list[np.ndarray]] = {}
    for number, tree in enumerate(forest.trees):
        inner, nodes = tree.feature >= 0, np.arange(len(tree.feature))
        feature, threshold = np.where(inner, tree.feature, 0), np.where(inner, tree.threshold, 0.0)
        missing_left = tree.missing_left & inner
        for node, asked in tree.levels.items():
            key = (asked, tree.levels_left, bool(tree.missing_left[node]))
            of_feature = int(tree.feature[node])
            feature[node], threshold[node] = first[of_feature] + codes[of_feature][key], 0.5
        leaves = np.flatnonzero(~inner)
        width = tree.value.shape[1]
        ids = (
            np.tile(np.arange(width), len(leaves))
            if forest.groups == 1
            else np.full(len(leaves), number % forest.groups)
        )
        found = {
            "nodes_treeids": np.full(len(nodes), number),
            "nodes_nodeids": nodes,
            "nodes_featureids": feature,
            "nodes_values_as_tensor": threshold,
            "nodes_modes": inner,
            "nodes_truenodeids": np.where(inner, tree.left, 0),
            "nodes_falsenodeids": np.where(inner, tree.right, 0),
            "nodes_missing_value_tracks_true": missing_left,
            "target_treeids": np.full(len(leaves) * width, number),
            "target_nodeids": np.repeat(leaves, width),
            "target_ids": ids,
            "target_weights_as_tensor": tree.value[leaves].ravel(),
        }
        for name, values in found.items():
            every.setdefault(name, []).append(values)
    joined = {name: np.concatenate(parts) for name, parts in every.items()}
    modes = ["BRANCH_LEQ" if is_inner else "LEAF" for is_inner in joined.pop("nodes_modes").tolist()]
    kept = {
        name: values.astype(np.float64 if name.endswith("_as_tensor") else np.int64) for name, values in joined.items()
    }
    return {"n_targets": forest.n_raw, "aggregate_function": "SUM", "nodes_modes": modes, **kept}
