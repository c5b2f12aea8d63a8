"""A model as plain values, for programs that have no FlowML: what `runtime_predictors.py` reads."""

import base64
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from flowml.automl.model.model import FittedModel
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.constant import ConstantPredictor
from flowml.automl.predictors.distilled import DistilledPredictor
from flowml.automl.predictors.exponential import ExponentialPredictor
from flowml.automl.predictors.gaussian_nb import GaussianNaiveBayesPredictor
from flowml.automl.predictors.knn import NearestNeighboursPredictor
from flowml.automl.predictors.linear import LinearPredictor
from flowml.automl.predictors.mlp import MultilayerPerceptronPredictor
from flowml.automl.predictors.nodes.forest import Forest, NodeTree
from flowml.automl.predictors.nodes.reading import forest_of
from flowml.automl.predictors.svm import SupportVectorPredictor
from flowml.automl.schema.schema import ModelSchema
from flowml.domain.errors import WrongState

MOST_OF_POINTS = 500_000
MOST_NUMBERS = 3_000_000
"""Of a model that is written as text: some tens of megabytes."""


def refuse_recipe(model: FittedModel, what: str) -> None:
    """Raises WrongState for a model whose table was prepared by steps, which only FlowML can do."""
    recipe = model.schema.recipe
    if recipe is not None and recipe.applied:
        raise cannot(
            what,
            f"its table was prepared by {len(recipe.applied)} steps, which only FlowML can repeat "
            f"(the first: {recipe.applied[0]})",
        )


def cannot(what: str, why: str) -> WrongState:
    """The error of a model that cannot be written as something."""
    return WrongState(f"This model cannot be written as {what}: {why}.", hint="Its .flowml file holds all of it.")


def content_of(model: FittedModel, what: str) -> dict[str, Any]:
    """Raises WrongState, saying why, for a model that cannot be written so; `what` is what it would have become."""
    refuse_recipe(model, what)
    size = n_numbers(model)
    if size > MOST_NUMBERS:
        raise cannot(what, f"it consists of {size:,} numbers, and {MOST_NUMBERS:,} are the most")
    schema = model.schema
    return {
        "target": schema.target,
        "columns": columns_content(schema),
        "classes": None if schema.classes is None else list(schema.classes),
        "n_outputs": schema.n_outputs,
        "encoders": [encoder_content(encoder.state()) for encoder in model.encoders],
        "members": [
            {
                "weight": member.weight,
                "parts": [
                    {"encoder": part.encoder, "predictor": predictor_content(part.predictor, what)}
                    for part in member.parts
                ],
            }
            for member in model.members
        ],
        "pooling": str(model.pooling),
        "temperature": model.temperature,
        "decision": None if model.decision is None else list(model.decision),
    }


def columns_content(schema: ModelSchema) -> dict[str, Any]:
    """{name: {"role", "kind", "notation"}}: how the values of each column are read."""
    found = {}
    for feature in schema.features:
        notation = None if feature.notation is None else feature.notation.for_values(feature.kind)
        state = None if notation is None else notation.state()
        found[feature.name] = {"role": str(feature.role), "kind": feature.kind, "notation": state}
    return found


def n_numbers(model: FittedModel) -> int:
    """About how many numbers a model consists of, without reading any."""
    total = 0
    for part in (part for member in model.members for part in member.parts):
        state = part.predictor.to_state()
        total += sum(array.size for array in state.arrays.values())
        # A number takes some characters of a library's own file.
        total += sum(len(blob) for blob in state.blobs.values()) // 6
    return total


def encoder_content(state: Mapping[str, Any]) -> dict[str, Any]:
    """As the model file has it, with the tables of texts as lists."""
    columns = [
        {
            **column,
            "encoders": [
                {**one, "table": _text_table(one)} if one["kind"] == "text" else one for one in column["encoders"]
            ],
        }
        for column in state["columns"]
    ]
    return {**state, "columns": columns}


