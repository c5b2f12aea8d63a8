"""JSON: what `test_formats` does not show: encodings, lists inside, GeoJSON, and large arrays in pieces."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowml.data.format import Limits
from flowml.data.formats import json as json_format
from flowml.data.nested import sequence
from flowml.data.nested.nesting import Fields, Nesting
from flowml.data.nested.records import Columns
from flowml.data.nested.width import check_width, is_scattered
from flowml.domain.errors import UnreadableFile
from tests.data.reading import read


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    content = '[{"a": "ä"}, {"a": "b"}]'.encode(encoding)
    assert read(tmp_path, "t.json", content)[0]["a"].to_list() == ["ä", "b"]


def test_lists_are_found_below_the_top(tmp_path: Path) -> None:
    document = {"response": {"meta": [{"x": 1}], "items": [{"a": 1}, {"a": 2}]}}
    frame, warnings = read(tmp_path, "t.json", json.dumps(document))
    assert frame["a"].to_list() == [1, 2]
    assert "“response.items”" in warnings
    assert read(tmp_path, "t.json", json.dumps(document), {"table": "response.meta"})[0]["x"].to_list() == [1]


def test_geojson_features_are_rows_of_their_properties(tmp_path: Path) -> None:
    point = {"type": "Point", "coordinates": [13.4, 52.5]}
    line = {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}
    features = [
        {"type": "Feature", "id": 7, "properties": {"name": "x"}, "geometry": point},
        {"type": "Feature", "id": 8, "properties": {"name": "y"}, "geometry": line},
    ]
    frame, _ = read(tmp_path, "t.geojson", json.dumps({"type": "FeatureCollection", "features": features}))
    assert frame.to_dicts()[0] | {"geometry.type": None, "geometry.coordinates": None} == frame.to_dicts()[0]
    assert frame.select("id", "name", "longitude", "latitude").row(0) == (7, "x", 13.4, 52.5)
    assert frame["geometry.coordinates"][1] == "[[1, 2], [3, 4]]"


def _in_pieces(folder: Path, content: str, monkeypatch: pytest.MonkeyPatch, chunk: int = 64) -> tuple[Any, str]:
    monkeypatch.setattr(json_format, "_LARGE", 0)
    monkeypatch.setattr(json_format, "_CHUNK", chunk)
    return read(folder, "t.json", content)


@pytest.mark.parametrize("chunk", [1, 7, 64, 10_000])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_large_array_is_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, indent: int | None
) -> None:
    rows = [{"n": i, "s": 'a "quoted" [text] \\' * (i % 3), "in": {"x": [i]}} for i in range(100)]
    frame, warnings = _in_pieces(tmp_path, json.dumps(rows, indent=indent) + "\n", monkeypatch, chunk)
    assert frame["n"].to_list() == list(range(100))
    assert frame["s"].to_list() == [row["s"] for row in rows]
    assert frame["in.x"][5] == "[5]"
    assert warnings == ""


@pytest.mark.parametrize(
    "content",
    ['[{"a": 1} {"a": 2}]', '[{"a": 1}, {"a": 2}', '[{"a": 1}], {"a": 2}', '[{"a": 1}, {"a": }]', '[{"a":1},]'],
)
@pytest.mark.parametrize("chunk", [1, 4, 5000])
def test_damage_of_a_large_array_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, chunk: int
) -> None:
    with pytest.raises(UnreadableFile, match="not valid JSON"):
        _in_pieces(tmp_path, content, monkeypatch, chunk)


def test_entries_of_a_large_array_that_are_no_records_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, warnings = _in_pieces(tmp_path, '[{"a": 1}, 5, null, {"a": 2}, [3]]', monkeypatch, 3)
    assert frame["a"].to_list() == [1, 2]
    assert "3 of 5 entries are no records and were left out, first entry 2: “5”" in warnings


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def _depth(value: Any) -> int:
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 1 + max(map(_depth, value.values()), default=0) if isinstance(value, dict) else 0


@given(_JSON, st.integers(1, 9), st.booleans())
def test_nesting_is_measured_on_the_bytes(value: Any, size: int, ascii_only: bool) -> None:
    content = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    nesting = Nesting()
    for start in range(0, len(content), size):
        nesting.feed(content[start : start + size])
    assert nesting.deepest == _depth(value)
    assert nesting.depth == 0


_VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), _VALUES), min_size=1, max_size=30))
def test_columns_packed_in_pieces_are_those_packed_at_once(records: list[dict[str, Any]]) -> None:
    at_once, in_pieces = Columns(Limits()), Columns(Limits())
    for number, record in enumerate(records):
        at_once.add(record)
        in_pieces.add(record)
        if number % 3 == 0:
            for column in in_pieces._columns.values():
                column.seal()
    whole, pieces = at_once.frame([]), in_pieces.frame([])
    assert whole.schema == pieces.schema
    for name in whole.columns:
        kinds = at_once._columns[name].kinds
        # A whole number among decimals and texts is written with or without “.0”.
        if not (str in kinds or bool in kinds) or float not in kinds:
            assert whole[name].to_list() == pieces[name].to_list()


def test_records_without_common_fields_are_no_table() -> None:
    columns = Columns(Limits())
    for number in range(12_000):
        columns.add({f"k{number}": 1})
    with pytest.raises(UnreadableFile, match="hardly any fields in common"):
        columns.frame([])
    sparse = Columns(Limits())
    for number in range(5000):
        sparse.add({"n": number, **({"rare": "x"} if number % 2500 == 2400 else {})})
    frame = sparse.frame([])
    assert frame["rare"].drop_nulls().to_list() == ["x", "x"]
    assert frame["rare"][4900] == "x"
    assert frame.schema == {"n": pl.Int64, "rare": pl.String}


@pytest.mark.parametrize("large", [8 << 20, 0])
def test_pages_of_a_service_are_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int) -> None:
    monkeypatch.setattr(json_format, "_LARGE", large)
    pages = [
        {"page": 1, "total": 3, "results": [{"id": 1}, {"id": 2}]},
        {"page": 2, "total": 3, "results": [{"id": 3, "n": {"x": 1}}]},
        {"page": 3, "total": 3, "results": []},
    ]
    frame, warnings = read(tmp_path, "t.json", json.dumps(pages))
    assert frame.rows() == [(1, None), (2, None), (3, 1)]
    assert frame.columns == ["id", "n.x"]
    assert "3 pages of records, which were joined: the table was taken from “results”" in warnings
    frame, warnings = read(tmp_path, "t.json", json.dumps(pages[:1]))
    assert frame["id"].to_list() == [1, 2]
    assert "1 page of records" in warnings


def test_records_with_lists_of_their_own_are_no_pages(tmp_path: Path) -> None:
    for orders in (
        [{"id": 1, "items": [{"sku": "a"}]}, {"id": 2, "items": [{"sku": "b"}]}],
        [{"title": "x", "pages": 90, "authors": [{"name": "a"}]}],
        [{"page": 1, "results": [{"id": 1}]}, {"page": 2, "error": "too many requests"}],
        [{"page": 1, "results": [1, 2]}, {"page": 2, "results": [3]}],
    ):
        frame, warnings = read(tmp_path, "t.json", json.dumps(orders))
        assert frame.height == len(orders)
        assert "joined" not in warnings


@pytest.mark.parametrize("large", [8 << 20, 0])
def test_a_record_about_the_list_behind_it_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(json_format, "_LARGE", large)
    answer = [{"page": 1, "total": 2}, [{"country": {"id": "DE"}, "value": 1}, {"country": {"id": "FR"}, "value": 2}]]
    frame, warnings = read(tmp_path, "t.json", json.dumps(answer))
    assert frame.rows() == [("DE", 1), ("FR", 2)]
    assert frame.columns == ["country.id", "value"]
    assert "the first, which describes it (“page”, “total”), was left out" in warnings
    frame, warnings = read(tmp_path, "t.json", '[{"a": 1}, [1, 2]]')
    assert frame.height == 1
    assert "1 of 2 entries are no records" in warnings


RECORDS = [{"a": 1, "b": "x"}, {"a": 2, "b": "}{"}, {"a": 3, "b": "z"}]


@pytest.mark.parametrize("name", ["t.json", "t.jsonl", "t.txt"])
@pytest.mark.parametrize("between", ["", " ", "\n", "\r\n\r\n", ",", ",\n", "\n\x1e"])
@pytest.mark.parametrize("indent", [None, 2])
def test_values_one_after_another_are_records(tmp_path: Path, name: str, between: str, indent: int | None) -> None:
    content = between.join(json.dumps(record, indent=indent) for record in RECORDS)
    frame, warnings = read(tmp_path, name, content)
    assert frame.to_dicts() == RECORDS
    assert "left out" not in warnings


def test_lists_one_after_another_are_one_list(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "t.json", json.dumps(RECORDS[:2]) + json.dumps(RECORDS[2:]))
    assert frame.to_dicts() == RECORDS


def test_large_files_of_values_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_format, "_LARGE", 10)
    monkeypatch.setattr("flowml.data.nested.sequence._CHUNK", 7)
    frame, warnings = read(tmp_path, "t.json", "\n".join(json.dumps(record, indent=1) for record in RECORDS) + " [1]")
    assert frame.to_dicts() == RECORDS
    assert "1 of 4 values are no records and were left out" in warnings


def test_damage_among_values_says_where(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="at line 4"):
        read(tmp_path, "t.json", '{\n"a": 1}\n{\n"a" 2}')


def test_damage_behind_other_values_of_a_line_says_where(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="at line 1, column 20"):
        read(tmp_path, "t.json", '{"a":1}{"a":2}{"a":')


def test_numbers_of_too_many_digits_are_named_behind_other_values(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="too many digits"):
        read(tmp_path, "t.json", '{"a":1}{"a":' + "9" * 5000 + "}")


@pytest.mark.parametrize("name", ["t.json", "t.jsonl", "t.txt"])
@pytest.mark.parametrize("indent", [None, 1])
def test_records_behind_record_separators(tmp_path: Path, name: str, indent: int | None) -> None:
    content = "".join(f"\x1e{json.dumps(record, indent=indent)}\n" for record in RECORDS)
    assert read(tmp_path, name, content)[0].to_dicts() == RECORDS


@pytest.mark.parametrize("number", ["1.5", "1e5", "1e+5"])
def test_numbers_go_on_in_the_next_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    path = tmp_path / "t.json"
    path.write_text(f"{number} " * 9)
    for size in range(1, 8):
        monkeypatch.setattr(sequence, "_CHUNK", size)
        assert list(sequence.values(path)) == [float(number)] * 9


def test_one_record_on_a_line_and_others_over_several(tmp_path: Path) -> None:
    content = json.dumps(RECORDS[0]) + "\n" + json.dumps(RECORDS[1], indent=1) + "\n" + json.dumps(RECORDS[2], indent=1)
    assert read(tmp_path, "t.jsonl", content)[0].to_dicts() == RECORDS


@pytest.mark.parametrize(
    "lines",
    [
        ["[10.2.0.1]", "[10.2.0.2]"],
        ["[2024-01-30] begun", "[2024-01-31] ended"],
        ["[null] nobody", "[true] somebody"],
        ["{6F9619FF-8B86-D011-B42D-00CF4FC964FF}", "{6F9619FF-8B86-D011-B42D-00CF4FC964F0}"],
        ["{one}", "{two}"],
        ["[1.]", "[2.]"],
    ],
)
def test_brackets_alone_are_no_json(tmp_path: Path, lines: list[str]) -> None:
    frame, _ = read(tmp_path, "t.csv", "\n".join(["line", *lines]).removeprefix("line\n"), {"header": False})
    assert frame.to_series().to_list() == lines


@pytest.mark.parametrize("content", ["[[1, -2.5e3], [3, 4]]", "[ [true, null], [false, 1] ]"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_lists_of_bare_values_are_json(tmp_path: Path, content: str, encoding: str) -> None:
    frame, _ = read(tmp_path, "t.txt", content.encode(encoding))
    assert frame.shape == (2, 2)


@given(_JSON, st.integers(1, 9))
def test_fields_are_counted_without_parsing(value: Any, size: int) -> None:
    def count(value: Any) -> int:
        return sum(1 + count(inner) for inner in value.values()) if isinstance(value, dict) else 0

    content = json.dumps({"r": value}).encode()
    fields = Fields()
    for at in range(0, len(content), size):
        fields.feed(content[at : at + size])
    assert fields.count == count({"r": value})


def test_how_wide_lines_are_is_known_before_they_are_parsed(tmp_path: Path) -> None:
    path, limits = tmp_path / "t.jsonl", Limits(max_columns=1000)
    fields = ",".join(f'"a column {i}": {i}' for i in range(40_000))
    with pytest.raises(UnreadableFile, match="40,000 columns"):
        path.write_text('{"a":1}\n' * 50_000 + "{" + fields + "}")
        check_width(path, limits)
    # As many, but few names, or in a list of records, or within the limit.
    path.write_text('{"a":1}\n{' + ",".join(['"a column":1'] * 40_000) + "}\n")
    check_width(path, limits)
    path.write_text('{"a":[{' + fields + "}]}\n" + '{"a":1}\n' * 10)
    check_width(path, limits)
    path.write_text("{" + fields + "}\n")
    check_width(path, Limits(max_columns=40_000))


def test_records_that_have_hardly_a_name_in_common_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("".join(f'{{"k{i}":1}}\n' for i in range(30_000)))
    assert is_scattered(path)
    path.write_text("".join(json.dumps({f"k{i}": row for i in range(2000)}) + "\n" for row in range(20)))
    assert not is_scattered(path)
    path.write_text('{"a": 1, "b": 2}\n' * 30_000)
    assert not is_scattered(path)
