"""Where the table is in a sheet, among titles, totals and notes, and which row holds its names."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from flowml.data.format import Source
from flowml.data.formats.registry import read as read_source
from flowml.data.read import read_table
from flowml.domain.errors import InvalidInput
from tests.data.workbook.sheets import read_sheet

_TABLE: list[list[Any]] = [["name", "n", "x"], ["a", 1, 0.5], ["b", 2, 1.5], ["c", 3, 2.5]]


def test_titles_totals_and_notes_are_left_out_and_said(tmp_path: Path) -> None:
    rows = [["Sales of the year"], [], *_TABLE, ["Total", 6, 4.5], [], ["Source: our books"]]
    frame, warnings = read_sheet(tmp_path, rows)
    assert frame.rows() == [("a", 1, 0.5), ("b", 2, 1.5), ("c", 3, 2.5)]
    assert frame.columns == ["name", "n", "x"]
    assert "row 1: “Sales of the year”" in warnings
    assert "row 7: “Total 6 4.5”" in warnings
    assert "row 9: “Source: our books”" in warnings


def test_empty_rows_and_columns_around_the_table_are_no_part_of_it(tmp_path: Path) -> None:
    frame, warnings = read_sheet(
        tmp_path, [[], [], *([None, None, *row] for row in _TABLE[:2]), [], [None, None, "c", 3, 1]]
    )
    assert frame.rows() == [("a", 1, 0.5), ("c", 3, 1.0)]
    assert "1 empty row" in warnings


def test_merged_names_of_groups_go_in_front_of_the_names(tmp_path: Path) -> None:
    rows = [[None, "2023", None, "2024", None], ["id", "q1", "q2", "q1", "q2"], ["a", 1, 2, 3, 4], ["b", 5, 6, 7, 8]]
    assert read_sheet(tmp_path, rows)[0].columns == ["id", "2023 q1", "2023 q2", "2024 q1", "2024 q2"]


def test_years_are_names_and_numbers_are_not(tmp_path: Path) -> None:
    assert read_sheet(tmp_path, [["place", 2023, 2024], ["a", 1, 2], ["b", 3, 4]])[0].columns == [
        "place",
        "2023",
        "2024",
    ]
    frame, warnings = read_sheet(tmp_path, [[1, 2.5, "x"], [2, 3.5, "y"], [3, 4.5, "z"]])
    assert frame.columns == ["column_1", "column_2", "column_3"]
    assert frame.height == 3
    assert "looks like data" in warnings


def test_the_header_can_be_chosen(tmp_path: Path) -> None:
    rows = [["x", "y"], ["a", "b"], [1, 2], [3, 4]]
    assert read_sheet(tmp_path, rows, {"header": 2})[0].to_dict(as_series=False) == {"a": [1, 3], "b": [2, 4]}
    assert read_sheet(tmp_path, rows, {"header": 0})[0].height == 4
    source = Source(tmp_path / "t.xlsx", "t.xlsx", tmp_path)
    assert read_source(source).decided == {"sheet": "data", "header": 1}
    with pytest.raises(InvalidInput) as error:
        read_sheet(tmp_path, rows, {"header": -1})
    assert error.value.fields[0].field == "options.header"


def test_a_wide_but_full_table_is_not_taken_for_scattered_cells(tmp_path: Path) -> None:
    rows: list[list[Any]] = [[f"c{i}" for i in range(800)], *([[1] * 800] * 30)]
    assert read_sheet(tmp_path, rows)[0].shape == (30, 800)


def test_a_page_of_notes_in_front_is_not_the_table(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    notes, sales = book.add_worksheet("Read me"), book.add_worksheet("Sales")
    notes.write_column(0, 0, ["Notes", "All figures are provisional"])
    for at, row in enumerate([["who", "n"], ["a", 1], ["b", 2]]):
        sales.write_row(at, 0, row)
    book.close()
    frame, _, warnings = read_table(tmp_path / "b.xlsx")
    assert frame.rows() == [("a", 1), ("b", 2)]
    assert "“Sales” was read" in " ".join(warnings)
    assert read_table(tmp_path / "b.xlsx", options={"sheet": "Read me"})[0].columns == ["Notes"]


def test_values_that_are_no_dates_are_named_by_their_rows_in_the_sheet(tmp_path: Path) -> None:
    days: list[list[Any]] = [[f"2020-01-{day:02d}", day] for day in range(1, 29)]
    days[4][0], days[20][1] = "0000-00-00", "high"
    _, warnings = read_sheet(tmp_path, [["A title"], [], ["day", "n"], days[0], [], *days[1:]])
    assert "“0000-00-00” (row 9)" in warnings
    assert "“high” (row 25)" in warnings
    assert "1 empty row was left out." in warnings


def test_one_row_of_values_is_a_row(tmp_path: Path) -> None:
    frame, warnings = read_sheet(tmp_path, [[date(2023, 3, 12), 124.5, 7]])
    assert frame.rows() == [(date(2023, 3, 12), 124.5, 7)]
    assert "the columns were numbered" in warnings


@pytest.mark.parametrize("titles", [[], [["All of it"], []]])
@pytest.mark.parametrize(
    ("header", "names"),
    [
        (
            [["Area", "Early", None, "Late", None], [None, "Sold", "Paid", "Sold", "Paid"]],
            "Area|Early Sold|Early Paid|Late Sold|Late Paid",
        ),
        (
            [["id", 2023, None, None, None], [None, "H1", None, "H2", None], [None, "a", "b", "a", "b"]],
            "id|2023 H1 a|2023 H1 b|2023 H2 a|2023 H2 b",
        ),
        ([["id", "who", "Marks", None, "Rank"], [None, None, "sums", "art", None]], "id|who|Marks sums|Marks art|Rank"),
    ],
)
def test_merged_names_go_as_far_as_their_columns(
    tmp_path: Path, header: list[list[Any]], names: str, titles: list[list[Any]]
) -> None:
    frame, warnings = read_sheet(tmp_path, [*titles, *header, ["x", 1, 2, 3, 4], ["y", 5, 6, 7, 8]])
    assert "|".join(frame.columns) == names
    assert frame.rows() == [("x", 1, 2, 3, 4), ("y", 5, 6, 7, 8)]
    assert f"{'two' if len(header) == 2 else 'three'} rows: the names of groups above" in warnings


def test_a_sheet_that_begins_with_a_row_like_the_others_has_no_names(tmp_path: Path) -> None:
    frame, warnings = read_sheet(tmp_path, [["red", "S", 5], ["blue", "M", 6], ["red", "M", 7], ["blue", "S", 8]])
    assert frame.height == 4
    assert "looks like data" in warnings
