"""Workbooks in the XML of Excel 2003."""

from datetime import date
from pathlib import Path

import pytest

from flowml.domain.errors import UnreadableFile
from tests.data.reading import read


def test_a_workbook_in_the_xml_of_excel_2003(tmp_path: Path) -> None:
    def cell(kind: str, text: str, more: str = "") -> str:
        return f'<Cell{more}><Data ss:Type="{kind}">{text}</Data></Cell>'

    rows = [
        cell("String", "Name") + cell("String", "Qty") + cell("String", "Day") + cell("String", "Ok"),
        cell("String", "a&amp;b") + cell("Number", "3.5") + cell("DateTime", "2008-01-31T00:00:00.000"),
        cell("String", "c") + cell("Error", "#N/A") + cell("Boolean", "1", ' ss:Index="4"'),
    ]
    space = "urn:schemas-microsoft-com:office:spreadsheet"
    noted = "<Row><Cell><Data ss:Type='String'>d</Data><Comment><Data>hidden</Data></Comment></Cell></Row>"
    content = (
        '<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>\n'
        f'<Workbook xmlns="{space}" xmlns:ss="{space}">'
        '<Styles><Style ss:ID="a"/><Style ss:ID="b"/></Styles><Worksheet ss:Name="First"><Table>'
        + "".join(f"<Row>{row}</Row>" for row in rows)
        + noted
        + '</Table></Worksheet><Worksheet ss:Name="Second"><Table/></Worksheet></Workbook>'
    )
    frame, warnings = read(tmp_path, "t.xls", content)
    assert frame.to_dict(as_series=False) == {
        "Name": ["a&b", "c", "d"],
        "Qty": [3.5, None, None],
        "Day": [date(2008, 1, 31), None, None],
        "Ok": [None, True, None],
    }
    assert "“Second”" in warnings


def _xml_2003(rows: str) -> str:
    space = "urn:schemas-microsoft-com:office:spreadsheet"
    sheet = f'<Worksheet ss:Name="s"><Table>{rows}</Table></Worksheet>'
    return f'<Workbook xmlns="{space}" xmlns:ss="{space}">{sheet}</Workbook>'


def test_times_and_errors_of_excel_2003(tmp_path: Path) -> None:
    def row(*cells: tuple[str, str]) -> str:
        return (
            "<Row>" + "".join(f'<Cell><Data ss:Type="{kind}">{text}</Data></Cell>' for kind, text in cells) + "</Row>"
        )

    rows = row(("String", "at"), ("String", "n"))
    rows += row(("DateTime", "1899-12-31T08:30:00.000"), ("Number", "1"))
    rows += row(("DateTime", "1899-12-31T17:00:00.000"), ("Error", "#SPILL!"))
    frame, warnings = read(tmp_path, "t.xls", _xml_2003(rows))
    # As from a workbook of today.
    assert frame.to_dict(as_series=False) == {"at": ["08:30:00", "17:00:00"], "n": [1, None]}
    assert "1 cell holds an error" in warnings


@pytest.mark.parametrize("across", [16_383, 16_000])
def test_merged_cells_without_bounds_take_no_time(tmp_path: Path, across: int) -> None:
    cell = f'<Cell ss:MergeAcross="{across}" ss:MergeDown="1000000"><Data ss:Type="Number">1</Data></Cell>'
    with pytest.raises(UnreadableFile, match=r"merged cells|columns than a sheet"):
        read(tmp_path, "t.xls", _xml_2003(f"<Row>{cell}</Row>" * 20_000))


def test_cells_beside_ones_merged_downwards(tmp_path: Path) -> None:
    def cell(text: str, more: str = "") -> str:
        return f'<Cell{more}><Data ss:Type="String">{text}</Data></Cell>'

    rows = ["a", "b", "c"], ["x", "1", "2"], ["3", "4"], ["y", "5", "6"]
    written = "".join(
        "<Row>" + "".join(cell(text, ' ss:MergeDown="1"' if text == "x" else "") for text in row) + "</Row>"
        for row in rows
    )
    assert read(tmp_path, "t.xls", _xml_2003(written))[0].rows() == [("x", "1", "2"), (None, "3", "4"), ("y", "5", "6")]
