"""Worst slices: those that were planted are found, and chance is not."""

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.automl.results.conditions import Condition, conditions_of
from flowml.automl.results.evidence import Evidence
from flowml.automl.results.slices import rows_where, worst_slices
from flowml.domain.datasets import Role
from tests.automl.results.evidences import rows_tested

ROLES = {"age": Role.NUMERIC, "job": Role.CATEGORICAL, "since": Role.DATETIME, "flag": Role.BOOLEAN}


def _slices(evidence: Evidence, frame: pl.DataFrame) -> dict[str, Any]:
    return worst_slices(evidence, lambda places, names: frame[places].select(names), ROLES)


def _of_frame(evidence: Evidence, frame: pl.DataFrame, role: Role = Role.NUMERIC) -> dict[str, Any]:
    return worst_slices(evidence, lambda places, names: frame[places].select(names), dict.fromkeys(frame.columns, role))


def _off(losses: np.ndarray, **values: Any) -> Evidence:
    return Evidence.of(rows_tested(np.zeros(len(losses)), **values), losses[:, None], None)


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


@pytest.mark.parametrize("is_of_group", [True, False])
def test_chance_is_nothing_where_rows_belong_together(is_of_group: bool) -> None:
    for seed in range(4):
        random = np.random.default_rng(seed)
        units = np.repeat(np.arange(60), 40)
        values = {
            f"c{at}": random.normal(0, 1, 60)[units] if is_of_group else random.normal(0, 1, len(units))
            for at in range(6)
        }
        losses = (random.normal(0, 1, 60)[units] + random.normal(0, 1, len(units))) ** 2
        found = _of_frame(_off(losses, units=units), pl.DataFrame(values))
        assert found["items"] == []
        assert found["tested"] > 10


def test_a_part_that_fails_in_most_groups_is_found() -> None:
    random = np.random.default_rng(0)
    units = np.repeat(np.arange(100), 20)
    bad = random.normal(0, 1, 100)[units]
    losses = np.abs(random.normal(0, 0.3, 100)[units] + random.normal(0, 1, 2000)) * np.where(bad > 0.8, 2.5, 1)
    found = _of_frame(_off(losses, units=units), pl.DataFrame({"bad": bad, "noise": random.normal(0, 1, 2000)}))
    assert [one["column"] for one in found["items"][0]["conditions"]] == ["bad"]


def test_what_says_nothing_does_not_join_what_is_bad_in_half_of_the_rows() -> None:
    columns = set()
    for seed in range(3):
        random = np.random.default_rng(seed)
        frame = pl.DataFrame({f"c{at}": random.normal(0, 1, 8000) for at in range(8)})
        wrong = random.random(8000) < np.where(frame["c0"].to_numpy() > 0, 0.3, 0.1)
        items = _of_frame(_off(wrong.astype(float)), frame)["items"]
        assert items
        columns |= {one["column"] for item in items for one in item["conditions"]}
    assert columns == {"c0"}


def test_a_few_heavy_rows_are_no_part() -> None:
    for seed in range(4):
        random = np.random.default_rng(seed)
        frame = pl.DataFrame({f"c{at}": random.normal(0, 1, 1500) for at in range(10)})
        weights = np.exp(random.normal(0, 2.5, 1500))
        assert _of_frame(_off(np.abs(random.normal(0, 1, 1500)), weights=weights), frame)["items"] == []


def test_a_part_that_is_wrong_throughout_is_found() -> None:
    kind = np.random.default_rng(0).choice(["a", "b", "c"], 600)
    found = _of_frame(_off((kind == "a").astype(float)), pl.DataFrame({"kind": kind}), Role.CATEGORICAL)
    assert found["items"][0]["sentence"].startswith("Where kind is “a”: off by 1 on average, against 0 elsewhere")


