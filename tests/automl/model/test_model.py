"""A fitted model: tables and single rows get the same answers; rows from outside are checked in words."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.automl.algorithms.base import Final
from flowml.automl.features.encoded import View
from flowml.automl.features.prepared import order_of_likeness, prepare
from flowml.automl.model.model import FittedModel, combine
from flowml.automl.task.task import prepare_task
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from tests.automl.model.fitting import fit
from tests.automl.tables import ROLES, people, people_task


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return fit(people_task())


@pytest.mark.parametrize("final", Final)
@pytest.mark.parametrize("target", ["y", "age"])
def test_a_row_gets_the_answer_of_its_table(final: Final, target: str) -> None:
    fitted = fit(people_task(target=target), final)
    fresh = people(40, seed=7)
    answers = fitted.predict(fresh)
    assert answers.shape == (40, 2 if target == "y" else 1) and answers.dtype == np.float64
    for row, answer in zip(fresh.to_dicts(), answers, strict=True):
        assert fitted.predict_row(row) == pytest.approx(answer, rel=1e-9)
        assert fitted.predict_row(fitted.check_row(row)[0]) == pytest.approx(answer, rel=1e-9)


def test_many_rows_are_answered_in_another_order_and_given_back_in_theirs(
    model: FittedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = people(60, seed=5)
    expected = model.predict(fresh)
    walking = FittedModel(model.schema, model.encoders, model.members)
    monkeypatch.setattr("flowml.automl.model.model._SORTED_ROWS", 10)
    monkeypatch.setitem(walking.__dict__, "libraries", frozenset({"lightgbm"}))
    order = order_of_likeness(prepare(fresh, model.schema.roles))
    assert sorted(order) == list(range(60)) and list(order) != list(range(60))
    assert walking.predict(fresh) == pytest.approx(expected, rel=1e-12)


def test_missing_columns_are_missing_values_and_others_are_ignored(model: FittedModel) -> None:
    fresh = people(20, seed=3)
    fewer = fresh.select(pl.lit(1).alias("unknown"), "town", "age")
    holes = fresh.with_columns(
        pl.lit(None, dtype=fresh.schema[name]).alias(name) for name in ("income", "member", "since", "note")
    )
    assert np.array_equal(model.predict(fewer), model.predict(holes))
    assert model.predict(fresh.head(0)).shape == (0, 2)


def test_columns_of_another_type_are_read_the_same_way(model: FittedModel) -> None:
    fresh = people(30, seed=4)
    typed = fresh.with_columns(
        pl.col("age", "income", "since", "member").cast(pl.String), pl.col("town").cast(pl.Categorical)
    )
    assert model.predict(typed) == pytest.approx(model.predict(fresh), rel=1e-6)


def test_several_threads_get_the_right_answers(model: FittedModel) -> None:
    rows = people(50, seed=2).to_dicts()
    expected = [model.predict_row(row) for row in rows]
    fresh = FittedModel(model.schema, model.encoders, model.members)
    with ThreadPoolExecutor(8) as pool:
        assert np.array_equal(list(pool.map(fresh.predict_row, rows * 4)), expected * 4)


def test_the_schema_describes_the_columns_in_their_order(model: FittedModel) -> None:
    described = {item["name"]: item for item in model.schema.describe()}
    assert list(described) == ["age", "income", "town", "member", "since", "note"]
    assert described["age"]["role"] == "numeric" and isinstance(described["age"]["example"], int)
    assert 18 <= described["age"]["min"] < described["age"]["example"] < described["age"]["max"] <= 80
    assert sorted(described["town"]["categories"]) == [f"town {index}" for index in range(4)]
    assert described["town"]["example"] == described["town"]["categories"][0]
    assert described["note"]["categories"] is None
    assert described["member"]["example"] in (True, False)
    examples = {name: item["example"] for name, item in described.items()}
    assert model.check_row(examples)[1] == []


def test_of_many_categories_the_form_shows_the_frequent_ones() -> None:
    frame = people(400).with_columns(code=pl.Series([f"k{index % 80}" for index in range(400)]))
    schema = fit(prepare_task(frame, {**ROLES, "code": Role.CATEGORICAL}, target="y")).schema
    assert len(schema.describe()[-1]["categories"]) == 50
    assert schema.check_row({"code": "k79"})[1][1:] == []
    assert "“k80” in “code”" in schema.check_row({"code": "k80"})[1][1]


def test_what_is_missing_unseen_or_too_much_is_named(model: FittedModel) -> None:
    row = {"age": "41", "income": None, "town": "Atlantis", "member": "Yes", "since": "", "colour": "red", "y": "no"}
    clean, warnings = model.check_row(row)
    assert clean == {"age": 41.0, "income": None, "town": "Atlantis", "member": 1.0, "since": None}
    assert len(warnings) == 3
    for words in ("note", "“Atlantis” in “town”", "colour"):
        assert any(words in warning for warning in warnings)
    assert model.predict_row(clean).sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("age", "abc"),
        ("age", "1_000"),
        ("age", "yes"),
        ("age", [1]),
        ("age", float("nan")),
        ("town", float("inf")),
        ("member", "perhaps"),
        ("since", "tomorrow"),
        ("since", 12),
        ("town", {"a": 1}),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_naming_the_column(model: FittedModel, column: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        model.check_row({column: value})
    assert [problem.field for problem in caught.value.fields] == [column]
    assert f"“{column}”" in caught.value.detail


@pytest.mark.parametrize("value", [None, ""])
def test_empty_values_are_missing(model: FittedModel, value: Any) -> None:
    assert model.check_row({"age": value})[0] == {"age": None}


def test_a_combination_is_the_weighted_average_and_shares_encoders() -> None:
    task = people_task()
    models = [fit(task, penalty=1.0), fit(task, penalty=50.0), fit(task, Final.REFIT, View.ORDINAL)]
    blend = combine(models, [1.0, 2.0, 1.0])
    fresh = people(30, seed=9)
    expected = sum(share * model.predict(fresh) for share, model in zip((0.25, 0.5, 0.25), models, strict=True))
    assert blend.predict(fresh) == pytest.approx(expected)
    assert blend.predict_row(fresh.row(0, named=True)) == pytest.approx(expected[0])
    assert len(blend.encoders) == 6
    assert [member.weight for member in blend.members] == [0.25, 0.5, 0.25]


def test_loading_a_model_loads_nothing_that_trains() -> None:
    program = "import sys, flowml.automl.model.model, flowml.automl.model.modelfile; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sklearn", "polars", "optuna", "pandas", "lightgbm", "xgboost", "catboost", "scipy"} & set(loaded)
