"""Workbooks of before 2007: a document of streams."""

from pathlib import Path

import pytest

from flowml.data.read import read_table
from flowml.domain.errors import UnreadableFile
from tests.data.workbooks import write_xls


def test_a_chart_in_an_xls_keeps_its_values_to_itself(tmp_path: Path) -> None:
    rows = [["name", "n"], ["a", 1.5], ["b", 2.5]]
    path = write_xls(tmp_path / "t.xls", rows, chart=[[7.0, 8.0, 9.0], [7.0, 8.0, 9.0], [7.0, 8.0, 9.0]] * 9)
    frame, _, _ = read_table(path)
    assert frame.to_dicts() == [{"name": "a", "n": 1.5}, {"name": "b", "n": 2.5}]


@pytest.mark.parametrize("stream", ["WORKBOOK", "workbook", "Workbook", "BOOK"])
def test_the_stream_of_an_xls_in_whatever_letters(tmp_path: Path, stream: str) -> None:
    path = write_xls(tmp_path / "t.xls", [["name", "n"], ["a", 1.5]], stream_name=stream)
    assert read_table(path)[0].to_dicts() == [{"name": "a", "n": 1.5}]


def test_an_xls_with_a_password_says_so(tmp_path: Path) -> None:
    path = write_xls(tmp_path / "t.xls", [["name"], ["a"]], protected=True)
    with pytest.raises(UnreadableFile, match="protected by a password"):
        read_table(path)
