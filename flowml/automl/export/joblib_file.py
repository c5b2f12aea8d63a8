"""A model as a joblib file: a dictionary with a model that needs NumPy and the boosters it consists of.

Such a file is a pickle, of which loading runs code; it is for people who trust where it comes from. FlowML writes it
and never reads one.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.export.content import cannot, columns_content, encoder_content, refuse_recipe
from flowml.automl.export.parity import Parity, check
from flowml.automl.export.python_file import READING, runtime_source
from flowml.automl.model.model import FittedModel
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.distilled import DistilledPredictor
from flowml.automl.predictors.exponential import ExponentialPredictor
from flowml.automl.predictors.mlp import MultilayerPerceptronPredictor
from flowml.automl.predictors.trees import FIXED_POINT, TreesPredictor

_WHAT = "a joblib file"
_RUNTIME = (*READING, "runtime_arrays.py")
_PLAIN = ("constant", "linear", "gaussian_nb", "svm", "knn")
_BOOSTERS = ("lightgbm", "xgboost", "catboost")


def joblib_file(model: FittedModel) -> tuple[bytes, Parity]:
    """The file, tried against the model. Raises WrongState, with the reason, where it cannot be one."""
    import joblib

    bundle = joblib_bundle(model)

    def answers(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        return np.asarray(bundle["model"]._outputs(rows))

    parity = check(model, "This joblib file", answers)
    file = io.BytesIO()
    joblib.dump(bundle, file, compress=3)
    return file.getvalue(), parity


def joblib_bundle(model: FittedModel) -> dict[str, Any]:
    """{"model", "feature_names", "label_encoder", "problem_type"}. Raises WrongState as `joblib_file` does."""
    refuse_recipe(model, _WHAT)
    schema = model.schema
    state: dict[str, Any] = {
        "target": schema.target,
        "columns": columns_content(schema),
        "n_outputs": schema.n_outputs,
        "classes": None if schema.classes is None else list(schema.classes),
        "encoders": [encoder_content(encoder.state()) for encoder in model.encoders],
        "members": [
            {
                "weight": member.weight,
                "parts": [{"encoder": part.encoder, "predictor": _state(part.predictor)} for part in member.parts],
            }
            for member in model.members
        ],
        "pooling": str(model.pooling),
        "temperature": model.temperature,
        "decision": None if model.decision is None else list(model.decision),
    }
    source = runtime_source(*_RUNTIME)
    scope: dict[str, Any] = {}
    # A copy of our own modules: what the file will carry.
    exec(compile(source, "exported_model.py", "exec"), scope)  # noqa: S102
    return {
        "model": scope["ExportedModel"](source, state),
        "feature_names": list(state["columns"]),
        "label_encoder": _label_encoder(schema.class_values) if schema.classes is not None else None,
        "problem_type": str(schema.problem_type),
    }


def _label_encoder(classes: np.ndarray) -> Any:
    from sklearn.preprocessing import LabelEncoder

    encoder = LabelEncoder()
    encoder.classes_ = classes
    return encoder


def _state(predictor: Predictor) -> dict[str, Any]:
    if isinstance(predictor, DistilledPredictor):
        return {"kind": predictor.kind, "inner": [_state(regression) for regression in predictor.regressions]}
    if isinstance(predictor, ExponentialPredictor):
        return {"kind": predictor.kind, "low": predictor.low, "high": predictor.high, "inner": _state(predictor.inner)}
    if isinstance(predictor, MultilayerPerceptronPredictor):
        names = ("kind", "weights", "biases", "classification", "target_mean", "target_scale")
        return {name: getattr(predictor, name) for name in names}
    if isinstance(predictor, TreesPredictor):
        flat, values = predictor.flat, predictor.flat.stored.values
        return {
            **{name: getattr(predictor, name) for name in _OF_TREES},
            **{name: getattr(flat, name) for name in ("roots", "child", "feature", "threshold", "leaf", "depth")},
            "values": values,
            "unit": 1.0 / FIXED_POINT if values.dtype == np.uint16 else 1.0,
        }
    state = predictor.to_state()
    if predictor.kind in _BOOSTERS:
        return {"kind": predictor.kind, **state.settings, "model": state.blobs["model"]}
    if predictor.kind in _PLAIN:
        found = {"kind": predictor.kind, **state.settings, **state.arrays}
        return {**found, "votes": state.arrays.get("votes")} if predictor.kind == "knn" else found
    raise cannot(_WHAT, f"its part of the kind {predictor.kind} has no such form")


_OF_TREES = ("kind", "combine", "link", "groups", "scale", "offset", "tree_weights")
