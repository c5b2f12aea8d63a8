"""Distributions and correlations of a stored table."""

import math
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from flowml.data.canonical import write_canonical
from flowml.data.profiling.bins import date_edges, number_edges
from flowml.data.profiling.distribution import distribution, distribution_of_table
from flowml.data.profiling.figures import distribution_name
from flowml.data.profiling.profile import profile
from flowml.data.relations.correlation import correlation
from flowml.domain.datasets import Column, Role
from flowml.domain.distributions import Categories, Histogram
from flowml.domain.errors import InvalidInput

EPOCH = datetime.fromisoformat("1970-01-01")
FRAME = pl.DataFrame(
    {
        "n": [3, 1, None, 2, 1],
        "x": [0.5, math.inf, -1.0, None, 2.0],
        "s": ["Delta", "alpha", "Beta", None, "gamma"],
        "d": [date(2020, 1, 3), None, date(2020, 1, 1), date(2020, 1, 2), date(2020, 1, 1)],
    }
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return stored(tmp_path, FRAME)


def stored(folder: Path, frame: pl.DataFrame) -> Path:
    write_canonical(frame, folder / "table.parquet")
    return folder / "table.parquet"


def columns_of(frame: pl.DataFrame) -> dict[str, Column]:
    return {column.name: column for column in profile(frame).columns}


def test_a_histogram_counts_every_value_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    frame = pl.DataFrame({"x": [*rng.normal(size=999).tolist(), None, math.inf]})
    found = distribution(stored(tmp_path, frame), columns_of(frame)["x"], bins=12)
    assert isinstance(found, Histogram)
    assert (len(found.edges), len(found.counts), sum(found.counts), found.missing) == (13, 12, 999, 2)
    assert list(found.edges) == sorted(found.edges)


@pytest.mark.parametrize(
    "values", [[7.0, 7.0], [1e308, -1e308], [1.0, math.nextafter(1.0, 2.0)], [1e300, 1e300], [5e-324, 0.0, 0.0]]
)
def test_a_histogram_of_awkward_numbers(tmp_path: Path, values: list[float]) -> None:
    column = Column("x", "Float64", columns_of(pl.DataFrame({"x": [0.5, 2.5]}))["x"].role)
    found = distribution(stored(tmp_path, pl.DataFrame({"x": values})), column)
    assert isinstance(found, Histogram)
    assert sum(found.counts) == len(values)
    assert len(found.edges) == len(found.counts) + 1


def test_few_whole_numbers_and_days_get_a_bin_each(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": [3, 4, 4, 7], "d": FRAME["d"].head(4)})
    table, columns = stored(tmp_path, frame), columns_of(frame)
    numbers, days = distribution(table, columns["n"]), distribution(table, columns["d"])
    assert numbers == Histogram((2.5, 3.5, 4.5, 5.5, 6.5, 7.5), (1, 2, 0, 0, 1), 0)
    assert days == Histogram(("2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"), (1, 1, 1), 1)


def test_categories_are_counted_and_the_rest_summed(tmp_path: Path) -> None:
    frame = pl.DataFrame({"s": [f"c{min(i, 30)}" for i in range(40)] + ["c1", None], "b": [True, None] * 21})
    table, columns = stored(tmp_path, frame), columns_of(frame)
    found = distribution(table, columns["s"])
    assert isinstance(found, Categories)
    assert (found.values[:2], found.counts[:2]) == (("c30", "c1"), (10, 2))
    assert (sum(found.counts) + found.other, found.missing, len(found.values)) == (41, 1, 20)
    assert distribution(table, columns["b"]) == Categories((True,), (21,), 0, 21)


def test_nothing_to_show_and_impossible_bins(tmp_path: Path, table: Path) -> None:
    column = columns_of(FRAME)["n"]
    empty = pl.DataFrame({"n": pl.Series([None, None], dtype=pl.Int64)})
    assert distribution(stored(tmp_path, empty), column) == Histogram((), (), 2)
    with pytest.raises(InvalidInput):
        distribution(table, column, bins=0)


@given(st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), min_size=2, max_size=40), st.integers(1, 60))
def test_edges_hold_every_number_and_are_as_many_as_asked(numbers: list[float], bins: int) -> None:
    edges = number_edges(min(numbers), max(numbers), bins).tolist()
    assert edges == sorted(edges)
    assert (edges[0] <= min(numbers), edges[-1] >= max(numbers)) == (True, True)
    if max(numbers) - min(numbers) > 1e-6 * max(map(abs, numbers)):
        assert len(edges) == bins + 1


