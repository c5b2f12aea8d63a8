"""More lines of a header, right below the names."""

from pathlib import Path

import polars as pl
import pytest

from tests.data.reading import read

_SURVEY = (
    "Begun,Answer,Speed,Price\n"
    'Begin Date,"How was\nit?",Rate - Speed,Rate - Price\n'
    '"{""Id"":""begun""}","{""Id"":""Q1""}","{""Id"":""Q2""}","{""Id"":""Q3""}"\n'
    "2024-03-01,Good,5,4\n2024-03-02,Bad,3,2\n2024-03-02,Bad,1,\n"
)
_LOGGER = (
    '"TIME","N","Volt","Air"\n"TS","RN","Volts","Deg C"\n"","","Avg","Avg"\n'
    '"2024-03-01 00:10:00",0,12.9,3.4\n"2024-03-01 00:20:00",1,12.8,"NAN"\n"2024-03-01 00:30:00",2,12.8,3.1\n'
)
_BANK = (
    "Date,Text,Paid,Balance\n****,****,****,****\n01/04/24,Tea,450.00,90.5\n25/04/24,Rent,,80.5\n"
    "\nSUMMARY,,,\nOpening,Debits,Credits,Closing\n1,2,3,4\n"
)


@pytest.mark.parametrize(
    ("content", "height", "dtypes", "said"),
    [
        (_SURVEY, 3, [pl.Date, pl.String, pl.Int64, pl.Int64], 'line 4: “"{""Id'),
        (_LOGGER, 3, [pl.Datetime("us"), pl.Int64, pl.Float64, pl.Float64], 'line 3: “"","","Avg'),
        (_BANK, 2, [pl.Date, pl.String, pl.Float64, pl.Float64], "line 2: “****"),
    ],
)
def test_lines_below_the_names_that_describe_columns_are_left_out_and_named(
    tmp_path: Path, content: str, height: int, dtypes: list[pl.DataType], said: str
) -> None:
    frame, warnings = read(tmp_path, "t.csv", content)
    assert frame.height == height, frame
    assert frame.dtypes == dtypes, frame
    assert said in warnings
    assert "below the names" in warnings


@pytest.mark.parametrize("header", [1, False])
def test_what_the_owner_says_of_the_header_keeps_them(tmp_path: Path, header: int | bool) -> None:
    frame, warnings = read(tmp_path, "t.csv", _BANK, {"header": header})
    assert "****" in frame.to_series(0).to_list()
    assert "below the names" not in warnings


@pytest.mark.parametrize(
    "first",
    [
        "x,unknown,3,4",  # one text over numbers
        "x,unknown,unknown,7",  # a number beside them
        "x,unknown,missing,",  # words for a missing value
        "x,low,low,",  # a spelling that comes again
    ],
)
def test_a_first_row_with_odd_values_is_a_row(tmp_path: Path, first: str) -> None:
    rows = [f"r{at},{at},{at + 1},{at + 2}" for at in range(30)]
    frame, _ = read(tmp_path, "t.csv", "\n".join(["name,a,b,c", first, *rows, "z,low,low,5", ""]))
    assert frame.height == 32
