"""A model as an ONNX file answers as the model does, by our own reading and by onnxruntime."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from flowml.automl.export.onnx.onnx_file import columns_of, onnx_file
from flowml.automl.export.parity import SINGLE
from flowml.automl.export.rows import made_rows
from flowml.automl.features.encoder import Encoder
from flowml.automl.model.members import Member, Part
from flowml.automl.model.model import FittedModel
from flowml.automl.model.pooling import Pooling
from flowml.automl.predictors.constant import ConstantPredictor
from flowml.domain.errors import WrongState
from tests.automl.export.models import PLAIN, blend, combined, made, of_file

KINDS = [
    ("logistic_regression", "mood"),
    ("ridge", "spent"),
    ("decision_tree", "mood"),
    ("random_forest", "y"),
    ("extra_trees", "spent"),
    ("gradient_boosting", "mood"),
    ("lightgbm", "mood"),
    ("xgboost", "y"),
    ("catboost", "y"),
    ("catboost", "spent"),
    ("gaussian_nb", "mood"),
    ("mlp", "y"),
    ("svm", "y"),
    ("knn", "mood"),
    ("knn", "spent"),
]


def onnxruntime_session(content: bytes) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def _is_right(model: FittedModel) -> None:
    content, parity = onnx_file(model)
    assert parity.largest <= SINGLE
    import onnx

    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    rows = made_rows(model.schema, 80, seed=7, spelled={"labels"})
    session = onnxruntime_session(content)
    answers = session.run(None, columns_of(model, rows))
    expected = np.array([model.predict_row(model.schema.check_row(row)[0]) for row in rows])
    np.testing.assert_allclose(answers[-1], expected, rtol=1e-5, atol=1e-5)
    if model.schema.classes is not None:
        assert answers[0].tolist() == [model.schema.classes[code] for code in model.decide(expected)]


@pytest.mark.onnx
@pytest.mark.parametrize(("algorithm", "target"), KINDS)
def test_every_algorithm(algorithm: str, target: str) -> None:
    _is_right(made(algorithm, target, (*PLAIN, "since", "code")))


@pytest.mark.onnx
@pytest.mark.parametrize("pooling", Pooling)
def test_an_ensemble_calibrated_and_decided(pooling: Pooling) -> None:
    _is_right(blend(PLAIN, pooling))


@pytest.mark.onnx
def test_labels_begin_as_in_the_model() -> None:
    """With every kind of beginning, also of labels that no training has seen."""
    model = made("lightgbm", "mood", ("code",))
    encoder = model.encoders[0]
    assert any(one["part"] == 1 for column in encoder.state()["columns"] for one in column["encoders"])
    content, _ = onnx_file(model)
    session = onnxruntime_session(content)
    texts = [
        "",
        "X 9",
        "PC 5",
        "pc",
        "PCs",
        "Pcccc 1",
        "Xylophone",
        "x",
        "X-1",
        "7 up",
        "?",
        "*",
        "Élan",
        "  ",
        "PC\nX",
    ]
    rows = [{"code": text} for text in texts]
    found = session.run(["probabilities"], columns_of(model, rows))[0]
    expected = [model.predict_row(model.schema.check_row(row)[0]) for row in rows]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.onnx
def test_spellings_of_missing_are_missing() -> None:
    _is_right(of_file(blend(PLAIN)))


@pytest.mark.onnx
@pytest.mark.parametrize("columns", [("age", "town"), ("town", "age")])
def test_what_looks_at_nothing(columns: tuple[str, str]) -> None:
    model = made("lightgbm", "mood", columns)
    encoder = Encoder.of({**model.encoders[0].state(), "columns": [], "combined": []})
    part = Part(0, ConstantPredictor(np.array([0.5, 0.25, 0.25])))
    _is_right(replace(model, encoders=(encoder,), members=(Member("constant", {}, 1.0, (part,)),)))


@pytest.mark.onnx
def test_combinations_of_columns() -> None:
    _is_right(combined())


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (made("ridge", "spent", (*PLAIN, "note")), "“note” is free text"),
        (made("adaboost", "spent"), "has no such form"),
    ],
)
def test_what_cannot_be_one_says_why(model: FittedModel, reason: str) -> None:
    with pytest.raises(WrongState, match=reason):
        onnx_file(model)
