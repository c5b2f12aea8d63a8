"""Exports read texts as the model does, by the notation of the file that it was trained on, or refuse them in words."""

import ast
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from flowml.automl.export.joblib_file import joblib_bundle, joblib_file
from flowml.automl.export.parity import EXACT
from flowml.automl.export.python_file import READING, python_file, runtime_source
from flowml.automl.export.rows import made_rows
from flowml.automl.export.spelling import EVERYTHING
from flowml.automl.export.sql.query import literal, quoted
from flowml.automl.export.sql.sql_file import MARKER, TABLE, sql_file, sql_text
from flowml.automl.model.model import FittedModel
from flowml.automl.schema.feature import Feature
from flowml.automl.schema.schema import ModelSchema
from flowml.data.conversion.missing import MISSING
from flowml.data.conversion.notation import Notation
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput, WrongState
from flowml.domain.jobs import ProblemType
from tests.automl.export.models import PLAIN, blend, made, of_file

ALL = (*PLAIN, "since", "note", "code")
Answers = Callable[[Mapping[str, Any]], list[float]]


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return of_file(blend(ALL))


@pytest.fixture(scope="module", params=["python", "joblib"])
def answers(request: pytest.FixtureRequest, model: FittedModel) -> Answers:
    """The outputs for a row."""
    if request.param == "joblib":
        estimator = joblib_bundle(model)["model"]
        return lambda row: estimator.predict_proba([row])[0].tolist()
    scope: dict[str, Any] = {"__name__": "model"}
    exec(python_file(model)[0], scope)
    return lambda row: list(scope["predict"](row)["probabilities"].values())


def test_rows_are_in_part_texts_of_every_kind(model: FittedModel) -> None:
    rows = made_rows(model.schema, 300, spelled=EVERYTHING)
    assert all({str, type(None)} < {type(row.get(name)) for row in rows} for name in ("age", "income", "member"))
    assert any("€" in str(row.get("income")) for row in rows)
    assert len(set(MISSING) & {row.get("town") for row in rows}) > 3


def test_categories_that_are_numbers_are_never_texts_that_the_model_refuses() -> None:
    notation = Notation("number", ",")
    feature = Feature("size", Role.CATEGORICAL, "Float64", categories=("3.5", "4", "1.25"), notation=notation)
    schema = ModelSchema((feature,), "y", ProblemType.REGRESSION, None, "rmse")
    rows = made_rows(schema, 200, spelled=EVERYTHING)
    found = {schema.check_row(row)[0].get("size") for row in rows}
    assert {"3.5", "4", "1.25", "987654", None} <= found
    assert any(isinstance(row.get("size"), str) for row in rows)


def test_files_answer_texts_as_the_model_does(model: FittedModel) -> None:
    assert joblib_file(model)[1].largest <= EXACT
    assert python_file(model)[1].largest <= EXACT


@pytest.mark.parametrize(
    ("column", "text", "meant"),
    [
        ("income", "1.234,50", 1234.5),
        ("income", "45.000", 45_000),
        ("income", "12,5 €", 12.5),
        ("age", " 37 ", 37),
        ("age", "n/a", None),
        ("town", " town 2 ", "town 2"),
        ("town", "NA", None),
        ("code", "none", None),
        ("member", "Yes", True),
        ("since", "31/01/2021", "2021-01-31"),
        ("since", "?", None),
        ("age", float("nan"), None),
    ],
)
def test_a_text_means_what_it_means_to_the_model(answers: Answers, column: str, text: Any, meant: Any) -> None:
    usual = {"age": 40, "income": 20.0, "town": "town 1", "member": False, "since": "2021-05-05", "code": "X 7"}
    assert answers({**usual, column: text}) == answers({**usual, column: meant})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("age", "abc"),
        ("age", 1e308),
        ("age", [1]),
        ("age", b"x"),
        ("age", True),
        ("age", "yes"),
        ("income", "1,2,3"),
        ("town", ["town 1"]),
        ("member", "perhaps"),
        ("since", "soon"),
        ("since", "12 Fantasy 2021"),
    ],
)
def test_what_is_none_is_refused_by_its_column(answers: Answers, model: FittedModel, column: str, value: Any) -> None:
    with pytest.raises(InvalidInput):
        model.schema.check_row({column: value})
    with pytest.raises(ValueError, match=f"the column '{column}' takes"):
        answers({column: value})


