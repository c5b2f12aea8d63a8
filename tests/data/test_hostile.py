"""Files made to do harm, and broken ones, are answered quickly and in little memory, and nothing else is opened."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowml.data.format import Limits
from flowml.data.read import load
from flowml.domain.errors import FlowMLError
from tests.data import hostile_files
from tests.data.hostile_files import HOSTILE, SECRET, zipped
from tests.data.measuring import import_measured
from tests.data.reading import read
from tests.data.workbooks import write_xls, write_xlsx

# The aim is 5 seconds and 500 MiB; machines that run tests are busy.
_MOST_SECONDS = 15
_MOST_BYTES = 500 << 20


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_little_time_and_memory(tmp_path: Path, name: str) -> None:
    filename, build = HOSTILE[name]
    content = build(tmp_path)
    path = tmp_path / "upload"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = import_measured(path, filename)
    assert found.error in ("UnreadableFile", "UnsupportedFormat"), found
    assert found.detail
    assert found.hint
    assert "confuses the reader" not in found.detail
    assert "reader crash" not in found.detail
    assert found.seconds < _MOST_SECONDS, found
    assert found.peak_bytes < _MOST_BYTES, found


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE r [<!ENTITY x SYSTEM "{uri}">]><r><e>&x;</e><e>1</e></r>',
        '<!DOCTYPE r SYSTEM "{uri}"><r><e>1</e><e>2</e></r>',
        '<!DOCTYPE r [<!ENTITY % x SYSTEM "{uri}">%x;]><r><e>1</e><e>2</e></r>',
        '<r xmlns:xi="http://www.w3.org/2001/XInclude"><e><xi:include href="{uri}" parse="text"/></e><e>1</e></r>',
        '<?xml-stylesheet href="{uri}"?><r><e>1</e><e>2</e></r>',
    ],
)
def test_no_other_file_is_read_by_xml(tmp_path: Path, document: str) -> None:
    other = tmp_path / "other.txt"
    other.write_text(SECRET)
    _assert_no_secret(tmp_path, "t.xml", document.format(uri=other.as_uri()).encode())


def test_no_other_file_is_read_by_a_workbook_a_database_or_yaml(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(f"{SECRET}\n1\n")
    entity = f'<!DOCTYPE x [<!ENTITY x SYSTEM "{other.as_uri()}">]>'.encode()
    sheet = hostile_files._SHEET_HEAD + b'<row r="1"><c r="A1" t="str"><v>&x;</v></c></row></sheetData></worksheet>'
    _assert_no_secret(tmp_path, "t.xlsx", hostile_files._workbook(tmp_path, {hostile_files._SHEET: entity + sheet}))
    for sql in (
        f"CREATE VIRTUAL TABLE t USING csv(filename='{other}')",
        f"CREATE VIEW t AS SELECT readfile('{other}')",
    ):
        _assert_no_secret(tmp_path, "t.sqlite", hostile_files._sqlite_schema(tmp_path, sql))
    _assert_no_secret(tmp_path, "t.yaml", f"- a: !include {other}\n- a: 1\n".encode(), but=str(other))


def _assert_no_secret(folder: Path, filename: str, content: bytes, but: str = "") -> None:
    try:
        frame, warnings = read(folder, filename, content)
    except FlowMLError as error:
        assert SECRET not in f"{error.detail} {error.hint}".replace(but, "")
    else:
        assert SECRET not in json.dumps(frame.to_dicts(), default=str)
        assert SECRET not in warnings


def test_triggers_of_a_database_do_nothing(tmp_path: Path) -> None:
    script = "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2);"
    script += "CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM t; END;"
    content = hostile_files.sqlite(tmp_path, script)
    frame, _ = read(tmp_path, "t.sqlite", content)
    assert frame["a"].to_list() == [1, 2]
    assert (tmp_path / "t.sqlite").read_bytes() == content
    assert not list(tmp_path.glob("t.sqlite-*"))


def _valid(folder: Path) -> dict[str, bytes]:
    """A small valid file of every format that is tested here."""
    rows = [{"n": i, "x": i / 7, "s": f"text {i}"} for i in range(40)]
    csv = "n,x,s\n" + "".join(f"{row['n']},{row['x']},{row['s']}\n" for row in rows)
    return {
        "csv": csv.encode(),
        "json": json.dumps(rows).encode(),
        "jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode(),
        "yaml": "".join(f"- n: {row['n']}\n  x: {row['x']}\n  s: {row['s']}\n" for row in rows).encode(),
        "toml": "".join(f"[[t]]\nn = {row['n']}\nx = {row['x']}\ns = '{row['s']}'\n" for row in rows).encode(),
        "xml": ("<r>" + "".join("<e n='{n}'><x>{x}</x><s>{s}</s></e>".format(**row) for row in rows) + "</r>").encode(),
        "parquet": hostile_files.PARQUET,
        "arrow": hostile_files.ARROW,
        "arrows": hostile_files.STREAM,
        "avro": hostile_files.AVRO,
        "orc": hostile_files.orc(),
        "sqlite": hostile_files.sqlite(folder, hostile_files._TABLE),
        "xlsx": write_xlsx(folder / "v.xlsx", {"s": [["n", "s"], [1, "a"], [2, "b"]]}).read_bytes(),
        "xls": write_xls(folder / "v.xls", [["n", "s"], [1, "a"], [2, "b"]]).read_bytes(),
        "ods": hostile_files._ods(hostile_files._ods_cell(2).replace(b'"1000000"', b'"3"')),
        "csv.gz": gzip.compress(csv.encode()),
        "zip": zipped({"t.csv": csv.encode()}),
    }


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return _valid(tmp_path_factory.mktemp("valid"))


TEXTS = ["csv", "json", "jsonl", "yaml", "toml", "xml"]
FORMATS = [*TEXTS, "parquet", "arrow", "arrows", "avro", "orc", "sqlite", "xlsx", "xls", "ods", "csv.gz", "zip"]
_settings = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def _answer(folder: Path, extension: str, content: bytes) -> None:
    """Reads, or says no in a sentence; anything else fails the test."""
    path = folder / "upload"
    path.write_bytes(content)
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    for left in scratch.iterdir():
        left.unlink()
    try:
        table = load(path, f"t.{extension}", {}, Limits(), scratch)
    except FlowMLError as error:
        assert error.detail
    else:
        assert table.frame.height > 0


@pytest.mark.parametrize("extension", FORMATS)
def test_valid_files_are_read(tmp_path: Path, valid: dict[str, bytes], extension: str) -> None:
    frame, _ = read(tmp_path, f"t.{extension}", valid[extension])
    assert frame.height > 0


@pytest.mark.parametrize("extension", FORMATS)
def test_a_file_cut_off_anywhere_is_an_answer(tmp_path: Path, valid: dict[str, bytes], extension: str) -> None:
    content = valid[extension]

    @_settings
    @given(st.integers(0, len(content) - 1))
    def cut(size: int) -> None:
        _answer(tmp_path, extension, content[:size])

    cut()


@pytest.mark.parametrize("extension", FORMATS)
def test_a_file_with_changed_bytes_is_an_answer(tmp_path: Path, valid: dict[str, bytes], extension: str) -> None:
    content = valid[extension]

    @_settings
    @given(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(1, 255)), min_size=1, max_size=6))
    def change(changes: list[tuple[int, int]]) -> None:
        changed = bytearray(content)
        for at, by in changes:
            changed[at] ^= by
        _answer(tmp_path, extension, bytes(changed))

    change()


@pytest.mark.parametrize("extension", FORMATS)
def test_random_bytes_behind_a_files_start_are_an_answer(
    tmp_path: Path, valid: dict[str, bytes], extension: str
) -> None:
    start = valid[extension]

    @_settings
    @given(st.integers(0, 64), st.binary(max_size=400))
    def follow(kept: int, rest: bytes) -> None:
        _answer(tmp_path, extension, start[:kept] + rest)

    follow()
