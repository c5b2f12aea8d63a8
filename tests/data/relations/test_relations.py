"""How much columns say about a target, and what is drawn of it."""

import json
import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from flowml.data.canonical import write_canonical
from flowml.data.profiling.profile import profile
from flowml.data.relations.giveaway import Judge
from flowml.data.relations.relation import relation, relation_of_table
from flowml.data.relations.strength import contingency, corrected_v, information, relations_of_table
from flowml.domain.errors import InvalidInput

N = 1200
RNG = np.random.default_rng(8)
X = RNG.normal(size=N)
GROUP = RNG.integers(0, 3, N)
FRAME = pl.DataFrame(
    {
        "x": X,
        "squared": X**2 + RNG.normal(size=N) / 5,
        "noise": RNG.normal(size=N),
        "group": [f"g{code}" for code in GROUP],
        "by_group": GROUP * 10 + RNG.normal(size=N),
        "sick": (X + RNG.normal(size=N) / 2 > 1).astype(int),
        "kind": [f"k{code if keep else other}" for code, keep, other in
                 zip(GROUP, RNG.random(N) < 0.8, RNG.integers(0, 3, N), strict=True)],
        "day": [date(2020, 1, 1) + timedelta(days=at // 2) for at in range(N)],
        "growing": np.arange(N) + RNG.normal(size=N),
        "gone": pl.Series([None] * N, dtype=pl.Float64),
        "often missing": [value if at % 3 else None for at, value in enumerate(X.tolist())],
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "table.parquet"
    write_canonical(FRAME, path)
    return path


def test_a_target_rises_or_falls_with_a_column(table: Path) -> None:
    columns = [vars(column) for column in profile(FRAME).columns]
    for target, expected in (
        ("x", {"sick": 1, "squared": 0, "group": 0}),
        ("sick", {"x": 1}),
        ("group", {"by_group": 0}),
    ):
        answer = relations_of_table({"table": str(table), "columns": columns, "target": target})
        found = {item["name"]: item["direction"] for item in answer["columns"]}
        assert {name: found[name] for name in expected} == expected
    fall = FRAME.with_columns(pl.Series("down", -X)).select("x", "down")
    path = table.with_name("fall.parquet")
    write_canonical(fall, path)
    request = {"table": str(path), "columns": [vars(column) for column in profile(fall).columns], "target": "x"}
    assert relations_of_table(request)["columns"][0]["direction"] == -1


def directions(frame: pl.DataFrame, target: str, path: Path) -> dict[str, int]:
    write_canonical(frame, path)
    columns = [vars(column) for column in profile(frame).columns]
    found = relations_of_table({"table": str(path), "columns": columns, "target": target})
    return {item["name"]: item["direction"] for item in found["columns"]}


def test_what_goes_up_and_down_has_no_direction(tmp_path: Path) -> None:
    counts = {0: (490, 34), 1: (165, 55), 2: (22, 45), 3: (12, 25), 4: (15, 13), 5: (4, 0), 8: (4, 0)}
    rows = [(n, int(at < count * share / 100)) for n, (count, share) in counts.items() for at in range(count)]
    siblings = pl.DataFrame(rows, schema=["siblings", "survived"], orient="row")
    assert directions(siblings, "survived", tmp_path / "siblings.parquet") == {"siblings": 0}
    noisy = FRAME.select("x", pl.Series("weakly", X / 4 + RNG.normal(size=N)))
    assert directions(noisy, "x", tmp_path / "noisy.parquet")["weakly"] == 1


def test_of_more_columns_than_are_shown_the_strongest_are(tmp_path: Path) -> None:
    frame = pl.DataFrame({f"c{at}": RNG.normal(size=40) for at in range(1_100)} | {"y": np.arange(40) % 2})
    frame = frame.with_columns(pl.col("y").cast(pl.Float64).alias("c1099"))
    write_canonical(frame, tmp_path / "wide.parquet")
    columns = [vars(column) for column in profile(frame).columns]
    found = relations_of_table({"table": str(tmp_path / "wide.parquet"), "columns": columns, "target": "y"})
    assert found["columns"][0]["name"] == "c1099"
    assert len(found["columns"]) == 1_000
    assert "Of 1,100 columns the 1,000 that say most are shown." in found["note"]


def test_captions_speak_of_enough_rows_and_of_all_groups(tmp_path: Path) -> None:
    labels = [f"ticket {at // 6}" for at in range(720)]
    tickets = pl.DataFrame({"ticket": labels, "survived": [int(at // 6 % 7 == 0) for at in range(720)]})
    write_canonical(tickets, tmp_path / "tickets.parquet")
    caption = relation(tmp_path / "tickets.parquet", "ticket", "survived")["caption"]
    assert "most often" not in caption
    levels = [(f"level {at:02}", 300 - 10 * at, 0.1 + 0.02 * at) for at in range(15)] + [("rare", 64, 0.0)]
    rows = [(name, int(at < share * count)) for name, count, share in levels for at in range(count)]
    write_canonical(pl.DataFrame(rows, schema=["level", "rich"], orient="row"), tmp_path / "levels.parquet")
    caption = relation(tmp_path / "levels.parquet", "level", "rich")["caption"]
    assert caption.endswith("against 0% of 64 rows where it is rare.")


@pytest.mark.parametrize("n_rows", [60, 100, 200, 400])
def test_a_number_that_tells_two_classes_apart_is_seen_in_few_rows(n_rows: int) -> None:
    chance = np.random.default_rng(n_rows)
    classes = np.arange(n_rows) % 2
    judge = Judge(pl.Series("y", classes), classes=True)
    assert judge.power(pl.Series("x", chance.normal(size=n_rows) + 20 * classes)) == 1.0
    assert judge.power(pl.Series("noise", chance.normal(size=n_rows))) < 0.5


def test_two_rows_of_a_class_are_told_apart_by_chance() -> None:
    classes = [1, 1] + [0] * 58
    assert Judge(pl.Series("y", classes), classes=True).power(pl.Series("x", [9.0, 8.0, *np.arange(58) / 58])) < 0.9


def strengths(table: Path, frame: pl.DataFrame, target: str) -> dict[str, float | None]:
    columns = [vars(column) for column in profile(frame).columns]
    found = relations_of_table({"table": str(table), "columns": columns, "target": target})
    assert target not in {item["name"] for item in found["columns"]}
    ordered = [item["strength"] for item in found["columns"] if item["strength"] is not None]
    assert ordered == sorted(ordered, reverse=True)
    return {item["name"]: item["strength"] for item in found["columns"]}


def test_any_shape_of_relation_counts_and_chance_does_not(table: Path) -> None:
    found = strengths(table, FRAME, "squared")
    assert (found["x"] or 0) > 0.9
    assert (found["noise"] or 0) < 0.15
    assert found["gone"] is None
    assert (found["often missing"] or 0) > 0.5


def test_a_category_explains_numbers_and_numbers_explain_classes(table: Path) -> None:
    assert (strengths(table, FRAME, "by_group")["group"] or 0) > 0.98
    classes = strengths(table, FRAME, "kind")
    assert max(classes, key=lambda name: classes[name] or 0) in ("group", "by_group")
    assert (classes["noise"] or 0) < 0.1
    assert (strengths(table, FRAME, "sick")["x"] or 0) > 0.6


def test_measures_are_those_of_the_literature() -> None:
    first, second = RNG.integers(0, 4, 500), RNG.integers(0, 3, 500)
    second = np.where(RNG.random(500) < 0.5, first % 3, second)
    counts = contingency(first, second)
    chi = scipy.stats.chi2_contingency(counts, correction=False)[0]
    phi, r, c = chi / 500, *counts.shape
    smaller = min(size - (size - 1) ** 2 / 499 for size in (r, c)) - 1
    assert corrected_v(counts) == pytest.approx(math.sqrt(max(0, phi - (r - 1) * (c - 1) / 499) / smaller))
    plain = mutual_info_score(first, second) / math.log(2)
    by_chance = ((counts > 0).sum() - r - c + 1) / (2 * 500 * math.log(2))
    assert information(counts) == pytest.approx(plain - by_chance)


def test_numbers_against_numbers_are_points_and_means(table: Path) -> None:
    found = relation(table, "x", "squared")
    assert (found["kind"], len(found["bins"])) == ("scatter", 10)
    assert len(found["points"]) <= 1000
    assert sum(entry["count"] for entry in found["bins"]) == N
    assert {entry["count"] for entry in found["bins"]} == {N // 10}
    inside = FRAME.filter(pl.col("x").is_between(found["bins"][4]["low"], found["bins"][4]["high"], closed="both"))
    assert found["bins"][4]["mean"] == pytest.approx(inside["squared"].mean())
    assert "“squared” is highest where “x” is" in found["caption"]


def test_numbers_against_a_category_are_boxes(table: Path) -> None:
    found = relation(table, "group", "by_group")
    assert (found["kind"], found["value"], found["other"]) == ("boxes", "by_group", 0)
    box = next(entry for entry in found["groups"] if entry["label"] == "g1")
    values = FRAME.filter(pl.col("group") == "g1")["by_group"].to_numpy()
    assert (box["count"], box["median"]) == (len(values), pytest.approx(np.median(values)))
    assert [box["q25"], box["q75"]] == pytest.approx(np.quantile(values, [0.25, 0.75]))
    assert values.min() <= box["low"] <= box["q25"] <= box["q75"] <= box["high"] <= values.max()
    assert "highest where “group” is g2" in found["caption"]
    assert "where it is g0" in found["caption"]


def test_classes_are_shares_of_groups(table: Path) -> None:
    found = relation(table, "group", "kind")
    assert (found["kind"], found["classes"]) == ("shares", sorted(found["classes"], key=found["classes"].index))
    for entry in found["groups"]:
        assert sum(entry["shares"]) == pytest.approx(1)
        same = FRAME.filter(pl.col("group") == entry["label"])
        shares = [(same["kind"] == label).mean() for label in found["classes"]]
        assert entry["shares"] == pytest.approx(shares)
    sick = relation(table, "x", "sick")
    assert sick["classes"] == ["0", "1"]
    assert "“sick” is 1 most often where “x” is" in sick["caption"]
    assert sick["groups"][-1]["shares"][1] > sick["groups"][0]["shares"][1]


def test_missing_values_are_a_group_of_their_own(table: Path) -> None:
    found = relation(table, "often missing", "sick")
    assert found["groups"][-1]["label"] == "missing"
    assert found["groups"][-1]["count"] == N // 3


def test_the_rest_of_a_column_of_zeros_is_told_apart(tmp_path: Path) -> None:
    gain = [at * 10 if at % 12 == 0 else 0 for at in range(3000)]
    frame = pl.DataFrame({"gain": gain, "rich": ["yes" if value > 15_000 else "no" for value in gain]})
    write_canonical(frame, tmp_path / "table.parquet")
    found = relation(tmp_path / "table.parquet", "gain", "rich")
    assert found["groups"][0] == {"label": "0", "low": 0, "high": 0, "count": 2751, "shares": [1.0, 0.0]}
    assert found["groups"][-1]["shares"] == [0.0, 1.0]
    assert found["strength"] > 0.9


def test_of_values_that_never_repeat_it_is_said_whether_they_are_missing(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "cabin": [f"C{at} {at * 7}" if at % 3 == 0 else None for at in range(900)],
            "lived": [bool(at % 3 == 0 or at % 10 == 0) for at in range(900)],
        }
    )
    write_canonical(frame, tmp_path / "table.parquet")
    found = relation(tmp_path / "table.parquet", "cabin", "lived")
    assert (
        found["caption"] == "“lived” is true in 10% of the rows where “cabin” is missing, and in 100% where it is not."
    )


def test_numbers_in_time_are_means_of_calendar_periods(table: Path) -> None:
    found = relation(table, "day", "growing")
    assert found["kind"] == "trend"
    assert found["periods"][0]["start"] == "2020-01-01"
    assert sum(entry["count"] for entry in found["periods"]) == N
    means = [entry["mean"] for entry in found["periods"]]
    assert means == sorted(means)
    classes = relation(table, "day", "sick")
    assert (classes["kind"], classes["groups"][0]["low"]) == ("shares", "2020-01-01")


def test_what_hardly_matters_is_said(table: Path) -> None:
    for target in ("sick", "by_group"):
        found = relation(table, "noise", target)
        if found["strength"] < 0.05:
            assert found["caption"] == f"“{target}” hardly differs with “noise”."
    assert relation(table, "gone", "sick")["caption"] == "“sick” hardly differs with “gone”."


def test_dates_and_nothing_are_no_target(table: Path) -> None:
    for target, words in (("day", "dates"), ("gone", "no values")):
        with pytest.raises(InvalidInput, match=words) as error:
            relation(table, "x", target)
        assert error.value.fields[0].field == "target"


def test_a_sample_is_said(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": np.arange(250_000) % 7, "b": np.arange(250_000) % 11})
    write_canonical(frame, tmp_path / "table.parquet")
    found = relation(tmp_path / "table.parquet", "a", "b")
    assert found["note"] == "Computed from a sample of 83,334 of 250,000 rows."


VALUES: dict[Any, st.SearchStrategy[Any]] = {
    pl.Int64: st.integers(-(2**63), 2**63 - 1),
    pl.Float64: st.floats(allow_nan=False, allow_infinity=False),
    pl.Boolean: st.booleans(),
    pl.String: st.text(max_size=4),
    pl.Date: st.dates(),
    pl.Datetime("us"): st.datetimes(),
}


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_two_columns_can_be_drawn(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    height, repeated = data.draw(st.integers(1, 9)), data.draw(st.sampled_from([1, 9]))
    columns = {}
    for name in ("a", "b"):
        dtype = data.draw(st.sampled_from(list(VALUES)))
        some = data.draw(st.lists(st.none() | VALUES[dtype], min_size=height, max_size=height))
        columns[name] = pl.Series(some * repeated, dtype=dtype)
    path = tmp_path_factory.mktemp("tables") / "table.parquet"
    frame = pl.DataFrame(columns)
    write_canonical(frame, path)
    request = {"table": str(path), "columns": [vars(column) for column in profile(frame).columns], "target": "b"}
    if frame["b"].dtype.is_temporal() or frame["b"].null_count() == frame.height:
        with pytest.raises(InvalidInput):
            relations_of_table(request)
        return
    (found,) = relations_of_table(request)["columns"]
    drawn = relation_of_table({**request, "column": "a"})
    assert drawn["strength"] == found["strength"]
    assert found["strength"] is None or 0 <= found["strength"] <= 1
    assert drawn["caption"].endswith(".")
    json.dumps([found, drawn], allow_nan=False)
