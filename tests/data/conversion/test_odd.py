"""The few values that are not of their column's kind."""

import json
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.data.reading import read

_NUMBERS = [f"{index}.5" for index in range(100)]
_DAYS = [str(date(2021, 1, 1) + timedelta(days=index)) for index in range(100)]


def _among(values: list[str], odd: dict[int, str]) -> list[str]:
    return [odd.get(index, value) for index, value in enumerate(values)]


def _read(folder: Path, values: list[str], name: str = "x") -> tuple[pl.Series, str]:
    lines = [f"who\t{name}", *(f"p{index}a\t{value}" for index, value in enumerate(values))]
    frame, warnings = read(folder, "t.tsv", "\n".join(lines) + "\n")
    return frame[name], warnings


@pytest.mark.parametrize(
    ("values", "odd", "dtype", "kind"),
    [
        (_NUMBERS, "high", pl.Float64, "number"),
        (_NUMBERS, "1.2.3", pl.Float64, "number"),
        (_NUMBERS, "17,5", pl.Float64, "number"),
        ([f"{value} €" for value in _NUMBERS], "free", pl.Float64, "number"),
        ([f"{value}%" for value in _NUMBERS], "most", pl.Float64, "number"),
        ([str(index) for index in range(100)], "12 kg", pl.Int64, "number"),
        (_DAYS, "soon", pl.Date, "date"),
        (_DAYS, "2021-02-30", pl.Date, "date"),
        (_DAYS, "0000-00-00", pl.Date, "date"),
        (_DAYS, "2021-13-01", pl.Date, "date"),
        (_DAYS, "0000-01-01", pl.Date, "date"),
        ([f"{day} 10:30:00" for day in _DAYS], "2021-01-01 25:00:00", pl.Datetime("us"), "date"),
        (["true", "FALSE"] * 50, "perhaps", pl.Boolean, "truth value"),
    ],
)
def test_a_value_of_no_kind_is_missing_and_named_with_its_line(
    tmp_path: Path, values: list[str], odd: str, dtype: pl.DataType, kind: str
) -> None:
    found, warnings = _read(tmp_path, _among(values, {40: odd}))
    assert found.dtype == dtype
    assert found.is_null().arg_true().to_list() == [40]
    assert f"In “x”, 1 of 100 values is no {kind}: “{odd}” (line 42). It was read as missing." in warnings


def test_several_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    _, warnings = _read(tmp_path, _among(_NUMBERS, {3: "low", 8: "low", 9: "high", 50: "low"}))
    assert "4 of 100 values are no numbers: “low” (lines 5, 10, 52), “high” (line 11). They were read as missing." in (
        warnings
    )
    _, warnings = _read(tmp_path, _among(_NUMBERS, {index: f"note {'abcde'[index]}" for index in range(5)}))
    assert "“note a” (line 2), “note b” (line 3), “note c” (line 4) and 2 more. They" in warnings


def test_a_late_one_is_named_too(tmp_path: Path) -> None:
    lines = ["n", *map(str, range(30_000))]
    lines[20_001] = "broken"
    frame, warnings = read(tmp_path, "t.csv", "\n".join(lines))
    assert frame["n"].dtype == pl.Int64
    assert "1 of 30,000 values is no number: “broken” (line 20,002). It was read as missing." in warnings


@pytest.mark.parametrize(
    ("values", "odd"),
    [
        # Too many.
        (_NUMBERS, dict.fromkeys(range(6), "high")),
        (_NUMBERS[:10], {4: "high"}),
        # The same limits and codes again and again tell something.
        (_NUMBERS, dict.fromkeys(range(0, 40, 10), "<5")),
        ([str(100 + index) for index in range(200)], dict.fromkeys(range(4), "V57")),
        (_DAYS, {4: "05.01.2021"}),
        (_DAYS, {4: "2021-01-05 10:00"}),
    ],
)
def test_where_they_are_many_or_tell_something_the_column_stays_text(
    tmp_path: Path, values: list[str], odd: dict[int, str]
) -> None:
    texts = _among(values, odd)
    found, warnings = _read(tmp_path, texts)
    assert found.to_list() == texts
    assert "kept as text" in warnings
    assert "(line" in warnings


