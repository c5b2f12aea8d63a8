"""Spreadsheets: the cells' own types, and the table among titles, totals and notes."""

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from flowml.data.format import Source
from flowml.data.formats.registry import read as read_source
from flowml.data.read import read_table
from flowml.data.writing.formats import write_table
from flowml.domain.errors import InvalidInput, UnreadableFile
from tests.data.hostile_files import _ods, _workbook
from tests.data.reading import read
from tests.data.workbooks import write_xls, write_xlsx

_FORMATS = {date: "yyyy-mm-dd", datetime: "yyyy-mm-dd hh:mm:ss", time: "hh:mm:ss", timedelta: "[h]:mm:ss"}


def workbook(path: Path, rows: list[list[Any]], **properties: str) -> Path:
    """One sheet of these cells; texts in # are errors."""
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("data")
    formats = {kind: book.add_format({"num_format": form}) for kind, form in _FORMATS.items()}
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            if isinstance(cell, str) and cell.startswith("#"):
                sheet.write_formula(at, column, "=NA()", None, cell)
            elif isinstance(cell, str):
                sheet.write_string(at, column, cell)
            elif type(cell) in formats:
                sheet.write_datetime(at, column, cell, formats[type(cell)])
            elif cell is not None:
                sheet.write(at, column, cell)
    for name, value in properties.items():
        book.set_custom_property(name, value)
    book.close()
    return path


def _read(folder: Path, rows: list[list[Any]], options: dict[str, Any] | None = None) -> tuple[pl.DataFrame, str]:
    frame, _, warnings = read_table(workbook(folder / "t.xlsx", rows), options=options)
    return frame, " ".join(warnings)


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
    frame, _ = _read(tmp_path, [["k", "v"], ["a", cells[0]], ["b", cells[1]]])
    assert frame["v"].to_list() == expected


def test_moments_keep_their_time_of_day(tmp_path: Path) -> None:
    moments = [datetime(2020, 1, 2, 3, 4, 5), datetime(2020, 1, 3)]  # noqa: DTZ001
    assert _read(tmp_path, [["k", "v"], ["a", moments[0]], ["b", moments[1]]])[0]["v"].to_list() == moments


def test_kinds_without_a_common_type_are_texts(tmp_path: Path) -> None:
    frame, _ = _read(tmp_path, [["k", "v"], ["a", timedelta(hours=1)], ["b", "x"], ["c", True]])
    assert frame["v"].dtype == pl.String
    assert frame["v"].null_count() == 0


def test_texts_that_were_read_as_missing_are_said(tmp_path: Path) -> None:
    _, warnings = _read(tmp_path, [["k", "v"], ["a", "NA"], ["b", 2], ["c", 3]])
    assert "In “v”, “NA” was read as missing (1)" in warnings


_TABLE: list[list[Any]] = [["name", "n", "x"], ["a", 1, 0.5], ["b", 2, 1.5], ["c", 3, 2.5]]


def test_titles_totals_and_notes_are_left_out_and_said(tmp_path: Path) -> None:
    rows = [["Sales of the year"], [], *_TABLE, ["Total", 6, 4.5], [], ["Source: our books"]]
    frame, warnings = _read(tmp_path, rows)
    assert frame.rows() == [("a", 1, 0.5), ("b", 2, 1.5), ("c", 3, 2.5)]
    assert frame.columns == ["name", "n", "x"]
    assert "row 1: “Sales of the year”" in warnings
    assert "row 7: “Total 6 4.5”" in warnings
    assert "row 9: “Source: our books”" in warnings


def test_empty_rows_and_columns_around_the_table_are_no_part_of_it(tmp_path: Path) -> None:
    frame, warnings = _read(
        tmp_path, [[], [], *([None, None, *row] for row in _TABLE[:2]), [], [None, None, "c", 3, 1]]
    )
    assert frame.rows() == [("a", 1, 0.5), ("c", 3, 1.0)]
    assert "1 empty row" in warnings


def test_merged_names_of_groups_go_in_front_of_the_names(tmp_path: Path) -> None:
    rows = [[None, "2023", None, "2024", None], ["id", "q1", "q2", "q1", "q2"], ["a", 1, 2, 3, 4], ["b", 5, 6, 7, 8]]
    assert _read(tmp_path, rows)[0].columns == ["id", "2023 q1", "2023 q2", "2024 q1", "2024 q2"]


def test_years_are_names_and_numbers_are_not(tmp_path: Path) -> None:
    assert _read(tmp_path, [["place", 2023, 2024], ["a", 1, 2], ["b", 3, 4]])[0].columns == ["place", "2023", "2024"]
    frame, warnings = _read(tmp_path, [[1, 2.5, "x"], [2, 3.5, "y"], [3, 4.5, "z"]])
    assert frame.columns == ["column_1", "column_2", "column_3"]
    assert frame.height == 3
    assert "looks like data" in warnings


