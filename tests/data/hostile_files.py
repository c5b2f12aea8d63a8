"""Files made to do harm, and honest files that are broken, of every format; each as small as it can be."""

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from tests.data.workbooks import write_xls, write_xlsx

SECRET = "the-content-of-another-file"
FRAME = pl.DataFrame({"n": list(range(500)), "x": [i / 7 for i in range(500)], "s": [f"text {i}" for i in range(500)]})
_ROWS = b"id,value\n" + b"1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" * 200_000


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def _written(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def with_true_size(archive: bytes, true: int, claimed: int) -> bytes:
    """The zip with another size in its headers than that of its member."""
    return archive.replace(struct.pack("<I", true), struct.pack("<I", claimed))


def avro(schema: Any, blocks: list[tuple[int, bytes]], codec: str = "null") -> bytes:
    """An Avro file whose blocks claim these numbers of records."""
    sync = bytes(range(16))
    meta = b"".join(_avro_bytes(part.encode()) for part in ("avro.schema", json.dumps(schema), "avro.codec", codec))
    body = b"".join(varint(count) + _avro_bytes(content) + sync for count, content in blocks)
    return b"Obj\x01" + varint(2) + meta + varint(0) + sync + body


def varint(number: int) -> bytes:
    """A whole number as Avro writes it."""
    number = number << 1 if number >= 0 else (-number << 1) - 1
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def _avro_bytes(content: bytes) -> bytes:
    return varint(len(content)) + content


def record(*fields: tuple[str, Any]) -> Any:
    """An Avro schema of a record."""
    return {"type": "record", "name": "row", "fields": [{"name": name, "type": kind} for name, kind in fields]}


def deflated(content: bytes) -> bytes:
    """Raw Deflate."""
    compressor = zlib.compressobj(9, wbits=-15)
    return compressor.compress(content) + compressor.flush()


def orc() -> bytes:
    """A small ORC file."""
    import pyorc

    buffer = io.BytesIO()
    with pyorc.Writer(buffer, "struct<n:bigint,x:double,s:string>") as writer:
        for row in FRAME.iter_rows():
            writer.write(row)
    return buffer.getvalue()


def sqlite(folder: Path, script: str) -> bytes:
    """A database after this script."""
    path = folder / "made.sqlite"
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    database.executescript(script)
    database.commit()
    database.close()
    return path.read_bytes()


_TABLE = (
    "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3000)"
    " INSERT INTO t SELECT i, 'text '||i FROM n;"
)


def _sqlite_corrupt_page(folder: Path) -> bytes:
    content = sqlite(folder, _TABLE)
    page = 4096
    return content[: 3 * page] + b"\xff" * page + content[4 * page :]


def _sqlite_schema(folder: Path, sql: str) -> bytes:
    """With a line in the schema that SQLite itself would not have written."""
    return sqlite(
        folder,
        f"{_TABLE} PRAGMA writable_schema=ON;"
        f"UPDATE sqlite_master SET sql = {_quoted(sql)} WHERE name = 't'; PRAGMA writable_schema=OFF;",
    )


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _workbook(folder: Path, replaced: dict[str, bytes]) -> bytes:
    """A workbook with other parts."""
    path = write_xlsx(folder / "made.xlsx", {"s": [["a", "b"], [1, "x"], [2, "y"]]})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return zipped({**parts, **replaced})


_SHEET = "xl/worksheets/sheet1.xml"
_SHEET_HEAD = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'


def _sparse_sheet() -> bytes:
    cells = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    return _SHEET_HEAD + cells + b"</sheetData></worksheet>"


def _ods(cells: bytes, manifest: bytes = b"") -> bytes:
    content = (
        b'<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
        b' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
        b' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
        b'<table:table table:name="s">' + cells + b"</table:table></office:spreadsheet></office:body>"
        b"</office:document-content>"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content, zipfile.ZIP_DEFLATED)
        archive.writestr("META-INF/manifest.xml", manifest or b"<manifest/>", zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _ods_cell(columns: int) -> bytes:
    return (
        b'<table:table-row table:number-rows-repeated="%d"><table:table-cell table:number-columns-repeated="%d"'
        b' office:value-type="float" office:value="1"/></table:table-row>'
    ) % (1_000_000, columns)


def _encrypted_zip() -> bytes:
    content = bytearray(zipped({"t.csv": b"a,b\n1,2\n"}))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def _laughs() -> str:
    entities = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY l0 "lol">{entities}]><r><a>&l9;</a></r>'


def _yaml_bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    return "\n".join(lines)


def _constant_parquet() -> bytes:
    """Twenty million rows of one value in each of forty columns, in a few kilobytes."""
    frame = pl.DataFrame({"c0": pl.repeat(1, 10_000_000, dtype=pl.Int64, eager=True)})
    return _written(frame.select(pl.col("c0").alias(f"c{i}") for i in range(40)).write_parquet)


def _avro_bomb() -> bytes:
    rows = deflated((varint(1000) + b"a" * 1000) * 60_000)
    return avro(record(("s", "string")), [(60_000, rows)] * 5, "deflate")


def _constant_arrow() -> bytes:
    frame = pl.DataFrame({f"c{i}": pl.repeat(1, 8_000_000, dtype=pl.Int64, eager=True) for i in range(10)})
    return _written(lambda buffer: frame.write_ipc(buffer, compression="zstd"))


PARQUET = _written(FRAME.write_parquet)
ARROW = _written(FRAME.write_ipc)
STREAM = _written(FRAME.write_ipc_stream)
AVRO = _written(FRAME.write_avro)
_LONG = {"type": "record", "name": "row", "fields": [{"name": "n", "type": "long"}]}

Build = Callable[[Path], bytes | str]
# Name of the file → what is in it. Every one must be answered with 415 or 422.
HOSTILE: dict[str, tuple[str, Build]] = {
    "a gzip that expands a thousandfold": ("t.csv.gz", lambda _: gzip.compress(_ROWS) * 30),
    "a bzip2 that expands a thousandfold": ("t.csv.bz2", lambda _: bz2.compress(_ROWS) * 30),
    "an xz that expands a thousandfold": ("t.csv.xz", lambda _: lzma.compress(_ROWS, preset=1) * 30),
    "a zstd that expands a thousandfold": ("t.csv.zst", lambda _: _zstd().compress(_ROWS) * 30),
    "a zip that expands a thousandfold": ("t.zip", lambda _: zipped({"t.csv": _ROWS * 30})),
    "a zip whose header lies": ("t.zip", lambda _: with_true_size(zipped({"t.csv": _ROWS * 4}), len(_ROWS) * 4, 30)),
    "a zip of very many files": ("t.zip", lambda _: zipped({f"t{i}.csv": b"" for i in range(30_000)})),
    "an encrypted zip": ("t.zip", lambda _: _encrypted_zip()),
    "an archive in an archive": ("t.csv.gz", lambda _: gzip.compress(gzip.compress(_ROWS))),
    "a truncated gzip": ("t.csv.gz", lambda _: gzip.compress(_ROWS)[:-2000]),
    "a truncated zip": ("t.zip", lambda _: zipped({"t.csv": _ROWS})[:-40]),
    "a tar in a gzip": ("t.tar.gz", lambda _: gzip.compress(b"t.csv".ljust(257, b"\0") + b"ustar\0".ljust(300, b"\0"))),
    "a workbook that expands a thousandfold": (
        "t.xlsx",
        lambda folder: _workbook(folder, {_SHEET: _SHEET_HEAD + b" " * 300_000_000 + b"</sheetData></worksheet>"}),
    ),
    "a workbook whose texts expand": (
        "t.xlsx",
        lambda folder: _workbook(folder, {"xl/sharedStrings.xml": b"<sst>" + b"<si><t>aaaa</t></si>" * 12_000_000}),
    ),
    "a workbook whose header lies": (
        "t.xlsx",
        lambda folder: with_true_size(_workbook(folder, {_SHEET: _SHEET_HEAD.ljust(50_000_001)}), 50_000_001, 300),
    ),
    "a workbook of two cells far apart": ("t.xlsx", lambda folder: _workbook(folder, {_SHEET: _sparse_sheet()})),
    "an encrypted workbook": (
        "t.xlsx",
        lambda _: (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500) + "EncryptedPackage".encode("utf-16-le") + bytes(900)
        ),
    ),
    "a truncated workbook": ("t.xlsx", lambda folder: _workbook(folder, {})[:-100]),
    "an old workbook cut off": ("t.xls", lambda folder: write_xls(folder / "o.xls", [["a"], [1]]).read_bytes()[:1700]),
    "an encrypted OpenDocument": ("t.ods", lambda _: _ods(b"", b"<m><manifest:encryption-data/></m>")),
    "an OpenDocument that repeats a cell": ("t.ods", lambda _: _ods(_ods_cell(16_384))),
    "an OpenDocument that repeats a row": ("t.ods", lambda _: _ods(_ods_cell(900))),
    "XML's billion laughs": ("t.xml", lambda _: _laughs()),
    "XML's quadratic blow-up": (
        "t.xml",
        lambda _: f'<!DOCTYPE r [<!ENTITY a "{"a" * 50_000}">]><r><a>{"&a;" * 50_000}</a></r>',
    ),
    "XML nested a million deep": ("t.xml", lambda _: "<a>" * 1_000_000),
    "XML of a million different elements": (
        "t.xml",
        lambda _: f"<r>{''.join(f'<e{i}/>' for i in range(1_000_000))}</r>",
    ),
    "XML with a million attributes": (
        "t.xml",
        lambda _: "<r><e " + " ".join(f"a{i}='1'" for i in range(1_000_000)) + "/><e/></r>",
    ),
    "truncated XML": ("t.xml", lambda _: "<r>" + "<e><a>1</a></e>" * 1000 + "<e><a"),
    "YAML's alias bomb": ("t.yaml", lambda _: _yaml_bomb()),
    "YAML that makes a Python object": ("t.yaml", lambda _: "a: !!python/object/apply:os.system ['true']\n"),
    "YAML nested deeply": ("t.yaml", lambda _: "{a: " * 100_000),
    "YAML of dashes": ("t.yaml", lambda _: "- " * 200_000),
    "truncated YAML": ("t.yaml", lambda _: '- a: 1\n- a: "x'),
    "TOML nested deeply": ("t.toml", lambda _: "a = " + "[" * 200_000),
    "TOML with endless keys": ("t.toml", lambda _: ".".join("a" * 200_000) + " = 1"),
    "truncated TOML": ("t.toml", lambda _: "[[t]]\na = 1\n[[t]]\na = "),
    "JSON nested a million deep": ("t.json", lambda _: "[" * 1_000_000),
    "JSON records nested a million deep": ("t.json", lambda _: '{"a":' * 1_000_000),
    "JSON with a million keys": ("t.json", lambda _: json.dumps([{f"k{i}": i for i in range(1_000_000)}])),
    "JSON with a key of its own in every record": (
        "t.json",
        lambda _: "[" + ",".join(f'{{"k{i}":1}}' for i in range(400_000)) + "]",
    ),
    "JSON with a number of a million digits": ("t.json", lambda _: '[{"a": ' + "9" * 1_000_000 + "}]"),
    "truncated JSON": ("t.json", lambda _: json.dumps([{"a": i} for i in range(50_000)])[:-20]),
    "JSON Lines of a million keys": (
        "t.jsonl",
        lambda _: json.dumps({f"k{i}": i for i in range(1_000_000)}) + "\n{}\n",
    ),
    "JSON Lines of a million keys in a late line": (
        "t.jsonl",
        lambda _: '{"a": 1}\n' * 2000 + json.dumps({f"k{i}": i for i in range(1_000_000)}) + "\n",
    ),
    "JSON Lines with a key of its own in every record": (
        "t.jsonl",
        lambda _: "".join(f'{{"k{i}":1}}\n' for i in range(400_000)),
    ),
    "JSON Lines nested deeply": ("t.jsonl", lambda _: '{"a": 1}\n' + ('{"a":' * 300_000 + "\n") * 3),
    "a CSV header of fifty megabytes": (
        "t.csv",
        lambda _: ",".join(f"column{i:06}" for i in range(3_600_000)) + "\n1,2\n",
    ),
    "a CSV header of a million columns": ("t.csv", lambda _: ",".join(f"c{i}" for i in range(1_000_000)) + "\n"),
    "a CSV with a line of a hundred megabytes": ("t.csv", lambda _: "a,b\n1," + "x" * 100_000_000 + "\n2,y\n"),
    "a CSV with an open quote": ("t.csv", lambda _: 'a,b\n1,"' + "x,y\n" * 10_000_000),
    "an SQLite database with a corrupt page": ("t.sqlite", _sqlite_corrupt_page),
    "a truncated SQLite database": ("t.sqlite", lambda folder: sqlite(folder, _TABLE)[:9000]),
    "an SQLite database of nonsense": ("t.sqlite", lambda folder: sqlite(folder, _TABLE)[:100] + b"\xaa" * 8092),
    "an SQLite schema that names a file": (
        "t.sqlite",
        lambda folder: _sqlite_schema(folder, "CREATE VIRTUAL TABLE t USING csv(filename='/etc/passwd')"),
    ),
    "an SQLite schema that is no SQL": ("t.sqlite", lambda folder: _sqlite_schema(folder, "CREATE TABLE t(((((")),
    "an SQLite view without end": (
        "t.sqlite",
        lambda folder: sqlite(
            folder, "CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n;"
        ),
    ),
    "an SQLite view that loads a library": (
        "t.sqlite",
        lambda folder: sqlite(folder, "CREATE VIEW v AS SELECT load_extension('/tmp/x');"),
    ),
    "an SQLite database of many tables": (
        "t.sqlite",
        lambda folder: sqlite(folder, "BEGIN;" + "".join(f"CREATE TABLE t{i}(a);" for i in range(6000)) + "COMMIT;"),
    ),
    "Parquet with a malformed footer": ("t.parquet", lambda _: PARQUET[:-60] + b"\xff" * 52 + PARQUET[-8:]),
    "Parquet with a footer larger than the file": (
        "t.parquet",
        lambda _: PARQUET[:-8] + struct.pack("<I", 0x7FFFFFFF) + b"PAR1",
    ),
    "Parquet of a constant": ("t.parquet", lambda _: _constant_parquet()),
    "truncated Parquet": ("t.parquet", lambda _: PARQUET[:-100]),
    "encrypted Parquet": ("t.parquet", lambda _: b"PARE" + PARQUET[4:-4] + b"PARE"),
    "Arrow of a constant": ("t.arrow", lambda _: _constant_arrow()),
    "truncated Arrow": ("t.arrow", lambda _: ARROW[:-100]),
    "Arrow with a malformed footer": ("t.arrow", lambda _: ARROW[:-40] + b"\x7f" * 30 + ARROW[-10:]),
    "an Arrow stream cut off": ("t.arrows", lambda _: STREAM[: len(STREAM) // 2]),
    "an Arrow stream with an absurd length": (
        "t.arrows",
        lambda _: STREAM[:4] + struct.pack("<i", 0x7FFFFFF8) + STREAM[8:],
    ),
    "Avro with an absurd number of records": ("t.avro", lambda _: avro(_LONG, [(1 << 60, b"\x02")])),
    "Avro with records of nothing": (
        "t.avro",
        lambda _: avro(record(("a", "null")), [(15_000_000, b"")] * 2),
    ),
    "Avro with an absurd length": ("t.avro", lambda _: avro(record(("s", "string")), [(1, varint(1 << 50))])),
    "Avro that expands a thousandfold": ("t.avro", lambda _: _avro_bomb()),
    "Avro with a schema without end": ("t.avro", lambda _: avro(record(("a", ["null", "row"])), [(1, b"\x02" * 5000)])),
    "truncated Avro": ("t.avro", lambda _: AVRO[:-30]),
    "truncated ORC": ("t.orc", lambda _: orc()[:-100]),
    "ORC with absurd lengths": ("t.orc", lambda _: orc()[:-20] + b"\xff" * 15 + orc()[-5:]),
    "a PDF": ("t.csv", lambda _: b"%PDF-1.7\n" + bytes(5000)),
    "random bytes": ("t.bin", lambda _: bytes((i * i * 31 + 7) % 256 for i in range(5000))),
}
