"""Every format is detected by its content and read into the same few types."""

import io
import json
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from flowml.data.format import Limits, Source
from flowml.data.formats import registry
from flowml.data.read import read_table
from flowml.domain.errors import InvalidInput, TooLarge, UnreadableFile, UnsupportedFormat
from tests.data.reading import read
from tests.data.workbooks import write_xls, write_xlsx

FRAME = pl.DataFrame({"n": [1, 2, None], "x": [0.5, None, 2.0], "s": ["a", "b", None], "b": [True, None, False]})


def _bytes(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


CONTENT = {
    "csv": FRAME.write_csv().encode(),
    "parquet": _bytes(FRAME.write_parquet),
    "feather": _bytes(FRAME.write_ipc),
    "arrows": _bytes(FRAME.write_ipc_stream),
    "json": json.dumps(FRAME.to_dicts()).encode(),
    "jsonl": FRAME.write_ndjson().encode(),
}


@pytest.mark.parametrize("extension", CONTENT)
def test_each_format_reads_back_what_was_written(tmp_path: Path, extension: str) -> None:
    frame, warnings = read(tmp_path, f"t.{extension}", CONTENT[extension])
    assert frame.equals(FRAME)
    assert frame.schema == FRAME.schema
    assert not warnings


@pytest.mark.parametrize("extension", [name for name in CONTENT if name != "csv"])
def test_a_misnamed_file_is_read_and_the_mismatch_said(tmp_path: Path, extension: str) -> None:
    frame, warnings = read(tmp_path, "t.csv", CONTENT[extension])
    assert frame.equals(FRAME)
    assert "name ends in .csv" in warnings


def test_infinite_numbers_count_as_missing(tmp_path: Path) -> None:
    infinite = pl.DataFrame({"x": [0.5, math.inf, -math.inf, None], "y": [math.inf, 1.0, math.nan, 2.0]})
    frame, warnings = read(tmp_path, "t.parquet", _bytes(infinite.write_parquet))
    assert frame.to_dict(as_series=False) == {"x": [0.5, None, None, None], "y": [None, 1.0, None, 2.0]}
    assert warnings == (
        "1 NaN (“not a number”) in “y” counts as missing. 2 infinite values in “x” count as missing."
        " 1 infinite value in “y” counts as missing."
    )
    frame, warnings = read(tmp_path, "t.csv", "x,y\n1e999,a\n2,b\n")
    assert frame["x"].to_list() == [None, 2.0]
    assert "1 infinite value in “x”" in warnings


@pytest.mark.parametrize("extension", ["parquet", "feather", "json"])
def test_a_file_that_was_cut_off_is_unreadable(tmp_path: Path, extension: str) -> None:
    for size in (9, len(CONTENT[extension]) // 2, len(CONTENT[extension]) - 9):
        with pytest.raises((UnreadableFile, UnsupportedFormat)):
            read(tmp_path, f"t.{extension}", CONTENT[extension][:size])


def test_a_stream_without_its_end_is_doubted(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.arrows", CONTENT["arrows"][:-8])
    assert frame.equals(FRAME)
    assert "may be missing" in warnings


@pytest.mark.parametrize("extension", registry.extensions())
def test_junk_is_refused_whatever_its_name(tmp_path: Path, extension: str) -> None:
    with pytest.raises(UnreadableFile) as error:
        read(tmp_path, f"t.{extension}", bytes(range(255, 0, -1)) * 9)
    assert error.value.hint


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"%PDF-1.7\n1 0 obj", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG picture"),
        (b"<!DOCTYPE html><html><body>1,2</body></html>", "a web page"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(90), "a 7-Zip archive"),
        (bytes(257).replace(b"\0", b"a") + b"ustar\x00" + bytes(300), "a tar archive"),
        (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml" + bytes(30) + b"word/document.xml", "a Word document"),
    ],
)
def test_other_kinds_of_files_are_called_by_their_name(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(UnsupportedFormat, match=what) as error:
        read(tmp_path, "t.csv", content)
    assert "CSV" in (error.value.hint or "")


def test_rich_types_become_simple_ones(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "small": pl.Series([1, 2], dtype=pl.UInt8),
            "huge": pl.Series([1, 2**64 - 1], dtype=pl.UInt64),
            "money": pl.Series([Decimal("1.25"), None], dtype=pl.Decimal(10, 2)),
            "single": pl.Series([0.5, float("nan")], dtype=pl.Float32),
            "kind": pl.Series(["a", "b"], dtype=pl.Categorical),
            "lasted": [timedelta(seconds=90), None],
            "at": [time(10, 30), None],
            "when": pl.Series([datetime.fromisoformat("2020-07-01T12:00"), None]).dt.replace_time_zone("Europe/Berlin"),
            "raw": [b"abc", b"\xff\xfe"],
            "list": [[1, 2], None],
            "record": [{"a": 1, "deep": {"b": "x"}}, {"a": None, "deep": {"b": None}}],
            "none": pl.Series([None, None], dtype=pl.Null),
            "day": ["2020-01-02", "2021-03-04"],
            "digits": ["1", "2"],
        }
    )
    read_back, _ = read(tmp_path, "t.parquet", _bytes(frame.write_parquet))
    assert dict(read_back.schema) == {
        "small": pl.Int64,
        "huge": pl.String,
        "money": pl.Float64,
        "single": pl.Float64,
        "kind": pl.String,
        "lasted": pl.Float64,
        "at": pl.String,
        "when": pl.Datetime("us"),
        "raw": pl.String,
        "list": pl.String,
        "record.a": pl.Int64,
        "record.deep.b": pl.String,
        "none": pl.String,
        "day": pl.Date,
        "digits": pl.String,
    }
    assert read_back["huge"][1] == str(2**64 - 1)
    assert read_back["single"].to_list() == [0.5, None]
    assert read_back["lasted"][0] == 90
    assert read_back["when"][0] == datetime.fromisoformat("2020-07-01T10:00")
    assert read_back["list"].to_list() == ["[1,2]", None]
    assert read_back["day"][0] == date(2020, 1, 2)


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        ([{"a": 1, "b": {"c": "x"}}, {"a": 2.5}], {"a": [1.0, 2.5], "b.c": ["x", None]}),
        ({"a": [1, 2], "b": ["x", "y"]}, {"a": [1, 2], "b": ["x", "y"]}),
        ({"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": "y"}}, {"a": [1, 2], "b": ["x", "y"]}),
        ({"columns": ["a", "b"], "index": [0], "data": [[1, "x"]]}, {"a": [1], "b": ["x"]}),
        ({"count": 2, "results": [{"a": 1}, {"a": 2}]}, {"a": [1, 2]}),
        ([["a", "b"], [1, "x"], [2, "y"]], {"a": [1, 2], "b": ["x", "y"]}),
        ([{"a": [1, 2]}, {"a": None}], {"a": ["[1, 2]", None]}),
        ([{"a": 1}, {"a": "x"}, {"a": True}], {"a": ["1", "x", "true"]}),
        ([{"a": 1}, {"b": 2}], {"a": [1, None], "b": [None, 2]}),
        ([{"id": "007"}, {"id": "12"}], {"id": ["007", "12"]}),
        ([{"big": 2**70}, {"big": 1}], {"big": [str(2**70), "1"]}),
    ],
)
def test_json_in_the_shapes_that_programs_write(
    tmp_path: Path, document: object, rows: dict[str, list[object]]
) -> None:
    frame, _ = read(tmp_path, "t.json", json.dumps(document))
    assert frame.to_dict(as_series=False) == rows