@pytest.mark.parametrize(("least", "greatest"), [(0.31, 512.33), (-3.17, 4.09), (0.00011, 0.00077), (-124.35, -114.31)])
def test_edges_have_few_digits(least: float, greatest: float) -> None:
    edges = number_edges(least, greatest, 20).tolist()
    assert all(float(f"{edge:.4g}") == edge for edge in edges)
    # Round edges are worth some empty bins, but no more than a quarter.
    assert greatest - least > 0.7 * (edges[-1] - edges[0])


def test_whole_numbers_lie_evenly_in_their_bins(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": [*range(100), 5]})
    found = distribution(stored(tmp_path, frame), columns_of(frame)["n"], bins=10)
    assert found == Histogram(tuple(float(edge) for edge in range(0, 101, 10)), (11, *[10] * 9), 0)


@pytest.mark.parametrize(
    ("first", "last", "edges"),
    [
        (date(2020, 1, 5), date(2020, 12, 24), ["2020-01-01", "2020-02-01", "2020-03-01"]),
        (date(2020, 1, 8), date(2020, 4, 1), ["2020-01-06", "2020-01-13", "2020-01-20"]),
        (date(1999, 5, 5), date(2017, 2, 20), ["1999-01-01", "2000-01-01", "2001-01-01"]),
        (
            EPOCH + timedelta(hours=3, minutes=17),
            EPOCH + timedelta(hours=20, minutes=1),
            [f"1970-01-01T0{hour}:00:00" for hour in (3, 4, 5)],
        ),
    ],
)
def test_dates_have_the_edges_of_the_calendar(tmp_path: Path, first: date, last: date, edges: list[str]) -> None:
    frame = pl.DataFrame({"d": [first, last, None, last]})
    found = distribution(stored(tmp_path, frame), columns_of(frame)["d"])
    assert isinstance(found, Histogram)
    assert list(found.edges[:3]) == edges
    assert (sum(found.counts), found.missing, len(found.counts) <= 20) == (3, 1, True)


@given(st.lists(st.datetimes(), min_size=1, max_size=20), st.integers(1, 50))
def test_no_moment_falls_outside(moments: list[datetime], bins: int) -> None:
    since = [(moment - EPOCH) // timedelta(microseconds=1) for moment in moments]
    edges = date_edges(min(since), max(since), bins, pl.Datetime("us"))
    assert (edges[0] <= min(since), edges[-1] >= max(since), len(edges) <= bins + 1) == (True, True, True)


def test_the_profile_holds_what_the_distribution_would_be(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    frame = pl.DataFrame(
        {
            "x": rng.normal(size=5000),
            "n": rng.integers(0, 10**9, 5000),
            "few": rng.integers(0, 9, 5000),
            "city": [f"c{i}" for i in rng.integers(0, 40, 5000)],
            "text": [f"t{i}" for i in rng.integers(0, 4000, 5000)],
            "yes": rng.integers(0, 2, 5000).astype(bool),
            "day": [date(2020, 1, 1) + timedelta(days=int(i)) for i in rng.integers(0, 900, 5000)],
        }
    )
    found = profile(frame)
    table = stored(tmp_path, frame)
    for column in found.columns:
        request = {"table": str(table), "column": vars(column), "bins": 20}
        assert found.figures[distribution_name(column.name)] == distribution_of_table(request)


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_linear_correlations_are_scipys(tmp_path: Path, method: str) -> None:
    rng = np.random.default_rng(2)
    a = rng.normal(size=300)
    frame = pl.DataFrame(
        {"a": a, "b": np.exp(a + rng.normal(size=300)), "c": rng.integers(0, 2, 300), "s": ["x", "y", "z"] * 100}
    )
    found = correlation(stored(tmp_path, frame), list(columns_of(frame).values()), method)
    expected = getattr(scipy.stats, f"{method}r")(frame["a"], frame["b"])[0]
    assert found.columns == ("a", "b", "c")
    assert found.matrix[0][1] == pytest.approx(expected)
    assert found.matrix[1][0] == found.matrix[0][1]
    assert found.matrix[2][2] == pytest.approx(1)


def test_spearmans_ranks_are_those_among_the_rows_where_both_have_a_value(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    columns = {}
    for name in "abcd":
        numbers = np.round(rng.normal(size=200) + np.arange(200) / 60, 1)
        columns[name] = [None if gap else number for number, gap in zip(numbers, rng.random(200) < 0.3, strict=True)]
    columns["e"] = list(np.arange(200.0) ** 2)
    frame = pl.DataFrame(columns)
    found = correlation(
        stored(tmp_path, frame), [Column(name, "Float64", Role.NUMERIC) for name in "abcde"], "spearman"
    )
    for at, first in enumerate("abcde"):
        for beside, second in enumerate("abcde"):
            expected = scipy.stats.spearmanr(
                frame[first].fill_null(math.nan), frame[second].fill_null(math.nan), nan_policy="omit"
            )[0]
            assert found.matrix[at][beside] == pytest.approx(expected)
    assert found.note is None


def test_missing_values_leave_the_common_rows(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"a": [1.5, 2.5, None, 4.5, 6.0], "b": [2.5, None, 3.0, 1.5, 0.0], "c": [None, 1.5, 2.5, None, None]}
    )
    found = correlation(stored(tmp_path, frame), list(columns_of(frame).values()))
    assert found.matrix[0][1] == pytest.approx(scipy.stats.pearsonr([1.5, 4.5, 6.0], [2.5, 1.5, 0.0])[0])
    # One row in common, and none: undefined, not a number that JSON would choke on.
    assert found.matrix[0][2] is None


def test_association_covers_mixed_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 3, 600)
    frame = pl.DataFrame(
        {
            "group": [f"g{code}" for code in codes],
            "same": [f"h{code}" for code in codes],
            "noise": [f"n{code}" for code in rng.integers(0, 4, 600)],
            "value": codes + rng.normal(size=600),
            "minus": -codes - rng.normal(size=600),
        }
    )
    found = correlation(stored(tmp_path, frame), list(columns_of(frame).values()), "association")
    index = {name: position for position, name in enumerate(found.columns)}
    assert found.matrix[index["group"]][index["same"]] == pytest.approx(1)
    table = np.array(
        [[((codes == g) & (frame["noise"] == f"n{k}").to_numpy()).sum() for k in range(4)] for g in range(3)]
    )
    assert found.matrix[index["group"]][index["noise"]] == pytest.approx(
        scipy.stats.contingency.association(table, method="cramer")
    )
    value = frame["value"].to_numpy()
    between = sum((codes == g).sum() * (value[codes == g].mean() - value.mean()) ** 2 for g in range(3))
    eta = math.sqrt(between / ((value - value.mean()) ** 2).sum())
    assert found.matrix[index["value"]][index["group"]] == pytest.approx(eta)
    assert (found.matrix[index["value"]][index["minus"]] or 0) > 0
    assert found.directions[index["value"]][index["minus"]] == -1
    assert found.directions[index["group"]][index["same"]] == 0


@pytest.mark.parametrize("method", ["pearson", "spearman", "association"])
def test_of_many_columns_those_that_go_together_most_are_shown(tmp_path: Path, method: str) -> None:
    rng = np.random.default_rng(7)
    base = rng.normal(size=900)
    frame = pl.DataFrame({f"noise{at}": rng.normal(size=900) for at in range(300)}).with_columns(
        pl.Series("kind", [f"k{at}" for at in rng.integers(0, 40, 900)]),
        pl.Series("level", ["low" if value < 0 else "high" for value in base]),
        pl.Series("last", base + rng.normal(size=900) / 5),
        pl.Series("against", -base + rng.normal(size=900) / 3),
    )
    found = correlation(stored(tmp_path, frame), list(columns_of(frame).values()), method)
    shown = set(found.columns)
    assert len(shown) == 60 and {"last", "against"} <= shown
    assert ("level" in shown) == (method == "association")
    assert f"60 of {302 + 2 * (method == 'association')} columns" in (found.note or "")
    at, other = found.columns.index("last"), found.columns.index("against")
    assert found.directions[at][other] == found.directions[other][at] == -1


def test_a_sample_is_said(tmp_path: Path) -> None:
    frame = pl.DataFrame({f"c{i}": [0.5, 1.5, 2.5] * 40_000 for i in range(61)})
    found = correlation(stored(tmp_path, frame), list(columns_of(frame).values()))
    assert len(found.columns) == 60
    assert (found.note or "").startswith("The 60 of 61 columns that go together most are shown. ")
    assert "60,000 of 120,000 rows" in (found.note or "")


def test_an_unknown_method_is_refused(table: Path) -> None:
    with pytest.raises(InvalidInput, match="pearson"):
        correlation(table, list(columns_of(FRAME).values()), "kendall")
