"""The figures of a column are the ones its readers know from NumPy, SciPy and pandas."""

import json
import math
from collections import Counter
from dataclasses import asdict
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.data.profiling.counts import count_texts, count_values
from flowml.data.profiling.profile import profile
from flowml.domain.datasets import ColumnStats, TopValue


def stats_of(values: pl.Series) -> ColumnStats:
    return profile(pl.DataFrame({values.name or "v": values})).stats[0]


@pytest.mark.parametrize("whole", [True, False])
def test_numbers(whole: bool) -> None:
    rng = np.random.default_rng(3)
    numbers = rng.integers(0, 50, 501) if whole else rng.gamma(2, size=501)
    found = stats_of(pl.Series([None, *numbers.tolist(), None]))
    assert (found.count, found.missing, found.missing_share) == (501, 2, 2 / 503)
    assert found.n_unique == len(np.unique(numbers))
    assert found.mean == pytest.approx(numbers.mean())
    assert found.std == pytest.approx(numbers.std(ddof=1))
    assert [found.q25, found.median, found.q75] == pytest.approx(np.quantile(numbers, [0.25, 0.5, 0.75]))
    assert (found.min, found.max) == (numbers.min(), numbers.max())
    assert found.skewness == pytest.approx(scipy.stats.skew(numbers))


def test_frequent_values_come_first_and_ties_in_their_order() -> None:
    assert stats_of(pl.Series(["b", "a", "b", None, "c", "a"])).top == (
        TopValue("a", 2),
        TopValue("b", 2),
        TopValue("c", 1),
    )
    assert stats_of(pl.Series([3, 1, 3, 2, 2])).top == (TopValue(2, 2), TopValue(3, 2), TopValue(1, 1))
    assert stats_of(pl.Series([True, False, True])).top == (TopValue(True, 2), TopValue(False, 1))
    many = stats_of(pl.Series([i % 1500 for i in range(4000)]))
    assert (many.n_unique, many.top[0]) == (1500, TopValue(0, 3))
    assert stats_of(pl.Series(["a", "b"])).top == ()


def test_what_does_not_apply_is_none() -> None:
    texts = stats_of(pl.Series(["a", "b", None]))
    assert (texts.mean, texts.min, texts.max, texts.median) == (None, None, None, None)
    days = stats_of(pl.Series([date(2020, 1, 2), date(2021, 1, 2), None]))
    assert (days.dtype, days.min, days.max, days.mean) == ("Date", "2020-01-02", "2021-01-02", None)
    moments = stats_of(pl.Series([datetime.fromisoformat("2020-01-02T03:04")], dtype=pl.Datetime("us")))
    assert (moments.dtype, moments.min) == ("Datetime", "2020-01-02T03:04:00")
    empty = stats_of(pl.Series([None, None], dtype=pl.Float64))
    assert (empty.count, empty.n_unique, empty.mean, empty.min) == (0, 0, None, None)
    assert stats_of(pl.Series([5])).std is None


def test_infinite_numbers_do_not_reach_json() -> None:
    found = stats_of(pl.Series([1.0, 2.0, math.inf, -math.inf]))
    assert (found.mean, found.min, found.max, found.count) == (1.5, 1.0, 2.0, 4)
    json.dumps(asdict(stats_of(pl.Series([math.inf]))), allow_nan=False)


def test_a_column_may_have_any_name() -> None:
    found = profile(pl.DataFrame({"count": ["a", "a"], "value": ["b", "c"], "literal": [1, 2]}))
    assert [column.name for column in found.columns] == ["count", "value", "literal"]
    assert found.stats[0].top == (TopValue("a", 2),)


@pytest.mark.parametrize("repeats", [1, 40])
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_values_are_counted_right_whichever_way_is_fast(data: st.DataObject, repeats: int) -> None:
    texts = data.draw(st.lists(st.text("ab\u00e4", max_size=3), max_size=60)) * repeats
    expected = sorted(Counter(texts).items(), key=lambda item: (-item[1], item[0]))
    n_unique, values, counts = count_texts(pl.Series(texts, dtype=pl.String), 5)
    assert (n_unique, list(zip(values, counts, strict=True))) == (len(expected), expected[:5])
    numbers = data.draw(st.lists(st.integers(-9, 9) | st.integers(-(2**63), 2**63 - 1), max_size=60)) * repeats
    for dtype in (pl.Int64, pl.Float64):
        column = pl.Series(numbers, dtype=pl.Int64).cast(dtype)
        found = count_values(column)
        known = sorted(Counter(column.to_list()).items())
        assert list(zip(found.values.tolist(), found.counts.tolist(), strict=True)) == known
        frequent = sorted(known, key=lambda item: (-item[1], item[0]))[:4]
        assert list(zip(*found.top(4), strict=True)) == frequent
        if known:
            middle = found.quantile(0.3)
            assert middle == pytest.approx(np.quantile(column.cast(pl.Float64).to_numpy(), 0.3), rel=1e-6, abs=1e3)


def test_texts_that_hardly_repeat_are_counted_by_hash() -> None:
    texts = [f"t{at}" for at in range(30_000)] + ["t7"] * 3 + ["t1", "t2", "t3"]
    assert count_texts(pl.Series(texts), 4) == (30_000, ["t7", "t1", "t2", "t3"], [4, 2, 2, 2])
    assert count_texts(pl.Series(texts[:30_000]), 3) == (30_000, ["t0", "t1", "t10"], [1, 1, 1])


def test_big_columns_are_profiled_side_by_side_with_the_same_result() -> None:
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"x": rng.normal(size=25_000), "s": [f"s{at}" for at in rng.integers(0, 20_000, 25_000)]})
    together = profile(frame)
    assert list(together.stats) == [stats_of(frame["x"]), stats_of(frame["s"])]
    assert set(together.figures) == {"distribution:20:x", "distribution:20:s"}


def test_values_further_apart_than_the_largest_float_have_a_middle() -> None:
    stats = profile(pl.DataFrame({"x": [1e308, -1e308] * 20})).stats[0]
    assert (stats.min, stats.q25, stats.median, stats.q75, stats.max) == (-1e308, -1e308, 0.0, 1e308, 1e308)
    assert stats.std is None