def test_the_header_can_be_chosen(tmp_path: Path) -> None:
    rows = [["x", "y"], ["a", "b"], [1, 2], [3, 4]]
    assert _read(tmp_path, rows, {"header": 2})[0].to_dict(as_series=False) == {"a": [1, 3], "b": [2, 4]}
    assert _read(tmp_path, rows, {"header": 0})[0].height == 4
    source = Source(tmp_path / "t.xlsx", "t.xlsx", tmp_path)
    assert read_source(source).decided == {"sheet": "data", "header": 1}
    with pytest.raises(InvalidInput) as error:
        _read(tmp_path, rows, {"header": -1})
    assert error.value.fields[0].field == "options.header"


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
    path = workbook(tmp_path / "t.xlsx", [["a", "b"], [1, "x"], [2, "y"]], flowml_types=types)
    assert read_table(path)[0].to_dict(as_series=False) == {"a": [1, 2], "b": ["x", "y"]}


def test_types_may_be_spread_over_several_properties(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "t.xlsx",
        [["a", "b"], [1, "5"], [2, ""]],
        flowml_types='{"a": "Str',
        flowml_types_2='ing", "b": "String"}',
    )
    assert read_table(path)[0].to_dict(as_series=False) == {"a": ["1", "2"], "b": ["5", ""]}


def _ods_rows(*rows: list[Any]) -> bytes:
    def cell(value: Any) -> str:
        if isinstance(value, str):
            return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'

    return "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows).encode()


def test_an_opendocument_spreadsheet_is_read(tmp_path: Path) -> None:
    content = _ods(_ods_rows(["a", "b"], [1, "x"], [2.5, "007"]))
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


def test_a_wide_but_full_table_is_not_taken_for_scattered_cells(tmp_path: Path) -> None:
    rows: list[list[Any]] = [[f"c{i}" for i in range(800)], *([[1] * 800] * 30)]
    assert _read(tmp_path, rows)[0].shape == (30, 800)


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

    _rewritten(path, written)
    frame, _, warnings = read_table(path)
    # The next cell keeps its value.
    assert frame.to_dict(as_series=False) == {"id": [1, None, 3], "v": [10, 20, 30]}
    assert named in " ".join(warnings)


@pytest.mark.parametrize("piece", ['<c t="e" ', '<c t="e">', "<c t='e'><f>", '<c t="e"><v>'])
def test_damaged_cells_of_errors_take_no_time(tmp_path: Path, piece: str) -> None:
    path = write_xlsx(tmp_path / "t.xlsx", {"s": [["n"], ["#N/A"]]})
    _rewritten(path, lambda sheet: sheet.replace(b"</row>", piece.encode() * 200_000, 1))
    with pytest.raises(UnreadableFile):
        read_table(path)


def _rewritten(path: Path, change: Callable[[bytes], bytes]) -> None:
    """The first sheet of a workbook changed in its bytes."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = change(parts["xl/worksheets/sheet1.xml"])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_errors_among_dates(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["id", "v"], [1, date(2020, 1, 2)], [2, "#NAME?"], [3, date(2021, 1, 2)]]
    frame, warnings = _read(tmp_path, rows)
    assert frame["v"].to_list() == [date(2020, 1, 2), None, date(2021, 1, 2)]
    assert "#NAME? in B3" in warnings


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
    _rewritten(path, lambda sheet: sheet.replace(b"</sheetData>", far))
    assert read_table(path)[0].to_dicts() == [{"name": "a", "n": 1.5}]


def test_values_that_are_no_dates_are_named_by_their_rows_in_the_sheet(tmp_path: Path) -> None:
    days: list[list[Any]] = [[f"2020-01-{day:02d}", day] for day in range(1, 29)]
    days[4][0], days[20][1] = "0000-00-00", "high"
    _, warnings = _read(tmp_path, [["A title"], [], ["day", "n"], days[0], [], *days[1:]])
    assert "“0000-00-00” (row 9)" in warnings
    assert "“high” (row 25)" in warnings
    assert "1 empty row was left out." in warnings


def test_one_row_of_values_is_a_row(tmp_path: Path) -> None:
    frame, warnings = _read(tmp_path, [[date(2023, 3, 12), 124.5, 7]])
    assert frame.rows() == [(date(2023, 3, 12), 124.5, 7)]
    assert "the columns were numbered" in warnings


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
    frame, warnings = _read(tmp_path, [*titles, *header, ["x", 1, 2, 3, 4], ["y", 5, 6, 7, 8]])
    assert "|".join(frame.columns) == names
    assert frame.rows() == [("x", 1, 2, 3, 4), ("y", 5, 6, 7, 8)]
    assert f"{'two' if len(header) == 2 else 'three'} rows: the names of groups above" in warnings


def test_a_sheet_that_begins_with_a_row_like_the_others_has_no_names(tmp_path: Path) -> None:
    frame, warnings = _read(tmp_path, [["red", "S", 5], ["blue", "M", 6], ["red", "M", 7], ["blue", "S", 8]])
    assert frame.height == 4
    assert "looks like data" in warnings
