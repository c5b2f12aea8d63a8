"""Worst slices: those that were planted are found, and chance is not."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.automl.results.conditions import Condition
from flowml.automl.results.evidence import Evidence
from flowml.automl.results.slices import rows_where, worst_slices
from flowml.domain.datasets import Role
from tests.automl.results.evidences import rows_tested

ROLES = {"age": Role.NUMERIC, "job": Role.CATEGORICAL, "since": Role.DATETIME, "flag": Role.BOOLEAN}


def _slices(evidence: Evidence, frame: pl.DataFrame) -> dict[str, Any]:
    return worst_slices(evidence, lambda places, names: frame[places].select(names), ROLES)


def _table(n_rows: int = 3000, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    jobs = random.choice(["cook", "smith", None], n_rows, p=[0.5, 0.3, 0.2])
    days = [date(2020, 1, 1) + timedelta(days=int(day)) for day in random.integers(0, 1000, n_rows)]
    return pl.DataFrame(
        {
            "age": random.integers(18, 80, n_rows),
            "job": pl.Series(jobs.tolist(), dtype=pl.String),
            "since": days,
            "flag": random.random(n_rows) < 0.5,
        }
    )


def _wrong(share: np.ndarray, seed: int = 0) -> Evidence:
    wrong = np.random.default_rng(1000 + seed).random(len(share)) < share
    said = np.where(wrong, 0.9, 0.1)
    return Evidence.of(
        rows_tested(np.zeros(len(share), dtype=np.int32)), np.column_stack([1 - said, said]), ("no", "yes")
    )


def test_what_takes_two_columns_is_found_and_said_in_words() -> None:
    frame = _table()
    bad = (frame["age"] > 61) & frame["job"].is_null()
    found = _slices(_wrong(np.where(bad.to_numpy(), 0.6, 0.1)), frame)
    first = found["items"][0]
    assert {condition["column"] for condition in first["conditions"]} == {"age", "job"}
    assert first["sentence"].startswith("Where ")
    assert "age is over 6" in first["sentence"]
    assert "job is missing" in first["sentence"]
    assert "% wrong, against" in first["sentence"]
    assert first["loss"] > 0.45 > 0.2 > first["elsewhere"]
    mask = rows_where([Condition.of_state(one) for one in first["conditions"]], frame)
    assert int(mask.sum()) == first["n_rows"]


def test_one_column_is_enough_where_the_other_says_nothing() -> None:
    frame = _table()
    found = _slices(_wrong(np.where((frame["job"] == "smith").fill_null(False), 0.5, 0.1)), frame)
    assert [one["column"] for one in found["items"][0]["conditions"]] == ["job"]
    assert found["items"][0]["sentence"].startswith("Where job is “smith”")


@pytest.mark.parametrize("seed", range(4))
def test_chance_is_nothing(seed: int) -> None:
    found = _slices(_wrong(np.full(1500, 0.2), seed), _table(1500, seed))
    assert found["items"] == []
    assert found["note"].startswith("No part of the table stands out")
    assert found["tested"] > 100


def test_numbers_are_off_by_a_distance() -> None:
    frame = _table()
    off = np.where(frame["since"].to_numpy() > np.datetime64("2022-01-01"), 50.0, 5.0)
    off = off * np.random.default_rng(0).uniform(0.5, 1.5, len(off))
    found = _slices(Evidence.of(rows_tested(np.zeros(3000)), off[:, None], None), frame)
    assert found["of"] == "distance"
    assert found["items"][0]["sentence"].startswith("Where since is over 20")
    assert "off by" in found["items"][0]["sentence"]
    assert found["items"][0]["loss"] > 4 * found["items"][0]["elsewhere"]


def test_of_a_big_table_a_sample_is_looked_at_and_all_rows_are_counted() -> None:
    frame = _table(60_000)
    bad = ((frame["age"] > 61) & frame["job"].is_null()).to_numpy()
    evidence = _wrong(np.where(bad, 0.6, 0.1))
    first = _slices(evidence, frame)["items"][0]
    mask = rows_where([Condition.of_state(one) for one in first["conditions"]], frame)
    assert first["n_rows"] == int(mask.sum())
    assert first["loss"] == pytest.approx(float(evidence.losses[mask].mean()), abs=1e-5)


def test_few_rows_and_no_mistakes_are_said() -> None:
    assert "no part of the table is large enough" in _slices(_wrong(np.full(30, 0.5)), _table(30))["note"]
    assert _slices(_wrong(np.zeros(200)), _table(200))["note"] == "No row was predicted wrong."


def test_conditions_hold_as_they_say() -> None:
    frame = pl.DataFrame({"x": [1.0, None, float("nan"), 7.0], "b": [True, None, False, True]})
    assert Condition("x", "missing").holds(frame["x"]).tolist() == [False, True, True, False]
    assert Condition("x", "range", low=1.0).holds(frame["x"]).tolist() == [False, False, False, True]
    assert Condition("x", "range", high=1.0).holds(frame["x"]).tolist() == [True, False, False, False]
    assert Condition("b", "is", value=True).holds(frame["b"]).tolist() == [True, False, False, True]
    assert Condition("b", "is", value=False).text() == "b is false"
    days = pl.Series("d", [date(2020, 1, 1), date(2020, 1, 3), None])
    assert Condition("d", "range", low="2020-01-01").holds(days).tolist() == [False, True, False]
