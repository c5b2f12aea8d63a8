"""ARFF: the header says what the columns are, and the rows are read by it."""

from pathlib import Path

import pytest

from flowml.domain.errors import UnreadableFile
from tests.data.reading import read

HEADER = """% a comment
@RELATION 'two words'
@attribute 'petal length' REAL
@Attribute class {setosa, 'not known', "x"}
@attribute seen date "yyyy-MM-dd"
@attribute note string

@DATA
"""


def test_values_are_what_the_header_says(tmp_path: Path) -> None:
    rows = "5.5,setosa,2020-01-31,'it\\'s, well'\n % between\n?, 'not known' , ?, ?\n7,x,2021-02-01,\"12\"\n"
    frame, warnings = read(tmp_path, "t.arff", HEADER + rows)
    assert frame.columns == ["petal length", "class", "seen", "note"]
    assert frame["petal length"].to_list() == [5.5, None, 7.0]
    assert frame["class"].to_list() == ["setosa", "not known", "x"]
    assert [str(day) for day in frame["seen"]] == ["2020-01-31", "None", "2021-02-01"]
    # Texts that look like numbers are declared as texts.
    assert frame["note"].to_list() == ["it's, well", None, "12"]
    assert not warnings


def test_sparse_rows_have_zeros_and_first_levels(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "t.arff", HEADER + "{0 2.5, 3 'a b'}\n{1 x}\n{ }\n")
    assert frame["petal length"].to_list() == [2.5, 0.0, 0.0]
    assert frame["class"].to_list() == ["setosa", "x", "setosa"]
    assert frame["note"].to_list() == ["a b", None, None]


def test_rows_that_do_not_fit_are_named(tmp_path: Path) -> None:
    good = "1,x,?,a\n" * 20
    frame, warnings = read(tmp_path, "t.arff", HEADER + good + "high,x,?,a\n1,x\n")
    assert frame.height == 20
    assert "2 rows do not fit the columns and were left out: line 29: “high,x,?,a”; line 30" in warnings
    with pytest.raises(UnreadableFile, match="do not fit the columns"):
        read(tmp_path, "t.arff", HEADER + "1\n2\n3\n")


@pytest.mark.parametrize("line", ["@attribute bag relational", "@attribute lonely", "@unknown"])
def test_a_header_of_another_kind_is_refused_by_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(UnreadableFile, match="Line 2"):
        read(tmp_path, "t.arff", f"@relation r\n{line}\n@data\n1\n")


def test_tabs_may_stand_between_values(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.arff", HEADER + "5.5\tsetosa\t?\t'one, two'\n7\t'not known'\t?\tplain\n")
    assert frame.select("petal length", "class", "note").rows() == [
        (5.5, "setosa", "one, two"),
        (7.0, "not known", "plain"),
    ]
    assert not warnings


@pytest.mark.parametrize("row", ["{first 3, 1 x}", "{0 1, 9 x}", "{0}", "{0 1 x}"])
def test_entries_of_a_sparse_row_that_make_no_sense_are_named(tmp_path: Path, row: str) -> None:
    frame, warnings = read(tmp_path, "t.arff", HEADER + "{0 1}\n" * 20 + row + "\n")
    assert frame.height == 20
    assert f"line 29: “{row}”" in warnings


@pytest.mark.parametrize(
    "row", ["a" + " " * 100_000 + "b,x,?,c", "{0" + " " * 100_000 + "x}", "{" + " " * 100_000 + "x}"]
)
def test_long_runs_of_blanks_take_no_time(tmp_path: Path, row: str) -> None:
    frame, _ = read(tmp_path, "t.arff", HEADER + "1,x,?,a\n" * 20 + row + "\n")
    assert frame.height == 20
