"""Parquet: damage is said, and times keep what they are."""

import io
import struct
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flowml.domain.errors import UnreadableFile
from tests.data.reading import read


def _parquet(frame: pl.DataFrame, **options: Any) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, **options)
    return buffer.getvalue()


FRAME = pl.DataFrame({"n": list(range(1000)), "s": [f"text {i % 7}" for i in range(1000)]})


@pytest.mark.parametrize("compression", ["uncompressed", "snappy", "gzip", "brotli", "lz4", "zstd"])
def test_every_compression_is_read(tmp_path: Path, compression: str) -> None:
    assert read(tmp_path, "t.parquet", _parquet(FRAME, compression=compression))[0].equals(FRAME)


def test_nanoseconds_become_microseconds(tmp_path: Path) -> None:
    moment = datetime(2020, 1, 2, 3, 4, 5, 678)  # noqa: DTZ001
    frame = pl.DataFrame({"at": pl.Series([moment, None]).cast(pl.Datetime("ns"))})
    read_back, warnings = read(tmp_path, "t.parquet", _parquet(frame))
    assert read_back["at"].to_list() == [moment, None]
    assert not warnings


def test_times_that_no_calendar_has_are_missing_and_said(tmp_path: Path) -> None:
    frame = pl.DataFrame({"at": pl.Series([0, 1 << 62], dtype=pl.Int64).cast(pl.Datetime("us"))})
    read_back, warnings = read(tmp_path, "t.parquet", _parquet(frame))
    assert read_back["at"].null_count() == 1
    assert "1 time in “at” before the year 1 or after the year 9999 counts as missing" in warnings


def test_nested_columns_are_flattened_or_json(tmp_path: Path) -> None:
    frame = pl.DataFrame({"r": [{"a": 1, "b": {"c": [1, 2]}}, None], "l": [[{"x": "ä"}], []]})
    read_back, warnings = read(tmp_path, "t.parquet", _parquet(frame))
    assert read_back.to_dict(as_series=False) == {
        "r.a": [1, None],
        "r.b.c": ["[1,2]", None],
        "l": ['[{"x":"ä"}]', "[]"],
    }
    assert "“l” holds lists" in warnings


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda content: content[:-1], "cut off"),
        (lambda content: content[:-8] + struct.pack("<I", 1 << 31) + b"PAR1", "does not fit"),
        (lambda content: content[:4] + b"\xff" * 40 + content[44:], "damaged"),
        (lambda content: content[:-4] + b"PARE", "encrypted"),
    ],
)
def test_damage_is_said(tmp_path: Path, change: Any, match: str) -> None:
    with pytest.raises(UnreadableFile, match=match):
        read(tmp_path, "t.parquet", change(_parquet(FRAME)))


def test_binary_values_inside_lists_and_records_are_text(tmp_path: Path) -> None:
    frame = pl.DataFrame({"l": [[b"a", b"\xff"], None], "r": [[{"x": b"q"}], []]})
    read_back, _ = read(tmp_path, "t.parquet", _parquet(frame))
    assert read_back["l"].to_list() == ['["a", "/w=="]', None]
    assert read_back["r"].to_list() == ['[{"x": "q"}]', "[]"]
