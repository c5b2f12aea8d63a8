"""A model as an ONNX file: one input a column, the preparation inside, tried by our own reading of it and by
onnxruntime where that is installed."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from flowml import __version__
from flowml.automl.export.content import cannot, encoder_content, refuse_recipe
from flowml.automl.export.onnx.evaluator import evaluate
from flowml.automl.export.onnx.features import WHAT, Features
from flowml.automl.export.onnx.graph import DOUBLE, STRING, Graph
from flowml.automl.export.onnx.scores import outputs
from flowml.automl.export.parity import SINGLE, Parity, check
from flowml.automl.features.values import days_of, label_of, number_of
from flowml.automl.model.model import FittedModel
from flowml.automl.model.pooling import Pooling
from flowml.domain.datasets import Role

MOST_BYTES = 200_000_000
_NUMBERS = (Role.NUMERIC, Role.BOOLEAN, Role.DATETIME)


def onnx_file(model: FittedModel) -> tuple[bytes, Parity]:
    """The file, tried against the model. Raises WrongState, with the reason, where it cannot be one."""
    graph = onnx_graph(model)
    content = graph.to_bytes(f"predicts {model.schema.target}"[:200], __version__)
    if len(content) > MOST_BYTES:
        raise cannot(WHAT, f"it would have {len(content) / 1e6:,.0f} MB, and {MOST_BYTES / 1e6:,.0f} are the most")
    name = "prediction" if model.schema.classes is None else "probabilities"

    def answers(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        return evaluate(graph, columns_of(model, rows))[name]

    parity = check(model, "This ONNX file", answers, SINGLE, spelled={"labels"})
    # No library of FlowML's, and where somebody has installed it the better judge.
    if find_spec("onnxruntime") is None:
        return content, parity
    session = import_module("onnxruntime").InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        return np.asarray(session.run([name], columns_of(model, rows))[0])

    return content, check(model, "This ONNX file", run, SINGLE, spelled={"labels"})


def columns_of(model: FittedModel, rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Rows as the inputs of the graph: (rows, 1) of doubles, dates as days since 1970, or texts."""
    found = {}
    for feature in model.schema.features:
        values = [row.get(feature.name) for row in rows]
        if feature.role in _NUMBERS:
            read = days_of if feature.role is Role.DATETIME else number_of
            found[feature.name] = np.array([read(value) for value in values]).reshape(-1, 1)
        else:
            texts = [label_of(value) or "" for value in values]
            found[feature.name] = np.array(texts, dtype=object).reshape(-1, 1)
    return found


def onnx_graph(model: FittedModel) -> Graph:
    """Raises WrongState for a model with free texts or a recipe, or with parts that have no form in ONNX."""
    refuse_recipe(model, WHAT)
    graph, schema = Graph(), model.schema
    for feature in schema.features:
        graph.inputs.append((feature.name, DOUBLE if feature.role in _NUMBERS else STRING))
    features = Features(graph, {feature.name: feature for feature in schema.features})
    encoded = [features.of(encoder_content(encoder.state())) for encoder in model.encoders]
    total, log = "", model.pooling is Pooling.LOG
    for member in model.members:
        mean = ""
        for part in member.parts:
            found = outputs(graph, part.predictor, encoded[part.encoder])
            mean = graph.add("Add", mean, found) if mean else found
        if len(member.parts) > 1:
            mean = graph.add("Div", mean, graph.constant(float(len(member.parts))))
        if log:
            mean = graph.add("Log", graph.add("Max", mean, graph.constant(1e-6)))
        weighed = graph.add("Mul", mean, graph.constant(member.weight))
        total = graph.add("Add", total, weighed) if total else weighed
    if log:
        total = graph.add("Softmax", total, axis=1)
    if model.temperature is not None:
        logarithm = graph.add("Log", graph.add("Max", total, graph.constant(1e-7)))
        total = graph.add("Softmax", graph.add("Div", logarithm, graph.constant(model.temperature)), axis=1)
    if schema.classes is None:
        graph.call(total, "prediction")
        graph.outputs.append(("prediction", DOUBLE, 1))
        return graph
    weights = graph.constant(np.reshape(model.decision or (1.0,) * len(schema.classes), (1, -1)))
    chosen = graph.add("ArgMax", graph.add("Mul", total, weights), axis=1, keepdims=0)
    label = graph.add("Gather", graph.constant(list(schema.classes), object), chosen, axis=0)
    graph.call(label, "prediction")
    graph.call(total, "probabilities")
    graph.outputs += [("prediction", STRING, 0), ("probabilities", DOUBLE, len(schema.classes))]
    return graph
