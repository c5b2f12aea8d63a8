"""ORC: every type, nested ones flattened."""

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyorc
import pytest

from flowml.data.format import Limits
from flowml.data.read import read_table
from flowml.domain.errors import TooLarge, UnreadableFile
from tests.data.reading import read


def orc(schema: str, rows: list[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with pyorc.Writer(buffer, schema, **options) as writer:
        for row in rows:
            writer.write(row)
    return buffer.getvalue()


_MOMENT = datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("tinyint", 3, 3),
        ("smallint", -3, -3),
        ("int", 5, 5),
        ("bigint", 1 << 40, 1 << 40),
        ("float", 1.5, 1.5),
        ("double", 0.1, 0.1),
        ("boolean", True, True),
        ("string", "ä", "ä"),
        ("varchar(5)", "ab", "ab"),
        ("char(5)", "ab", "ab"),
        ("binary", b"\x00\xff", "AP8="),
        ("date", date(2020, 1, 2), date(2020, 1, 2)),
        ("timestamp", _MOMENT, _MOMENT.replace(tzinfo=None)),
        ("timestamp with local time zone", _MOMENT, _MOMENT.replace(tzinfo=None)),
        ("decimal(10,2)", Decimal("1.25"), 1.25),
        ("array<int>", [1, 2], "[1, 2]"),
        ("array<struct<d:date>>", [(date(2020, 1, 2),)], '[{"d": "2020-01-02"}]'),
        ("map<string,int>", {"k": 1}, '{"k": 1}'),
        ("uniontype<int,string>", "x", "x"),
    ],
)
def test_every_type_is_read(tmp_path: Path, kind: str, value: Any, expected: Any) -> None:
    frame, _ = read(tmp_path, "t.orc", orc(f"struct<id:int,v:{kind}>", [(1, value), (2, None)]))
    assert frame.to_dict(as_series=False) == {"id": [1, 2], "v": [expected, None]}


def test_records_become_columns(tmp_path: Path) -> None:
    content = orc("struct<p:struct<x:int,m:map<string,int>>>", [((1, {"k": 2}),), (None,), ((3, None),)])
    frame, _ = read(tmp_path, "t.orc", content)
    assert frame.to_dict(as_series=False) == {"p.x": [1, None, 3], "p.m": ['{"k": 2}', None, None]}


@pytest.mark.parametrize("compression", ["NONE", "ZLIB", "SNAPPY", "LZ4", "ZSTD"])
def test_many_rows_in_every_compression(tmp_path: Path, compression: str) -> None:
    rows = [(i, f"text {i}" if i % 3 else None) for i in range(25_000)]
    content = orc("struct<n:int,s:string>", rows, compression=pyorc.CompressionKind[compression], stripe_size=65_536)
    frame, _ = read(tmp_path, "t.orc", content)
    assert frame.rows() == rows


def test_limits_and_damage(tmp_path: Path) -> None:
    content = orc("struct<n:int>", [(i,) for i in range(100)])
    path = tmp_path / "t.orc"
    path.write_bytes(content)
    with pytest.raises(TooLarge, match="100 rows"):
        read_table(path, limits=Limits(max_rows=50))
    with pytest.raises(UnreadableFile, match="cut off"):
        read(tmp_path, "t.orc", content[:-1])
    with pytest.raises(UnreadableFile, match="damaged") as error:
        read(tmp_path, "t.orc", content[:-20] + b"\xff" * 15 + content[-5:])
    assert str(tmp_path) not in error.value.detail
    with pytest.raises(UnreadableFile, match="single values"):
        read(tmp_path, "t.orc", orc("int", [1, 2]))
