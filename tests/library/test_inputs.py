"""Tables, targets and weights as scientific Python hands them over."""

import datetime
import math
import time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from flowml.library.inputs import table_of, target_of, weights_of

MONTHS = [datetime.datetime(2024, month, 1) for month in (1, 2, 3, 4)]  # noqa: DTZ001
MIXED = ["true", "x", str(2**61 + 1), "1.5"]
NOON = datetime.datetime.fromisoformat("2024-01-01T12:00:00")


def column(values: Any) -> pl.Series:
    return table_of(pd.DataFrame({"c": values}))[0]["c"]


@pytest.mark.parametrize(
    ("given", "dtype", "expected"),
    [
        (np.array([1.5, np.nan, 3, 4]), pl.Float64, [1.5, None, 3.0, 4.0]),
        (np.array([1, 2, 3, 4], dtype=np.int32), pl.Int32, [1, 2, 3, 4]),
        ([True, False, True, False], pl.Boolean, [True, False, True, False]),
        (["a", None, "", "d"], pl.String, ["a", None, "", "d"]),
        (pd.array([2**53 + 1, None, 3, 4], dtype="Int64"), pl.Int64, [2**53 + 1, None, 3, 4]),
        (pd.array([1.5, None, 3, 4], dtype="Float32"), pl.Float64, [1.5, None, 3.0, 4.0]),
        (pd.array([True, None, False, True], dtype="boolean"), pl.Boolean, [True, None, False, True]),
        (pd.array(["a", None, "c", "d"], dtype="string"), pl.String, ["a", None, "c", "d"]),
        (pd.Categorical(["u", None, "v", "u"], categories=["v", "u", "w"]), pl.String, ["u", None, "v", "u"]),
        (pd.Categorical([10, None, 2, 10]), pl.String, ["10", None, "2", "10"]),
        (pd.arrays.SparseArray([0, 0, 7, 0]), pl.Int64, [0, 0, 7, 0]),
        (pd.to_timedelta([12, None, 24, 6], unit="h"), pl.Float64, [0.5, None, 1.0, 0.25]),
        (pd.Series(["x", np.nan, 3, True], dtype=object), pl.String, ["x", None, "3", "true"]),
        (pd.Series([1, pd.NA, 2.5, None], dtype=object), pl.Float64, [1.0, None, 2.5, None]),
        (pd.Series([True, None, False, True], dtype=object), pl.Boolean, [True, None, False, True]),
        (pd.Series([None] * 4, dtype=object), pl.Null, [None] * 4),
        (pd.Series([2**61, 2**61 + 1, None, 0], dtype=object), pl.Int64, [2**61, 2**61 + 1, None, 0]),
        (pd.Series([2**64 - 1, None, 2, 0], dtype=object), pl.UInt64, [2**64 - 1, None, 2, 0]),
        (pd.Series([2**80 + 1, None, 2, 0], dtype=object), pl.String, [str(2**80 + 1), None, "2", "0"]),
        (pd.Series([Decimal(2**61), Decimal(2**61 + 1), None, 0], dtype=object), pl.Int64, [2**61, 2**61 + 1, None, 0]),
        (pd.Series([Decimal("1.5"), Decimal("NaN"), None, 0], dtype=object), pl.Float64, [1.5, None, None, 0.0]),
        (pd.Series([10**400, 1.5, None, 0], dtype=object), pl.Float64, [math.inf, 1.5, None, 0.0]),
        (pd.period_range("2024-01", periods=4, freq="M"), pl.Datetime("us"), MONTHS),
        (pd.Series(list(pd.period_range("2024-01", periods=4, freq="M")), dtype=object), pl.Datetime("us"), MONTHS),
        (pd.interval_range(0, 4), pl.String, ["(0, 1]", "(1, 2]", "(2, 3]", "(3, 4]"]),
        (pd.Series([datetime.timedelta(hours=6), None] * 2, dtype=object), pl.Float64, [0.25, None] * 2),
        ([np.array([1, 2]), [3], (4, "é"), None], pl.String, ["[1,2]", "[3]", '[4,"é"]', None]),
        ([{"b": {2, 1}}, {"a": None}, {}, None], pl.String, ['{"b":[1,2]}', '{"a":null}', "{}", None]),
        ([b"ab", b"\xff\xfe", b"", None], pl.String, ["ab", "//4=", None, None]),
        (pd.Series([np.bool_(True), "x", np.int64(2**61 + 1), 1.5], dtype=object), pl.String, MIXED),
    ],
)
def test_every_kind_of_pandas_column_is_what_it_was(given: Any, dtype: Any, expected: list[Any]) -> None:
    found = column(given)
    assert found.dtype == dtype and found.to_list() == expected


