"""A model as a query answers as the model does, in SQLite and in DuckDB."""

import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from flowml.automl.export.parity import EXACT, SINGLE
from flowml.automl.export.rows import made_rows
from flowml.automl.export.spelling import WHITE_SPACE
from flowml.automl.export.sql.query import single
from flowml.automl.export.sql.sql_file import (
    MARKER,
    TABLE,
    _is_too_large,
    database_in_memory,
    sql_file,
    sql_text,
    sqlite_answers,
)
from flowml.automl.features.values import days_of
from flowml.automl.model.model import FittedModel
from flowml.automl.model.pooling import Pooling
from flowml.domain.errors import WrongState
from tests.automl.export.models import PLAIN, blend, combined, made, of_file

COLUMNS = (*PLAIN, "code", "since")
KINDS = [
    ("logistic_regression", "mood"),
    ("ridge", "spent"),
    ("decision_tree", "mood"),
    ("random_forest", "y"),
    ("gradient_boosting", "mood"),
    ("lightgbm", "mood"),
    ("xgboost", "y"),
    ("xgboost", "spent"),
    ("catboost", "y"),
    ("catboost", "mood"),
]


@pytest.mark.parametrize(("algorithm", "target"), KINDS)
def test_every_algorithm(algorithm: str, target: str) -> None:
    # XGBoost itself adds up in single precision.
    allowed = SINGLE if algorithm == "xgboost" else EXACT
    assert sql_file(made(algorithm, target, COLUMNS))[1].largest <= allowed


@pytest.mark.parametrize("pooling", Pooling)
def test_an_ensemble_calibrated_and_decided(pooling: Pooling) -> None:
    assert sql_file(blend(COLUMNS, pooling))[1].largest <= EXACT


def test_trees_deeper_than_a_database_goes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.automl.export.sql.scores._DEEPEST", 1)
    _, parity = sql_file(made("decision_tree", "mood", COLUMNS))
    assert parity.largest <= EXACT


# More than SQLite holds without temporary files of its own.
_LARGE = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000), "
    "m AS MATERIALIZED (SELECT printf('%0200d', i) AS t FROM n ORDER BY t DESC) "
    "SELECT count(*) FROM m JOIN m AS k USING (t)"
)


def test_a_large_query_is_tried_where_no_temporary_file_can_be_made() -> None:
    code = (
        "from flowml.machine.confinement import confining; "
        "from flowml.automl.export.sql.sql_file import database_in_memory; "
        "confining.confine_reader([]); "
        f"print(database_in_memory().execute({_LARGE!r}).fetchone()[0])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.split() == ["60000"], run.stderr


def test_only_what_is_of_the_query_makes_it_too_large() -> None:
    with pytest.raises(sqlite3.Error) as problem:
        database_in_memory().execute(f"SELECT {'(' * 2_000}1{')' * 2_000}")
    assert _is_too_large(problem.value)
    with pytest.raises(sqlite3.Error) as problem:
        sqlite3.connect("/nowhere/at/all.db")
    assert not _is_too_large(problem.value)


def test_combinations_of_columns() -> None:
    assert sql_file(combined())[1].largest <= EXACT


@pytest.mark.duckdb
@pytest.mark.parametrize("model", [blend(COLUMNS), combined(), made("catboost", "mood", COLUMNS)])
def test_duckdb_says_the_same(model: FittedModel) -> None:
    import duckdb
    import pandas as pd

    rows = made_rows(model.schema, 60, seed=4)
    names = [feature.name for feature in model.schema.features]
    frame = pd.DataFrame([{"id": at, **{name: row.get(name) for name in names}} for at, row in enumerate(rows)])
    if "since" in names:
        frame["since"] = [None if one is None else days_of(one) for one in frame["since"]]
    database = duckdb.connect()
    database.register(TABLE, frame.convert_dtypes())
    answers = sorted(database.execute(sql_text(model).replace(MARKER, "id,")).fetchall())
    expected = np.array([model.predict_row(model.schema.check_row(row)[0]) for row in rows])
    if model.schema.classes is None:
        np.testing.assert_allclose([answer[1] for answer in answers], expected[:, 0], rtol=1e-6, atol=1e-6)
        return
    np.testing.assert_allclose([answer[2:] for answer in answers], expected, atol=1e-6)
    assert [answer[1] for answer in answers] == [model.schema.classes[code] for code in model.decide(expected)]


@pytest.mark.parametrize("blank", WHITE_SPACE, ids=lambda one: f"{ord(one):04x}")
def test_every_blank_at_the_ends_is_cut_off_as_the_model_does(blank: str) -> None:
    model = of_file(made("logistic_regression", "mood"))
    row = next(row for row in made_rows(model.schema, 20) if row.get("town") and row.get("member") is not None)
    sent = row | {
        "town": f"{blank}{row['town']} {blank}",
        "member": f"{blank}{'Yes' if row['member'] else 'no'}{blank}",
    }
    expected = model.predict_row(model.schema.check_row(row)[0])
    assert model.predict_row(model.schema.check_row(sent)[0]) == pytest.approx(expected)
    stored = {feature.name: row.get(feature.name) for feature in model.schema.features} | sent
    assert sqlite_answers(model, sql_text(model), [stored])[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (made("ridge", "spent", (*PLAIN, "note")), "“note” is free text"),
        (made("mlp", "y"), "only linear models and sums of trees"),
        (made("knn", "y"), "only linear models and sums of trees"),
    ],
)
def test_what_cannot_be_a_query_says_why(model: FittedModel, reason: str) -> None:
    with pytest.raises(WrongState, match=reason):
        sql_file(model)


def test_a_query_beyond_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.automl.export.sql.scores.MOST_BYTES", 5_000)
    with pytest.raises(WrongState, match="the query would have more than 0"):
        sql_file(made("random_forest", "y", COLUMNS))


@pytest.mark.parametrize("threshold", [0.1, 0.5, -3.7, 1e-30, 16_777_217.0, 0.0, -1e-45, float(np.float32(0.1))])
def test_a_threshold_of_doubles_cuts_where_one_of_single_precision_does(threshold: float) -> None:
    cut = single(threshold)
    assert float(np.float32(cut)) <= threshold < float(np.float32(np.nextafter(cut, np.inf)))
