"""Spreadsheets of every kind, by whatever name, in whatever order of their parts."""

import io
import zipfile
from pathlib import Path

import pytest

from flowml.data.read import read_table
from flowml.domain.errors import UnreadableFile
from tests.data.hostile_files import _ods, _workbook
from tests.data.reading import read
from tests.data.workbook.sheets import ods_rows, rewrite
from tests.data.workbooks import write_xlsx


def test_an_opendocument_spreadsheet_is_read(tmp_path: Path) -> None:
    content = _ods(ods_rows(["a", "b"], [1, "x"], [2.5, "007"]))
    for filename in ("t.ods", "t.xlsx"):
        frame, _ = read(tmp_path, filename, content)
        assert frame.to_dict(as_series=False) == {"a": [1.0, 2.5], "b": ["x", "007"]}


def test_a_misnamed_workbook_is_read_by_its_content(tmp_path: Path) -> None:
    content = write_xlsx(tmp_path / "w.xlsx", {"s": [["a", "b"], [1, "x"]]}).read_bytes()
    for filename in ("t.xls", "t.xlsb", "t.ods", "t"):
        assert read(tmp_path, filename, content)[0].to_dict(as_series=False) == {"a": [1], "b": ["x"]}


def test_macros_of_a_workbook_are_no_reason_not_to_read_it(tmp_path: Path) -> None:
    content = _workbook(tmp_path, {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0" + bytes(500)})
    assert read(tmp_path, "t.xlsm", content)[0].height == 2


def test_protected_workbooks_are_named(tmp_path: Path) -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500) + "EncryptedPackage".encode("utf-16-le") + bytes(900)
    with pytest.raises(UnreadableFile, match="password"):
        read(tmp_path, "t.xlsx", ole)
    with pytest.raises(UnreadableFile, match="password"):
        read(tmp_path, "t.ods", _ods(b"", b"<m><manifest:encryption-data/></m>"))


def test_parts_of_an_opendocument_in_another_order(tmp_path: Path) -> None:
    text, number = 'office:value-type="string"', 'office:value-type="float" office:value="1.5"'
    cells = "".join(
        "<table:table-row>"
        + "".join(f"<table:table-cell {kind}><text:p>{shown}</text:p></table:table-cell>" for kind, shown in row)
        + "</table:table-row>"
        for row in ([(text, "name"), (text, "n")], [(text, "a"), (number, "1,5")])
    )
    with zipfile.ZipFile(io.BytesIO(_ods(cells.encode()))) as proper, zipfile.ZipFile(tmp_path / "t.ods", "w") as other:
        for part in reversed(proper.namelist()):
            other.writestr(part, proper.read(part), zipfile.ZIP_DEFLATED)
    assert read_table(tmp_path / "t.ods")[0].to_dicts() == [{"name": "a", "n": 1.5}]


def test_rows_that_are_only_formatted_to_the_end_of_the_sheet(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "t.xlsx", {"s": [["name", "n"], ["a", 1.5]]})
    far = b'<row r="1048576"><c r="A1048576" s="1"/><c r="AMJ1048576" s="1"></c></row></sheetData>'
    rewrite(path, lambda sheet: sheet.replace(b"</sheetData>", far))
    assert read_table(path)[0].to_dicts() == [{"name": "a", "n": 1.5}]