def _text_table(state: Mapping[str, Any]) -> list[list[int]]:
    table = np.frombuffer(base64.b64decode(state["table"]), dtype="<i2")
    found: list[list[int]] = table.reshape(len(state["terms"]), -1).tolist()
    return found


def predictor_content(predictor: Predictor, what: str) -> dict[str, Any]:
    """Raises WrongState as `content_of`."""
    if isinstance(predictor, NearestNeighboursPredictor):
        refuse_many_points(predictor, what)
        state = predictor.to_state()
        arrays = {name: array.tolist() for name, array in state.arrays.items()}
        return {"kind": "knn", "votes": None, **state.settings, **arrays}
    if isinstance(predictor, DistilledPredictor):
        inner = [predictor_content(regression, what) for regression in predictor.regressions]
        return {"kind": "distilled", "inner": inner}
    if isinstance(predictor, ExponentialPredictor):
        bounds = {"low": predictor.low, "high": predictor.high}
        return {"kind": "exponential", **bounds, "inner": predictor_content(predictor.inner, what)}
    if isinstance(predictor, MultilayerPerceptronPredictor):
        return {
            "kind": "mlp",
            "weights": [weight.tolist() for weight in predictor.weights],
            "biases": [bias.tolist() for bias in predictor.biases],
            **{name: getattr(predictor, name) for name in ("classification", "target_mean", "target_scale")},
        }
    plain = (ConstantPredictor, LinearPredictor, GaussianNaiveBayesPredictor, SupportVectorPredictor)
    if isinstance(predictor, plain):
        state = predictor.to_state()
        arrays = {name: array.tolist() for name, array in state.arrays.items()}
        return {"kind": predictor.kind, **state.settings, **arrays}
    try:
        forest = forest_of(predictor)
    except ValueError as problem:
        raise cannot(what, f"it has {problem}") from problem
    if forest is None:
        raise cannot(what, f"its part of the kind {predictor.kind} has no such form")
    return forest_content(forest)


def refuse_many_points(predictor: NearestNeighboursPredictor, what: str) -> None:
    """Raises WrongState for more than a file looks through for each row."""
    if predictor.points.size > MOST_OF_POINTS:
        raise cannot(
            what,
            f"k-nearest neighbours consists of the rows that it was trained on, here of {predictor.points.size:,} "
            f"numbers, and {MOST_OF_POINTS:,} are the most",
        )


def forest_content(forest: Forest) -> dict[str, Any]:
    return {
        "kind": "trees",
        "trees": [_tree_content(tree) for tree in forest.trees],
        "lookups": [
            {"sources": [asdict(source) for source in lookup.sources], "table": lookup.table.tolist()}
            for lookup in forest.lookups
        ],
        "groups": forest.groups,
        "offset": forest.offset.tolist(),
        "link": forest.link,
        "scale": forest.scale,
        "combine": forest.combine,
        "tree_weights": None if forest.tree_weights is None else forest.tree_weights.tolist(),
    }


def _tree_content(tree: NodeTree) -> dict[str, Any]:
    leaf = tree.feature < 0
    values = tree.value.tolist()
    return {
        "f": tree.feature.tolist(),
        "t": [0 if is_leaf else threshold for is_leaf, threshold in zip(leaf.tolist(), _finite(tree), strict=True)],
        "m": tree.missing_left.astype(int).tolist(),
        "l": tree.left.tolist(),
        "r": tree.right.tolist(),
        "v": [value if is_leaf else 0 for is_leaf, value in zip(leaf.tolist(), values, strict=True)],
        "c": {str(node): sorted(codes) for node, codes in tree.levels.items()},
        "cl": tree.levels_left,
    }


def _finite(tree: NodeTree) -> list[float]:
    # JSON has no infinity; beyond it no feature lies.
    return [value if math.isfinite(value) else math.copysign(1e300, value) for value in tree.threshold.tolist()]
