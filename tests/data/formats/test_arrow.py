"""Arrow files and streams, compressed or not."""

import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flowml.domain.errors import UnreadableFile
from tests.data.reading import read

FRAME = pl.DataFrame(
    {
        "n": list(range(1000)),
        "s": [f"text {i % 7}" if i % 5 else None for i in range(1000)],
        "r": [{"a": i, "b": str(i)} for i in range(1000)],
    }
)
FLAT = FRAME.unnest("r").rename({"a": "r.a", "b": "r.b"})


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
@pytest.mark.parametrize("is_stream", [False, True])
def test_files_and_streams_are_read(tmp_path: Path, compression: Any, is_stream: bool) -> None:
    buffer = io.BytesIO()
    write = FRAME.write_ipc_stream if is_stream else FRAME.write_ipc
    write(buffer, compression=compression)
    frame, warnings = read(tmp_path, "t.arrow", buffer.getvalue())
    assert frame.equals(FLAT)
    assert not warnings


def test_a_file_is_not_read_without_its_end(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    FRAME.write_ipc(buffer)
    with pytest.raises(UnreadableFile):
        read(tmp_path, "t.arrow", buffer.getvalue()[:-6])


def test_the_first_version_of_feather_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="first version of Feather"):
        read(tmp_path, "t.feather", b"FEA1" + bytes(100))
