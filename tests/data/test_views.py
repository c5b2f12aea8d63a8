"""Distributions and correlations of a stored table."""

import math
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.stats

from flowml.data.canonical import write_canonical
from flowml.data.correlation import correlation
from flowml.data.distribution import distribution
from flowml.data.profile import profile
from flowml.domain.datasets import Categories, Column, Histogram
from flowml.domain.errors import InvalidInput

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


def test_a_sample_is_said(tmp_path: Path) -> None:
    frame = pl.DataFrame({f"c{i}": [0.5, 1.5, 2.5] * 40_000 for i in range(61)})
    found = correlation(stored(tmp_path, frame), list(columns_of(frame).values()))
    assert len(found.columns) == 60
    assert "60 of 61 columns" in (found.note or "")
    assert "60,000 of 120,000 rows" in (found.note or "")


def test_an_unknown_method_is_refused(table: Path) -> None:
    with pytest.raises(InvalidInput, match="pearson"):
        correlation(table, list(columns_of(FRAME).values()), "kendall")
