"""The many spellings of “no value”."""

from pathlib import Path

import polars as pl
import pytest

from tests.data.reading import read


@pytest.mark.parametrize(
    "spelling",
    [
        "NA",
        "?",
        "null",
        "NULL",
        "None",
        "n/a",
        "N/A",
        "#N/A",
        "NaN",
        "nan",
        "(blank)",
        "(null)",
        "\\N",
        "",
        "  ",
        "<NA>",
    ],
)
def test_everywhere(tmp_path: Path, spelling: str) -> None:
    frame, _ = read(tmp_path, "t.csv", f"n,s,d\n1,x,2024-01-31\n{spelling},{spelling},{spelling}\n3,z,2024-02-01\n")
    assert frame.row(1) == (None, None, None)
    assert frame.dtypes == [pl.Int64, pl.String, pl.Date]


@pytest.mark.parametrize(
    "spelling",
    [
        "-",
        "--",
        ".",
        "..",
        "nil",
        "none",
        "missing",
        "Missing",
        "UNKNOWN",
        "n.a.",
        "na",
        "#DIV/0!",
        "*",
        ":",
        "–",
        "not available",
        "Keine Angabe",
        "n.v.",
        "k. A.",
        "sin datos",
    ],
)
def test_among_numbers_and_dates_only(tmp_path: Path, spelling: str) -> None:
    rows = "\n".join(f"{i},{i}.50 €,word{i},2024-01-{i:02}" for i in range(10, 20))
    frame, warnings = read(tmp_path, "t.csv", f"n,a,s,d\n{rows}\n{spelling},{spelling},{spelling},{spelling}\n")
    assert frame.row(-1) == (None, None, spelling, None)
    assert frame.dtypes == [pl.Int64, pl.Float64, pl.String, pl.Date]
    assert f"“{spelling}”" in warnings


def test_what_counted_as_missing_is_said_and_counted(tmp_path: Path) -> None:
    _, warnings = read(tmp_path, "t.csv", "s,t\nx,NA\nNA,y\nz,?\n")
    assert "Read as missing: “NA” (2), “?” (1)" in warnings


def test_the_option_replaces_the_known_spellings(tmp_path: Path) -> None:
    content = "s,n\nNA,1\nnothing,2\nx,999\ny,4\n"
    frame, _ = read(tmp_path, "t.csv", content, {"missing": ["nothing", "999"]})
    assert frame.rows() == [("NA", 1), (None, 2), ("x", None), ("y", 4)]
    frame, warnings = read(tmp_path, "t.csv", "n\n1\n-\n3\n4\n5\n6\n", {"missing": []})
    assert frame["n"].to_list() == ["1", "-", "3", "4", "5", "6"]
    assert "1 of 6 values is no number: “-” (line 3)" in warnings


def test_a_number_that_may_mean_missing_is_pointed_out_and_kept(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.csv", "t,u,v\n20.5,-999,-5\n-9999,3,-999\n21.5,4,-1200\n-9999,5,7\n")
    assert frame["t"].to_list() == [20.5, -9999.0, 21.5, -9999.0]
    assert "“t” (-9,999 in 2 rows), “u” (-999 in 1 row)." in warnings
    assert "“v”" not in warnings


def test_flags_and_colons_in_tables_of_eurostat_are_left_out(tmp_path: Path) -> None:
    lines = [
        "unit,geo\\TIME_PERIOD\t2020 \t2021 \t2022 ",
        "PC,AT\t1.2 \t2.3 b\t: ",
        "PC,DE\t3 ep\t: c\t: ",
        "PC,FR\t5.5 \t6.6 \t: u",
        "PC,IT\t: \t1 e\t4",
    ]
    content = "\n".join(lines) + "\n"
    frame, warnings = read(tmp_path, "t.tsv", content)
    assert frame.rows() == [
        ("PC,AT", 1.2, 2.3, None),
        ("PC,DE", 3.0, None, None),
        ("PC,FR", 5.5, 6.6, None),
        ("PC,IT", None, 1.0, 4),
    ]
    assert "flags after 5 of the values (“b”, “c”, “e”, “ep”, “u”) were left out" in warnings
    assert "“:” was read as missing (5)" in warnings


def test_letters_after_numbers_are_units_elsewhere(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "t.tsv", "geo\t2020\nAT\t1.2 b\nDE\t3.1 e\n")
    assert frame["2020"].to_list() == ["1.2 b", "3.1 e"]
