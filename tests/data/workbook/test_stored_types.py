"""A workbook that FlowML has written says its types, and is believed where they fit."""

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from flowml.data.read import read_table
from flowml.data.writing.writers import write_table
from tests.data.workbook.sheets import write_sheet

_STORED = pl.DataFrame(
    {
        "whole": [1, None, 2**60],
        "decimal": [0.1 + 0.2, None, -1e300],
        "text": ["", "a\r\n\x01 _x000D_ ", None],
        "code": ["007", "NA", "2020-01-02"],
        "flag": [True, None, False],
        "day": [date(1850, 1, 1), None, date(2020, 1, 1)],
        "at": [datetime(2020, 1, 1, 1, 2, 3, 456_789), None, datetime(1, 1, 1)],  # noqa: DTZ001
        "nothing": pl.Series([None, None, None], dtype=pl.String),
    }
)


def test_a_workbook_that_says_its_types_comes_back_equal(tmp_path: Path) -> None:
    frame = pl.concat([_STORED.clear(1), _STORED, _STORED.clear(2)])
    write_table(frame, tmp_path / "t.xlsx")
    read_back, _, warnings = read_table(tmp_path / "t.xlsx")
    assert read_back.equals(frame)
    assert read_back.schema == frame.schema
    assert not warnings


@pytest.mark.parametrize(
    "types", ['{"a": "String"}', '{"b": "String", "a": "String"}', "{", "[]", '{"a": "Nope", "b": "String"}']
)
def test_types_that_do_not_fit_the_sheet_are_not_believed(tmp_path: Path, types: str) -> None:
    path = write_sheet(tmp_path / "t.xlsx", [["a", "b"], [1, "x"], [2, "y"]], flowml_types=types)
    assert read_table(path)[0].to_dict(as_series=False) == {"a": [1, 2], "b": ["x", "y"]}


def test_types_may_be_spread_over_several_properties(tmp_path: Path) -> None:
    path = write_sheet(
        tmp_path / "t.xlsx",
        [["a", "b"], [1, "5"], [2, ""]],
        flowml_types='{"a": "Str',
        flowml_types_2='ing", "b": "String"}',
    )
    assert read_table(path)[0].to_dict(as_series=False) == {"a": ["1", "2"], "b": ["5", ""]}
