"""The types of a column's cells, and what becomes of a column of several."""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.data.workbook.sheets import read_sheet


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["007", "12"], ["007", "12"]),
        ([1, 2], [1, 2]),
        ([1, 2.5], [1.0, 2.5]),
        ([0.1 + 0.2, 1e300], [0.3, 1e300]),
        ([True, False], [True, False]),
        ([date(2020, 1, 2), date(1999, 12, 31)], [date(2020, 1, 2), date(1999, 12, 31)]),
        ([time(3, 4, 5), time(23, 59, 59)], ["03:04:05", "23:59:59"]),
        ([timedelta(hours=30), timedelta(seconds=1)], [108_000.0, 1.0]),
        (["#N/A", 2], [None, 2]),
        (["#DIV/0!", "x"], [None, "x"]),
        (["NA", 2], [None, 2]),
        (["n/a", "x"], [None, "x"]),
        (["-", 2.5], [None, 2.5]),
        (["x", 5], ["x", "5"]),
        ([" x ", "y"], ["x", "y"]),
        (["2020-01-02", "2020-02-03"], [date(2020, 1, 2), date(2020, 2, 3)]),
        (["yes", "no"], ["yes", "no"]),
    ],
)
def test_cells_keep_their_types(tmp_path: Path, cells: list[Any], expected: list[Any]) -> None:
    frame, _ = read_sheet(tmp_path, [["k", "v"], ["a", cells[0]], ["b", cells[1]]])
    assert frame["v"].to_list() == expected


def test_moments_keep_their_time_of_day(tmp_path: Path) -> None:
    moments = [datetime(2020, 1, 2, 3, 4, 5), datetime(2020, 1, 3)]  # noqa: DTZ001
    assert read_sheet(tmp_path, [["k", "v"], ["a", moments[0]], ["b", moments[1]]])[0]["v"].to_list() == moments


def test_kinds_without_a_common_type_are_texts(tmp_path: Path) -> None:
    frame, _ = read_sheet(tmp_path, [["k", "v"], ["a", timedelta(hours=1)], ["b", "x"], ["c", True]])
    assert frame["v"].dtype == pl.String
    assert frame["v"].null_count() == 0


def test_texts_that_were_read_as_missing_are_said(tmp_path: Path) -> None:
    _, warnings = read_sheet(tmp_path, [["k", "v"], ["a", "NA"], ["b", 2], ["c", 3]])
    assert "In “v”, “NA” was read as missing (1)" in warnings
