"""A joblib file answers as its model does, where there is no FlowML."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flowml.automl.export.joblib_file import joblib_bundle, joblib_file
from flowml.automl.export.parity import EXACT
from flowml.automl.export.rows import made_rows
from flowml.automl.model.model import FittedModel
from tests.automl.export.models import PLAIN, blend, combined, made

ALL = (*PLAIN, "since", "note", "code")
KINDS = [
    ("logistic_regression", "mood"),
    ("random_forest", "mood"),
    ("adaboost", "spent"),
    ("lightgbm", "y"),
    ("xgboost", "mood"),
    ("catboost", "y"),
    ("catboost", "mood"),
    ("gaussian_nb", "y"),
    ("mlp", "spent"),
    ("svm", "y"),
    ("knn", "mood"),
    ("knn", "spent"),
]
# Whatever is installed beside it, FlowML cannot be imported here.
READER = """
import json, sys
class Nothing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "flowml":
            raise ImportError(name)
sys.meta_path.insert(0, Nothing())
import io, joblib
bundle = joblib.load(sys.argv[1])
again = io.BytesIO()
joblib.dump(bundle, again)
again.seek(0)
bundle = joblib.load(again)
model, rows = bundle["model"], json.load(sys.stdin)
answer = {"names": bundle["feature_names"], "type": bundle["problem_type"]}
if bundle["label_encoder"] is None:
    answer["values"] = model.predict(rows).tolist()
else:
    answer["shares"] = model.predict_proba(rows).tolist()
    answer["labels"] = bundle["label_encoder"].inverse_transform(model.predict(rows)).tolist()
answer["modules"] = sorted(name for name in sys.modules if "." not in name)
print(json.dumps(answer))
"""


@pytest.mark.parametrize(("algorithm", "target"), KINDS)
def test_every_algorithm(algorithm: str, target: str) -> None:
    assert joblib_file(made(algorithm, target, ALL))[1].largest <= EXACT


def test_combinations_of_columns() -> None:
    assert joblib_file(combined())[1].largest <= EXACT


@pytest.mark.parametrize("model", [blend(ALL), made("ridge", "spent")], ids=["ensemble", "numbers"])
def test_it_is_read_where_there_is_no_flowml(model: FittedModel, tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    file.write_bytes(joblib_file(model)[0])
    rows = made_rows(model.schema, 30, seed=5)
    run = subprocess.run(
        [sys.executable, "-I", "-c", READER, str(file)], input=json.dumps(rows), capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert answer["names"] == [feature.name for feature in model.schema.features]
    expected = np.array([model.predict_row(model.schema.check_row(row)[0]) for row in rows])
    found = np.array(answer["shares"] if model.schema.classes else answer["values"]).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    if model.schema.classes:
        assert answer["type"] == "classification"
        assert answer["labels"] == [model.schema.classes[code] for code in model.decide(expected)]
    assert not {"flowml", "optuna", "starlette", "polars", "xgboost", "catboost"} & set(answer["modules"])


def test_frames_and_lists_are_rows_as_well() -> None:
    import pandas as pd

    bundle = joblib_bundle(made("xgboost", "y"))
    rows = made_rows(made("xgboost", "y").schema, 10)[1:]
    names = bundle["feature_names"]
    expected = bundle["model"].predict_proba(rows)
    np.testing.assert_array_equal(
        bundle["model"].predict_proba([[row[name] for name in names] for row in rows]), expected
    )
    np.testing.assert_array_equal(bundle["model"].predict_proba(pd.DataFrame(rows)), expected)