def test_parts_of_a_narrow_column_stay_apart() -> None:
    random = np.random.default_rng(0)
    latitude = random.uniform(48.201, 48.209, 1500)
    losses = random.exponential(1, 1500) * np.where(latitude > 48.207, 4, 1)
    found = _of_frame(_off(losses), pl.DataFrame({"latitude": latitude}))
    assert found["items"][0]["sentence"].startswith("Where latitude is over 48.206")
    moments = pl.Series(np.datetime64("2024-05-05", "us") + (random.uniform(0, 86_400e6, 1500)).astype("m8[us]"))
    losses = random.exponential(1, 1500) * np.where(moments.dt.hour().to_numpy() > 20, 5, 1)
    found = _of_frame(_off(losses), pl.DataFrame({"at": moments}), Role.DATETIME)
    assert found["items"][0]["sentence"].startswith("Where at is over 2024-05-05 2")


@pytest.mark.parametrize(
    "values",
    [
        np.datetime64("2024-01-01", "us") + np.arange(3).astype("m8[D]"),
        np.array([0.1, 1e20, 1e-7]),
        np.array([10, 20, 30]),
    ],
)
def test_categories_need_be_no_texts(values: np.ndarray) -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 3, 900)
    found = _of_frame(
        _off(random.exponential(1, 900) * np.where(codes == 1, 5, 1)),
        pl.DataFrame({"kind": values[codes]}),
        Role.CATEGORICAL,
    )
    first = found["items"][0]
    assert first["n_rows"] == int((codes == 1).sum())
    # As they are kept: through JSON.
    kept = Condition.of_state(json.loads(json.dumps(first["conditions"][0])))
    assert kept.holds(pl.Series("kind", values[codes])).tolist() == (codes == 1).tolist()


def test_where_nothing_could_be_tested_that_is_said() -> None:
    evidence = _off(np.random.default_rng(0).exponential(1, 300))
    for frame in (pl.DataFrame({"same": [1] * 300}), pl.DataFrame({"same": [1] * 300}).select([])):
        found = _of_frame(evidence, frame)
        assert (found["tested"], found["items"]) == (0, [])
        assert found["note"].startswith("No part of the table could be looked at")


def test_a_day_holds_all_of_it() -> None:
    hours = pl.Series("d", ["2020-01-04 23:00", "2020-01-05 14:00", "2020-01-06 00:00"]).str.to_datetime()
    assert Condition("d", "range", high="2020-01-05").holds(hours).tolist() == [True, True, False]
    assert Condition("d", "range", low="2020-01-05").holds(hours).tolist() == [False, False, True]
    assert Condition("d", "range", low="2020-01-05T14:00").holds(hours).tolist() == [False, False, True]


def test_a_range_of_whole_numbers_that_holds_one_alone_is_said_to_be_it() -> None:
    for values in ([1, 2, 3] * 40, [1.0, 2.0, 3.0] * 40):
        column = pl.Series("deck", values)
        found = {one.text(): int(one.holds(column).sum()) for one in conditions_of(column, Role.NUMERIC, 10)}
        assert found["deck is 1"] == found["deck is 3"] == 40
        assert not {"deck is at most 1", "deck is over 2"} & set(found)
    halves = {one.text() for one in conditions_of(pl.Series("half", [1.5, 2.5, 3.5] * 40), Role.NUMERIC, 10)}
    assert "half is at most 1.5" in halves


def test_conditions_hold_as_they_say() -> None:
    frame = pl.DataFrame({"x": [1.0, None, float("nan"), 7.0], "b": [True, None, False, True]})
    assert Condition("x", "missing").holds(frame["x"]).tolist() == [False, True, True, False]
    assert Condition("x", "range", low=1.0).holds(frame["x"]).tolist() == [False, False, False, True]
    assert Condition("x", "range", high=1.0).holds(frame["x"]).tolist() == [True, False, False, False]
    assert Condition("b", "is", value=True).holds(frame["b"]).tolist() == [True, False, False, True]
    assert Condition("b", "is", value=False).text() == "b is false"
    days = pl.Series("d", [date(2020, 1, 1), date(2020, 1, 3), None])
    assert Condition("d", "range", low="2020-01-01").holds(days).tolist() == [False, True, False]
