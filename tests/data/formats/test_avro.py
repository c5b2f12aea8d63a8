"""Avro: every type and codec of the specification, by Polars or by our own reader."""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flowml.domain.errors import UnreadableFile, UnsupportedFormat
from tests.data.hostile_files import avro, deflated, record, varint
from tests.data.reading import read

_MOMENT = datetime.fromisoformat("2020-01-02T03:04:05.678")
_MILLISECONDS = 1_577_934_245_678


def _text(text: str) -> bytes:
    return varint(len(text.encode())) + text.encode()


def _logical(kind: Any, name: str, **more: Any) -> Any:
    return {"type": kind, "logicalType": name, **more}


CASES: dict[str, tuple[Any, bytes, dict[str, Any]]] = {
    "null": ("null", b"", {"v": None}),
    "boolean": ("boolean", b"\x01", {"v": True}),
    "int": ("int", varint(-5), {"v": -5}),
    "long": ("long", varint(1 << 40), {"v": 1 << 40}),
    "float": ("float", struct.pack("<f", 1.5), {"v": 1.5}),
    "double": ("double", struct.pack("<d", 0.1), {"v": 0.1}),
    "bytes": ("bytes", varint(2) + b"\x00\xff", {"v": "AP8="}),
    "string": ("string", _text("ä"), {"v": "ä"}),
    "date": (_logical("int", "date"), varint(18_262), {"v": date(2020, 1, 1)}),
    "time-millis": (_logical("int", "time-millis"), varint(3_600_000), {"v": "01:00:00"}),
    "time-micros": (_logical("long", "time-micros"), varint(3_600_000_000), {"v": "01:00:00"}),
    "timestamp-millis": (_logical("long", "timestamp-millis"), varint(_MILLISECONDS), {"v": _MOMENT}),
    "timestamp-micros": (_logical("long", "timestamp-micros"), varint(_MILLISECONDS * 1000), {"v": _MOMENT}),
    "timestamp-nanos": (_logical("long", "timestamp-nanos"), varint(_MILLISECONDS * 10**6), {"v": _MOMENT}),
    "local-timestamp-micros": (
        _logical("long", "local-timestamp-micros"),
        varint(_MILLISECONDS * 1000),
        {"v": _MOMENT},
    ),
    "decimal": (_logical("bytes", "decimal", precision=9, scale=2), varint(2) + b"\x30\x39", {"v": 123.45}),
    "negative decimal": (_logical("bytes", "decimal", precision=9, scale=1), varint(1) + b"\xff", {"v": -0.1}),
    "fixed decimal": (
        {"type": "fixed", "name": "f", "size": 4, "logicalType": "decimal", "precision": 9, "scale": 2},
        b"\x00\x00\x30\x39",
        {"v": 123.45},
    ),
    "uuid": (_logical("string", "uuid"), _text("123e4567-e89b-12d3"), {"v": "123e4567-e89b-12d3"}),
    "duration": (
        {"type": "fixed", "name": "f", "size": 12, "logicalType": "duration"},
        struct.pack("<III", 1, 2, 3500),
        {"v": "P1M2DT3.5S"},
    ),
    "fixed": ({"type": "fixed", "name": "f", "size": 3}, b"abc", {"v": "abc"}),
    "enum": ({"type": "enum", "name": "e", "symbols": ["A", "B"]}, varint(1), {"v": "B"}),
    "optional": (["null", "long"], varint(1) + varint(7), {"v": 7}),
    "missing": (["null", "long"], varint(0), {"v": None}),
    "union": (["null", "long", "string"], varint(2) + _text("x"), {"v": "x"}),
    "array": ({"type": "array", "items": "long"}, varint(2) + varint(1) + varint(2) + varint(0), {"v": "[1,2]"}),
    "map": ({"type": "map", "values": "long"}, varint(1) + _text("k") + varint(5) + varint(0), {"v": '{"k": 5}'}),
    "record": (
        {"type": "record", "name": "in", "fields": [{"name": "a", "type": "long"}, {"name": "b", "type": "string"}]},
        varint(1) + _text("z"),
        {"v.a": 1, "v.b": "z"},
    ),
    "optional record": (
        ["null", {"type": "record", "name": "in", "fields": [{"name": "a", "type": "long"}]}],
        varint(1) + varint(4),
        {"v.a": 4},
    ),
}