def test_damaged_json_says_where(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="line 2, column 7"):
        read(tmp_path, "t.json", '[{"a": 1},\n {"a":}]')
    with pytest.raises(UnreadableFile, match="nested"):
        read(tmp_path, "t.json", "[" * 200_000)
    with pytest.raises(UnreadableFile, match="nested"):
        read(tmp_path, "t.json", "[" + '{"a":' * 100 + "1" + "}" * 100 + "]")


def test_a_bad_line_of_json_lines_is_named(tmp_path: Path) -> None:
    good = "".join(f'{{"a": {i}}}\n' for i in range(30))
    frame, warnings = read(tmp_path, "t.jsonl", good + '{"a": oops}\n')
    assert frame.height == 30
    assert 'line 31: “{"a": oops}”' in warnings
    with pytest.raises(UnreadableFile, match="line 1"):
        read(tmp_path, "t.ndjson", '{"a": oops}\n{"a":\n{"a"}\n')


def test_a_workbook_is_read_by_its_first_sheet_with_rows(tmp_path: Path) -> None:
    path = write_xlsx(
        tmp_path / "t.xlsx",
        {
            "cover": [],
            "data": [["n", "x", "s", "flag"], [1, 0.5, "a", True], [2, "#DIV/0!", "01", None], [3, 1.5, None, False]],
            "more": [["q"], [7]],
        },
    )
    frame, columns, warnings = read_table(path)
    assert frame.to_dict(as_series=False) == {
        "n": [1, 2, 3],
        "x": [0.5, None, 1.5],
        "s": ["a", "01", None],
        "flag": [True, None, False],
    }
    assert [column.dtype for column in columns] == ["Int64", "Float64", "String", "Boolean"]
    assert any("“data” was read" in warning for warning in warnings)
    assert any("#DIV/0! in B3" in warning for warning in warnings)
    assert read_table(path, options={"sheet": "more"})[0]["q"].to_list() == [7]
    assert read_table(path, options={"sheet": 3})[0]["q"].to_list() == [7]
    with pytest.raises(InvalidInput, match="“data”"):
        read_table(path, options={"sheet": "missing"})