@pytest.mark.parametrize("last", ["runtime_predictors.py", "runtime_arrays.py"])
def test_what_a_file_carries_defines_each_name_once_and_has_no_flowml(last: str) -> None:
    tree = ast.parse(runtime_source(*READING, last))
    names = Counter(name for node in tree.body for name in _defined(node))
    assert names["cell_reader"] and {name: times for name, times in names.items() if times > 1} == {}
    assert "flowml" not in {name for node in ast.walk(tree) for name in _imported(node)}


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "").partition(".")[0]]
    return [one.name.partition(".")[0] for one in node.names] if isinstance(node, ast.Import) else []


@pytest.fixture(scope="module")
def plain() -> FittedModel:
    return of_file(blend(PLAIN))


def test_a_query_reads_truth_and_missing_as_texts(plain: FittedModel) -> None:
    assert sql_file(plain)[1].largest <= EXACT


@pytest.mark.duckdb
def test_duckdb_reads_them_as_well(plain: FittedModel) -> None:
    import duckdb

    database = duckdb.connect()
    spellings = [("yes", True), ("F", False), ("1", True), (None, None)]
    towns = [("town 1", "town 1"), (" town 2 ", "town 2"), ("n/a", None), ("Ulm", "Ulm")]
    database.execute(f"CREATE TABLE {TABLE} (id INT, age DOUBLE, income DOUBLE, town VARCHAR, member VARCHAR)")
    meant: list[dict[str, Any]] = []
    for member, truth in spellings:
        for town, label in towns:
            database.execute(f"INSERT INTO {TABLE} VALUES (?, 40, 20, ?, ?)", [len(meant), town, member])
            meant.append({"age": 40, "income": 20, "town": label, "member": truth})
    found = sorted(database.execute(sql_text(plain).replace(MARKER, "id,")).fetchall())
    expected = [plain.predict_row(plain.schema.check_row(row)[0]) for row in meant]
    np.testing.assert_allclose([line[2:] for line in found], expected, atol=1e-6)


@pytest.mark.duckdb
def test_numbers_without_a_label_do_not_end_a_query(plain: FittedModel) -> None:
    import duckdb

    features = tuple(
        replace(feature, dtype="Float64", notation=None) if feature.name == "town" else feature
        for feature in plain.schema.features
    )
    model = replace(plain, schema=replace(plain.schema, features=features))
    database = duckdb.connect()
    database.execute(f"CREATE TABLE {TABLE} (id INT, age DOUBLE, income DOUBLE, town DOUBLE, member BOOLEAN)")
    towns = [3.0, 3.5, 1e300, None, float("nan"), float("inf")]
    database.executemany(f"INSERT INTO {TABLE} VALUES (?, 40, 20, ?, true)", list(enumerate(towns)))
    found = [line[2:] for line in sorted(database.execute(sql_text(model).replace(MARKER, "id,")).fetchall())]
    # Of no level in training, and missing.
    assert found[0] == found[1] == found[2] and found[3] == found[4] == found[5] != found[0]


@pytest.mark.parametrize("text", ["ends with \\\\", "\\\\' OR 1=1 --"])
def test_what_a_backslash_would_end_is_in_no_query(text: str) -> None:
    for written in (literal, quoted):
        with pytest.raises(WrongState, match="backslash"):
            written(text)


def test_frames_say_what_they_lack_and_nothing_gives_nothing() -> None:
    import pandas as pd
    from sklearn.base import is_classifier

    bundle = joblib_bundle(made("logistic_regression", "y"))
    estimator = bundle["model"]
    assert is_classifier(estimator)
    assert estimator.predict_proba([]).shape == (0, 2)
    rows = [row for row in made_rows(made("logistic_regression", "y").schema, 20) if row]
    frame = pd.DataFrame(rows).drop(columns="town")
    with pytest.warns(UserWarning, match="taken as missing: town"):
        found = estimator.predict(frame)
    labels = bundle["label_encoder"].inverse_transform(found)
    with pytest.warns(UserWarning, match="town"):
        assert estimator.score(frame, labels) == estimator.score(frame, found) == 1.0
    assert json.dumps(found.tolist())
