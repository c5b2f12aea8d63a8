"""Sound tables are left alone, and no table stops the examination."""

import random
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.data.recipes.checking import check_operations
from tests.data.quality.examining import examine

N = 3000
RNG = random.Random(11)

SOUND: dict[str, list[Any]] = {
    "normal": [RNG.gauss(50, 10) for _ in range(N)],
    "ages": [min(90, max(17, int(RNG.gauss(40, 14)))) for _ in range(N)],
    "counts": [int(RNG.expovariate(0.7)) for _ in range(N)],
    "waiting times": [RNG.expovariate(0.1) for _ in range(N)],
    "prices": [round(RNG.lognormvariate(3, 0.5), 2) for _ in range(N)],
    "mostly zero": [RNG.randrange(100, 5000) if RNG.random() < 0.1 else 0 for _ in range(N)],
    "signed": [RNG.randrange(-20, 40) for _ in range(N)],
    "stars": [RNG.choice([1, 2, 3, 4, 4, 5, 5, 5]) for _ in range(N)],
    "percent": [RNG.betavariate(2, 5) * 100 for _ in range(N)],
    "flag": [RNG.random() < 0.3 for _ in range(N)],
    "yes_or_no": [RNG.choice(["yes", "no"]) for _ in range(N)],
    "cities": [RNG.choice(["Oslo", "Rome", "Kiel", "Bern", "St. Gallen", "Aix-en-Provence"]) for _ in range(N)],
    "grades": [RNG.choice(["A+", "A-", "A", "B+", "B"]) for _ in range(N)],
    "codes": [RNG.choice(["A11", "A12", "A-13", "B-11", "C4 5", "C4 6"]) for _ in range(N)],
    "schools": [RNG.choice(["11th", "12th", "1st-4th", "5th-6th"]) for _ in range(N)],
    "seasons": [RNG.choice(["inland", "island", "mainland"]) for _ in range(N)],
    "sentences": [" ".join(RNG.choice(["it", "was", "good", "bad", "cheap"]) for _ in range(9)) for _ in range(N)],
    "versions": [RNG.choice(["1.2.3", "1.2.4", "2.0.1"]) for _ in range(N)],
    "years": [RNG.randrange(1950, 2024) for _ in range(N)],
    "birthdays": [date(1950, 1, 1) + timedelta(days=RNG.randrange(20_000)) for _ in range(N)],
    "workdays": [date(2012, 1, 2) + timedelta(days=at // 5 * 7 + at % 5) for at in range(N)],
    "months": [date(1800 + at // 12, at % 12 + 1, 1) for at in range(2600)] + [None] * (N - 2600),
}


@pytest.mark.parametrize("name", [name for name in SOUND if name != "months"])
def test_a_sound_column_is_left_alone(name: str) -> None:
    frame = pl.DataFrame({name: SOUND[name], "n": [RNG.random() for _ in range(N)]})
    assert [issue["message"] for issue in examine(frame)] == []


def test_months_of_unequal_length_are_no_gaps() -> None:
    assert "date-gaps" not in {issue["code"] for issue in examine(pl.DataFrame({"m": SOUND["months"]}))}


@pytest.mark.parametrize("target", ["flag", "cities", "normal", "prices", "stars", "yes_or_no"])
def test_a_sound_target_among_sound_columns_is_left_alone(target: str) -> None:
    frame = pl.DataFrame({name: values for name, values in SOUND.items() if name != "months"})
    assert [issue["message"] for issue in examine(frame, target)] == []


def test_a_column_that_explains_much_is_no_leak() -> None:
    size = [RNG.gauss(100, 20) for _ in range(N)]
    frame = pl.DataFrame({"size": size, "price": [3 * value + RNG.gauss(0, 25) for value in size]})
    assert examine(frame, "price") == []
    petals = [(kind, RNG.gauss(mean, 0.5)) for kind, mean in (("a", 1.5), ("b", 4.3), ("c", 5.6)) for _ in range(90)]
    flowers = pl.DataFrame(RNG.sample(petals, len(petals)), schema=["kind", "petal"], orient="row")
    flowers = flowers.with_columns(width=pl.col("petal") / 3 + pl.Series([RNG.gauss(0, 0.2) for _ in petals]))
    assert examine(flowers, "kind") == []


def test_small_tables_of_categories_may_repeat_rows() -> None:
    frame = pl.DataFrame({"a": SOUND["cities"], "b": SOUND["flag"]})
    assert examine(frame) == []


VALUES: dict[Any, st.SearchStrategy[Any]] = {
    pl.Int64: st.integers(-(2**63), 2**63 - 1),
    pl.Float64: st.floats(allow_nan=False, allow_infinity=False),
    pl.Boolean: st.booleans(),
    pl.String: st.one_of(
        st.text(max_size=9),
        st.from_regex(r"[$€]?[0-9]{1,4}(,[0-9]{3})?(kg|%)?", fullmatch=True),
        st.dates().map(str),
        st.sampled_from(["Ã¶", "\ufffd", " a ", "A", "a", "`", '"', "\\", "1e999"]),
    ),
    pl.Date: st.dates(),
    pl.Datetime("us"): st.datetimes(min_value=datetime.fromisoformat("0001-01-01")),
}


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    height = draw(st.integers(1, 8))
    names = draw(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=4, unique=True))
    columns = []
    for name in names:
        dtype = draw(st.sampled_from(list(VALUES)))
        some = draw(st.lists(st.one_of(st.none(), VALUES[dtype]), min_size=height, max_size=height))
        columns.append(pl.Series(name, some, dtype=dtype))
    # Many rows of few values: most checks ask for some.
    return pl.concat([pl.DataFrame(columns)] * draw(st.sampled_from([1, 40])))


@given(frames(), st.booleans())
@settings(max_examples=120, deadline=None)
def test_no_table_stops_the_examination(frame: pl.DataFrame, with_target: bool) -> None:
    for issue in examine(frame, frame.columns[0] if with_target else None):
        assert set(issue["columns"]) <= set(frame.columns)
        check_operations(issue["operations"])


def test_findings_of_one_kind_are_told_together_and_the_worst_first() -> None:
    frame = pl.DataFrame(
        {f"c{at}": [RNG.random() if row % (at + 2) else None for row in range(N)] for at in range(9)}
        | {"same": ["a"] * N, "answer": SOUND["flag"], "leak": [int(value) for value in SOUND["flag"]]}
    )
    issues = examine(frame, "answer")
    assert [issue["severity"] for issue in issues] == sorted(
        (issue["severity"] for issue in issues), key=["critical", "warning", "info"].index
    )
    assert (issues[0]["code"], issues[0]["columns"]) == ("leakage", ("leak",))
    (missing,) = [issue for issue in issues if issue["code"] == "missing-values"]
    assert missing["columns"] == tuple(f"c{at}" for at in range(1, 9))
    assert "The same goes, though less, for “c2”" in missing["message"]
    assert missing["fix"].startswith("Fill what is missing in “c1” with the median, then fill what is missing in “c2”")
    assert len(missing["operations"]) == 8