def test_an_old_workbook_is_read(tmp_path: Path) -> None:
    path = write_xls(tmp_path / "t.xls", [["n", "s"], [1, "a"], [2, "é"], [3.5, None]])
    assert read_table(path)[0].to_dict(as_series=False) == {"n": [1.0, 2.0, 3.5], "s": ["a", "é", None]}


def test_a_broken_workbook_is_unreadable(tmp_path: Path) -> None:
    content = write_xlsx(tmp_path / "t.xlsx", {"s": [["a"], [1]]}).read_bytes()
    with pytest.raises(UnreadableFile, match="Excel"):
        read(tmp_path, "t.xlsx", content[:600])
    old = write_xls(tmp_path / "t.xls", [["a"], [1]]).read_bytes()
    with pytest.raises(UnreadableFile):
        read(tmp_path, "t.xls", old[:1536] + bytes(100))


def test_a_table_over_the_limits_is_too_large(tmp_path: Path) -> None:
    for extension, content in CONTENT.items():
        path = tmp_path / f"t.{extension}"
        path.write_bytes(content)
        with pytest.raises(TooLarge, match="3 rows"):
            read_table(path, limits=Limits(max_rows=2))
        with pytest.raises(UnreadableFile, match="columns"):
            read_table(path, limits=Limits(max_columns=3))


def test_every_format_is_described(tmp_path: Path) -> None:
    for format in registry.all_formats():
        assert format.title
        assert format.extensions
        assert format.sniff(b"", tmp_path) == 0


def test_the_owner_of_a_file_knows_best_what_it_is(tmp_path: Path) -> None:
    content = "".join(f"2024-03-0{day} 10:00:0{day} INFO worker.Pool: started {day}\n" for day in range(1, 9))
    frame, _ = read(tmp_path, "notes.txt", content, {"format": "log"})
    assert {"timestamp", "level", "content"} <= set(frame.columns)
    frame, _ = read(tmp_path, "notes.txt", content, {"format": "csv", "delimiter": " ", "header": False})
    assert frame.width > 4
    with pytest.raises(UnreadableFile):
        read(tmp_path, "notes.txt", content, {"format": "parquet"})
    with pytest.raises(InvalidInput) as refused:
        read(tmp_path, "notes.txt", content, {"format": "docx"})
    assert refused.value.fields[0].field == "options.format"


@pytest.mark.parametrize(
    ("filename", "extension"),
    [("a.csv", "csv"), ("access.log.1", "log"), ("a.b.CSV.2.13", "csv"), ("report.2024", "2024"), ("none", "")],
)
def test_the_number_of_a_rotated_file_is_no_extension(tmp_path: Path, filename: str, extension: str) -> None:
    assert Source(tmp_path / "upload", filename, tmp_path).extension == extension
