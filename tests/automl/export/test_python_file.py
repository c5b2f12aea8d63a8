"""A model as one Python file answers as the model does, in a Python that has nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flowml.automl.export.content import content_of
from flowml.automl.export.parity import EXACT
from flowml.automl.export.python_file import python_file
from flowml.automl.export.rows import made_rows
from flowml.automl.model.model import FittedModel
from flowml.domain.errors import WrongState
from tests.automl.export.models import PLAIN, blend, combined, made

ALL = (*PLAIN, "since", "note", "code")
KINDS = [
    ("logistic_regression", "y"),
    ("ridge", "spent"),
    ("decision_tree", "mood"),
    ("random_forest", "y"),
    ("extra_trees", "spent"),
    ("adaboost", "spent"),
    ("gradient_boosting", "mood"),
    ("lightgbm", "mood"),
    ("xgboost", "y"),
    ("catboost", "y"),
    ("gaussian_nb", "mood"),
    ("mlp", "y"),
    ("svm", "spent"),
    ("knn", "mood"),
    ("knn", "spent"),
]


@pytest.mark.parametrize(("algorithm", "target"), KINDS)
def test_every_algorithm(algorithm: str, target: str) -> None:
    _, parity = python_file(made(algorithm, target, ALL))
    assert parity.largest <= EXACT


def test_combinations_of_columns() -> None:
    assert python_file(combined())[1].largest <= EXACT


def test_a_python_that_has_nothing_else_answers_as_an_ensemble_does(tmp_path: Path) -> None:
    model = blend(ALL)
    file = tmp_path / "model.py"
    file.write_bytes(python_file(model, 'an "ensemble"\n')[0])
    rows = made_rows(model.schema, 40, seed=3)
    run = subprocess.run(
        [sys.executable, "-I", "-S", str(file)],
        input="\n".join(map(json.dumps, rows)),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    classes = model.schema.classes or ()
    for row, answer in zip(rows, answers, strict=True):
        expected = model.predict_row(model.schema.check_row(row)[0])
        assert answer["prediction"] == classes[int(model.decide(expected))]
        assert list(answer["probabilities"].values()) == pytest.approx(expected.tolist(), abs=1e-6)


def test_a_value_of_the_wrong_kind_names_its_column() -> None:
    scope: dict[str, object] = {"__name__": "model"}
    exec(python_file(made("ridge", "spent"))[0], scope)
    predict = scope["predict"]
    assert callable(predict)
    with pytest.raises(ValueError, match="'age' takes numeric"):
        predict({"age": "old"})
    assert predict({"age": "", "town": None}) == predict({})


def test_what_cannot_be_a_program_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.automl.export.content.MOST_OF_POINTS", 100)
    with pytest.raises(WrongState, match="rows that it was trained on"):
        python_file(made("knn", "y"))


def test_a_program_that_answered_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.automl.export.python_file.content_of", _wrong)
    with pytest.raises(WrongState, match="would differ from this model by"):
        python_file(made("ridge", "spent"))


def _wrong(model: FittedModel, what: str) -> dict[str, object]:
    content = content_of(model, what)
    content["members"][0]["parts"][0]["predictor"]["intercept"][0] += 1.0
    return content