def test_a_code_among_numbers_that_are_named_like_codes_keeps_them_text(tmp_path: Path) -> None:
    texts = _among([str(10_100 + index) for index in range(100)], {7: "10A07"})
    assert _read(tmp_path, texts, "postal code")[0].to_list() == texts
    assert _read(tmp_path, texts, "amount")[0].dtype == pl.Int64


def test_a_third_word_is_a_level_beside_true_and_false(tmp_path: Path) -> None:
    texts = _among(["true", "false"] * 60, dict.fromkeys(range(6), "mixed"))
    assert _read(tmp_path, texts)[0].to_list() == texts


def test_dates_of_zeros_may_be_many_and_impossible_days_more_than_a_few(tmp_path: Path) -> None:
    assert _read(tmp_path, _among(_DAYS[:10], {1: "0000-00-00", 4: "0000-00-00", 5: "0000-00-00"}))[0].null_count() == 3
    assert _read(tmp_path, _among(_DAYS[:10], {1: "2021-02-30"}))[0].null_count() == 1
    assert _read(tmp_path, ["00/00/0000", "13/02/2021", "14/02/2021"])[0].null_count() == 1
    assert _read(tmp_path, ["2021-02-30", "2021-02-31", "2021-02-28"])[0].dtype == pl.String


def test_numbers_that_are_dates_have_the_rule(tmp_path: Path) -> None:
    days = [day.replace("-", "") for day in _DAYS]
    found, warnings = _read(tmp_path, _among(days, {3: "0", 8: "0", 9: "20210231"}), "order_date")
    assert found.dtype == pl.Date
    assert found.is_null().arg_true().to_list() == [3, 8, 9]
    assert (
        "3 of 100 values are no dates: “0” (lines 5, 10), “20210231” (line 11). They were read as missing" in warnings
    )
    assert _read(tmp_path, _among(days, {3: "17"}), "order_date")[0].dtype == pl.Int64
    assert _read(tmp_path, ["0", "0", "20210101"], "order_date")[0].dtype == pl.Int64


def test_an_impossible_day_proves_no_order(tmp_path: Path) -> None:
    ambiguous = [f"{1 + index % 12:02}/{1 + index % 11:02}/2021" for index in range(99)]
    texts = [*ambiguous, "31/31/2021"]
    found, warnings = _read(tmp_path, texts)
    assert found.to_list() == texts
    assert "day and month cannot be told apart" in warnings


@pytest.mark.parametrize("odd", ["0000-01-01", "0000-00-00", "9999-99-99", "2021-06-31", "-001-01-01", "soon"])
def test_formats_with_types_have_the_same_rule_for_dates(tmp_path: Path, odd: str) -> None:
    texts = _among(_DAYS, {40: odd})
    records = [{"x": text, "n": index} for index, text in enumerate(texts)]
    pl.DataFrame({"x": texts}).write_parquet(tmp_path / "made.parquet")
    contents = {
        "t.json": json.dumps(records).encode(),
        "t.jsonl": "\n".join(map(json.dumps, records)).encode(),
        "t.yaml": "\n".join(f'- {{x: "{text}"}}' for text in texts).encode(),
        "t.xml": "".join(["<t>", *(f"<r><x>{text}</x><n>1</n></r>" for text in texts), "</t>"]).encode(),
        "t.parquet": (tmp_path / "made.parquet").read_bytes(),
    }
    for name, content in contents.items():
        frame, warnings = read(tmp_path, name, content)
        assert frame["x"].dtype == pl.Date, name
        assert frame["x"].is_null().arg_true().to_list() == [40], name
        assert f"1 of 100 values is no date: “{odd}” (row 41). It was read as missing." in warnings, name