@pytest.mark.parametrize(
    "given",
    [
        pd.to_datetime(["2024-01-01 12:00", None, "2024-01-03 00:00", "2024-01-04 00:00"]),
        pd.to_datetime(["2024-01-01 12:00", None, "2024-01-03 00:00", "2024-01-04 00:00"]).as_unit("s"),
        pd.to_datetime(["2024-01-01 14:00+02:00", None, "2024-01-03 02:00+02:00", "2024-01-04 02:00+02:00"]).tz_convert(
            "Europe/Paris"
        ),
        pd.Series(
            [NOON, None, datetime.date(2024, 1, 3), pd.Timestamp("2024-01-04")],
            dtype=object,
        ),
    ],
)
def test_times_are_in_utc_whatever_they_came_in(given: Any) -> None:
    found = column(given)
    assert found.dtype == pl.Datetime("us")
    assert found[0] == NOON and found[1] is None and found[2] == NOON + datetime.timedelta(days=1.5)


def test_a_million_rows_of_pandas_take_less_than_a_second() -> None:
    generator = np.random.default_rng(0)
    rows = 1_000_000
    words = np.array(["red", "green", "blue"], dtype=object)
    numbers = {f"n{number}": generator.normal(size=rows) for number in range(10)}
    frame = pd.DataFrame(
        numbers
        | {
            "word": generator.choice(words, rows),
            "kind": pd.Categorical(generator.choice(words, rows)),
            "count": pd.array(generator.integers(0, 9, rows), dtype="Int64"),
            "when": pd.date_range("2020", periods=rows, freq="s"),
        }
    )
    started = time.process_time()
    table, names = table_of(frame)
    assert time.process_time() - started < 1
    assert names == list(frame.columns) and table.height == rows