@pytest.mark.parametrize("own", [False, True], ids=["as it is", "beside a map"])
@pytest.mark.parametrize("name", CASES)
def test_every_type_is_read(tmp_path: Path, name: str, own: bool) -> None:
    """A map beside it sends a file to our own reader, which must agree with Polars."""
    kind, encoded, expected = CASES[name]
    fields: list[tuple[str, Any]] = [("id", "long"), ("v", kind)]
    rest = b""
    if own:
        fields.append(("m", {"type": "map", "values": "long"}))
        rest = varint(0)
    content = avro(record(*fields), [(2, varint(1) + encoded + rest + varint(2) + encoded + rest)])
    frame, _ = read(tmp_path, "t.avro", content)
    assert frame["id"].to_list() == [1, 2]
    row = frame.drop("id", "m", strict=False).row(0, named=True)
    if name == "array" and own:
        expected = {"v": "[1, 2]"}
    assert row == expected


def _snappy(content: bytes) -> bytes:
    """A literal, then itself once more as a copy."""
    half = content[: len(content) // 2]
    assert content == half * 2
    assert len(half) <= 60
    size = len(half)
    copy = bytes([(size - 1) << 2 | 2]) + struct.pack("<H", size)
    body = bytes([len(content)]) + bytes([(size - 1) << 2]) + half + copy
    return body + struct.pack(">I", zlib.crc32(content))


CODECS: dict[str, Callable[[bytes], bytes]] = {
    "null": lambda content: content,
    "deflate": deflated,
    "snappy": _snappy,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("kind", ["string", ["null", "long", "string"]], ids=["plain", "union"])
@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_is_read(tmp_path: Path, codec: str, kind: Any) -> None:
    value = (b"" if kind == "string" else varint(2)) + _text("abcdefgh")
    content = avro(record(("v", kind)), [(4, CODECS[codec](value * 4))] * 2, codec)
    frame, _ = read(tmp_path, "t.avro", content)
    assert frame["v"].to_list() == ["abcdefgh"] * 8


def test_what_polars_writes_is_read(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": [1, None], "s": ["a", None], "x": [0.5, None]})
    frame.write_avro(tmp_path / "p.avro", compression="snappy")
    assert read(tmp_path, "t.avro", (tmp_path / "p.avro").read_bytes())[0].equals(frame)


def test_named_types_are_found_again(tmp_path: Path) -> None:
    point = {"type": "record", "name": "point", "fields": [{"name": "x", "type": "int"}]}
    content = avro(record(("a", point), ("b", "point")), [(1, varint(1) + varint(2))])
    assert read(tmp_path, "t.avro", content)[0].to_dicts() == [{"a.x": 1, "b.x": 2}]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (avro(record(("v", "long")), [(5, varint(1))]), "claims 5 records"),
        (avro(record(("v", ["long", "string"])), [(1, varint(7))]), "record 1 is not whole"),
        (avro(record(("v", "long")), [(1, varint(1))])[:-1], "cut off"),
        (avro(record(("v", "long")), [(1, varint(1))])[:20], "header"),
        (avro("long", [(1, varint(1))]), "single values"),
        (avro(record(("v", "nope")), [(1, varint(1))]), "schema makes no sense"),
        (avro(record(("v", ["null", "row"])), [(1, varint(0))]), "nested"),
    ],
)
def test_damage_is_said(tmp_path: Path, content: bytes, match: str) -> None:
    with pytest.raises(UnreadableFile, match=match):
        read(tmp_path, "t.avro", content)


def test_an_unknown_codec_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat, match="brotli"):
        read(tmp_path, "t.avro", avro(record(("v", "long")), [(1, varint(1))], "brotli"))


@pytest.mark.parametrize(
    ("kind", "default", "content", "expected"),
    [
        ("int", 7, varint(1), 1),
        ("string", "none", _text("x"), "x"),
        (["null", "long"], None, varint(1) + varint(5), 5),
        ({"type": "enum", "name": "e", "symbols": ["a", "b"]}, "a", varint(1), "b"),
        ({"type": "array", "items": "int"}, [], varint(1) + varint(4) + varint(0), "[4]"),
    ],
)
def test_defaults_in_a_schema_are_for_readers_of_other_schemas(
    tmp_path: Path, kind: Any, default: Any, content: bytes, expected: Any
) -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "v", "type": kind, "default": default}]}
    frame, _ = read(tmp_path, "t.avro", avro(schema, [(1, content)]))
    assert frame["v"].to_list() == [expected]


def test_decimals_of_more_digits_than_polars_has(tmp_path: Path) -> None:
    kind = _logical("bytes", "decimal", precision=60, scale=2)
    frame, _ = read(tmp_path, "t.avro", avro(record(("v", kind)), [(1, varint(2) + b"\x00\x7d")]))
    assert frame["v"].to_list() == [1.25]
