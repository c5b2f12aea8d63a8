"""Errors in cells are missing values, and named by their cells."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flowml.data.read import read_table
from flowml.domain.errors import UnreadableFile
from tests.data.workbook.sheets import read_sheet, rewrite
from tests.data.workbooks import write_xlsx


@pytest.mark.parametrize("error", ["#NAME?", "#GETTING_DATA", "#SPILL!", "#FIELD!", "#DIV/0!", "#N/A"])
@pytest.mark.parametrize("values", [[1.5, 2.5], [True, False], ["a", "b"], [1, 2]])
def test_errors_in_cells_are_missing_and_named(tmp_path: Path, error: str, values: list[Any]) -> None:
    rows = [["id", "v"], [1, values[0]], [2, error], [3, values[1]]]
    frame, _, warnings = read_table(write_xlsx(tmp_path / "t.xlsx", {"s": rows}))
    assert frame["v"].to_list() == [values[0], None, values[1]]
    assert f"1 cell holds an error and counts as missing: {error} in B3." in warnings


@pytest.mark.parametrize(
    ("cell", "named"),
    [
        ("<c r='A3' t='e'><v>#SPILL!</v></c>", "#SPILL! in A3"),
        ('<c r="A3" t="e"><f>b&gt;c</f><v xml:space="preserve">#CALC!</v></c>', "#CALC! in A3"),
        ('<c r="A3" t="e"/>', ""),
        ('<c r="A3" t="e"><v/></c>', ""),
    ],
)
@pytest.mark.parametrize("prefix", ["", "x:"])
def test_errors_however_they_are_written(tmp_path: Path, cell: str, named: str, prefix: str) -> None:
    rows: list[list[Any]] = [["id", "v"], [1, 10], [2, 20], [3, 30]]
    path = write_xlsx(tmp_path / "t.xlsx", {"s": rows})

    def written(sheet: bytes) -> bytes:
        xml = sheet.decode().replace('<c r="A3"><v>2</v></c>', cell)
        named_space = f"xmlns:{prefix}".rstrip(":") + "="
        return re.sub(r"<(/?)(?=\w)", rf"<\1{prefix}", xml).replace("xmlns=", named_space).encode()

    rewrite(path, written)
    frame, _, warnings = read_table(path)
    # The next cell keeps its value.
    assert frame.to_dict(as_series=False) == {"id": [1, None, 3], "v": [10, 20, 30]}
    assert named in " ".join(warnings)


@pytest.mark.parametrize("piece", ['<c t="e" ', '<c t="e">', "<c t='e'><f>", '<c t="e"><v>'])
def test_damaged_cells_of_errors_take_no_time(tmp_path: Path, piece: str) -> None:
    path = write_xlsx(tmp_path / "t.xlsx", {"s": [["n"], ["#N/A"]]})
    rewrite(path, lambda sheet: sheet.replace(b"</row>", piece.encode() * 200_000, 1))
    with pytest.raises(UnreadableFile):
        read_table(path)


def test_errors_among_dates(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["id", "v"], [1, date(2020, 1, 2)], [2, "#NAME?"], [3, date(2021, 1, 2)]]
    frame, warnings = read_sheet(tmp_path, rows)
    assert frame["v"].to_list() == [date(2020, 1, 2), None, date(2021, 1, 2)]
    assert "#NAME? in B3" in warnings