def test_names_of_columns_are_known_where_there_are_any() -> None:
    assert table_of(pl.DataFrame({"a": [1]}))[1] == ["a"]
    assert table_of(pl.LazyFrame({"a": [1]}))[1] == ["a"]
    table, names = table_of(np.ones((2, 3)))
    assert table.columns == ["x0", "x1", "x2"] and names is None
    assert table_of(pd.DataFrame(np.ones((2, 2))))[1] is None
    with pytest.raises(TypeError, match="string names"):
        table_of(pd.DataFrame({"a": [1], 2: [3]}))
    with pytest.raises(ValueError, match="Two columns"):
        table_of(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_a_list_of_mixed_rows_keeps_its_numbers() -> None:
    table, _ = table_of([[1, "a"], [2.5, "b"]])
    assert table.dtypes == [pl.Float64, pl.String]


def test_neighbouring_whole_numbers_stay_two_whatever_they_come_in() -> None:
    ids = [2**61, 2**61 + 1]
    for given in ([[ids[0], 0.5], [ids[1], 1.5]], np.array(ids).reshape(-1, 1), [{"c": ids[0]}, {"c": ids[1]}]):
        assert table_of(given)[0].to_series().to_list() == ids
    assert table_of([[2**80, 1], [2**80 + 1, 2]])[0].to_series().to_list() == [str(2**80), str(2**80 + 1)]


def test_a_list_of_dictionaries_is_a_table_of_rows() -> None:
    table, names = table_of([{"a": 1, "b": "x"}, {"b": None, "a": 2}, {"c": True}])
    assert names == ["a", "b", "c"]
    assert table.rows() == [(1, "x", None), (2, None, None), (None, None, True)]
    with pytest.raises(TypeError, match="string names"):
        table_of([{1: 2}])


def test_masked_values_are_missing() -> None:
    mask = [[False, True], [False, False]]
    for dtype in (float, int, object):
        table, _ = table_of(np.ma.array([[1, 2], [3, 4]], mask=mask, dtype=dtype))
        assert table.rows() == [(1, None), (3, 4)]
    with pytest.raises(ValueError, match="masked"):
        target_of(np.ma.array([1, 2], mask=[False, True]), classification=True)


def test_lists_records_and_bytes_of_polars_are_texts() -> None:
    given = pl.DataFrame({"l": [[1, 2], None], "r": [{"k": "v"}, {"k": None}], "b": [b"x", None], "n": [1, 2]})
    table, names = table_of(given)
    assert table.rows() == [("[1,2]", '{"k":"v"}', "x", 1), (None, '{"k":null}', None, 2)]
    assert names == given.columns


def test_a_polars_table_of_the_caller_is_left_alone() -> None:
    given = pl.DataFrame({"a": [1]})
    assert table_of(given)[0] is given


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.ones(3), "Reshape your data"),
        (np.ones((2, 2, 2)), "3D array"),
        (np.ones((0, 2)), r"0 sample\(s\)"),
        (np.ones((2, 0)), r"0 feature\(s\)"),
        (pd.DataFrame(index=range(3)), r"0 feature\(s\)"),
        (np.ones((2, 2)) * 1j, "Complex"),
        (pd.DataFrame({"c": pd.Series([1j, 2], dtype=object)}), "Complex"),
        (pd.Series([1, 2]), "Expected 2D array, got 1D"),
        (pd.DataFrame({"a": [1], "b": ["x"]}).iloc[0], "Expected 2D array, got 1D"),
        (pl.Series([1, 2]), "Expected 2D array, got 1D"),
        (iter([1]), "Expected 2D array"),
        (np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]), "Expected 2D array, got 1D"),
    ],
)
def test_what_is_no_table_is_refused(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        table_of(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([1, 2, 1], np.array([1, 2, 1])),
        ([1.0, 2.0, 1.0], np.array([1.0, 2.0, 1.0])),
        ([True, False, True], np.array([True, False, True])),
        (pd.Series([1, 2, 1], dtype="Int64"), np.array([1, 2, 1])),
        (pd.Series([1, 2, 1], dtype=object), np.array([1, 2, 1])),
        (pd.Series(["a", "b", "a"], dtype="category"), np.array(["a", "b", "a"], dtype=object)),
        (pl.Series(["a", "b", "a"]), np.array(["a", "b", "a"], dtype=object)),
        (["a", "b", "a"], np.array(["a", "b", "a"])),
        ([2**63 + 5, 7, 7], np.array([2**63 + 5, 7, 7], dtype=np.uint64)),
        (pd.Series([2**63 + 5, 7, 7], dtype="UInt64"), np.array([2**63 + 5, 7, 7], dtype=np.uint64)),
        ([-(2**63), 2**63 - 1, 0], np.array([-(2**63), 2**63 - 1, 0])),
        ([2**61, 2**61 + 1, 1.0], np.array([2**61, 2**61 + 1, 1])),
        ([Decimal(2**61), Decimal(2**61 + 1)], np.array([2**61, 2**61 + 1])),
        ([Decimal(1), Decimal(2)], np.array([1.0, 2.0])),
        ([True, 0, 1], np.array([1, 0, 1])),
        (np.array([1, 2], dtype=np.int8), np.array([1, 2], dtype=np.int8)),
    ],
)
def test_labels_are_what_they_were(given: Any, expected: np.ndarray) -> None:
    found = target_of(given, classification=True)
    assert found.dtype == expected.dtype and found.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "target y is None"),
        ([1.5, 2.5], "continuous"),
        ([1, np.nan], "NaN"),
        ([1, np.inf], "infinity"),
        (["a", None], "NaN"),
        (pd.Series([1, None], dtype="Int64"), "NaN"),
        (pd.Series([1, "a"], dtype=object), "mixes int, str"),
        (["", "a"], "empty text"),
        ([[1, 2], [3, 4]], "1d array"),
        (np.array(["2024-01-01"], dtype="datetime64[D]"), "Unknown label type: y holds dates"),
        ([1, "a"], "mixes int, str"),
        ([2**64, 3], "beyond 64 bits"),
        ([2**63, -1], "beyond 64 bits"),
        (pl.Series([2**100, 1], dtype=pl.Int128), "beyond 64 bits"),
        ([Decimal("1.5"), Decimal(2)], "continuous"),
        (pd.cut([1, 2, 3], 2), "Interval"),
        ([b"a", b"b"], "bytes"),
    ],
)
def test_what_are_no_labels_is_refused(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        target_of(given, classification=True)


def test_a_regressor_learns_numbers_only() -> None:
    assert target_of([True, False], classification=False).dtype == np.float64
    assert target_of([Decimal("1.5"), Decimal(2)], classification=False).tolist() == [1.5, 2.0]
    assert target_of([2**80, 3], classification=False).tolist() == [float(2**80), 3.0]
    for given, words in (([10**400, 3], "too large"), ([Decimal("NaN"), 3], "NaN")):
        with pytest.raises(ValueError, match=words):
            target_of(given, classification=False)
    with pytest.raises(ValueError, match="holds text"):
        target_of(["a", "b"], classification=False)


def test_weights_are_one_number_a_row() -> None:
    assert weights_of(pd.Series([1, 0, 2]), 3).tolist() == [1.0, 0.0, 2.0]
    for wrong in ([1, 2], [[1, 2, 3]], [1, -1, 1], [1, np.nan, 1], [0, 0, 0], ["a", "b", "c"]):
        with pytest.raises(ValueError, match="weight"):
            weights_of(wrong, 3)
