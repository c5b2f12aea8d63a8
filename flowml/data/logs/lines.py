"""The lines of a text file, some megabytes at a time."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.data.decoding.encoding import detect_encoding, to_utf8
from flowml.data.decoding.nul import said_of_nuls
from flowml.data.format import Source
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark, loss, note

if TYPE_CHECKING:
    import polars as pl

_BLOCK = 1 << 20
_BLOCKS_AT_ONCE = 16
_SAMPLE_BYTES = 1 << 19


def as_utf8(source: Source, remarks: list[Remark]) -> Path:
    """The file itself, or a copy in UTF-8 with line feeds and without a byte order mark. Raises UnreadableFile when it
    is no text, or one of its lines is longer than any log's."""
    encoding = detect_encoding(source.path, source.text_option("encoding"))
    with source.path.open("rb") as file:
        head = file.read(65_536)
    path = source.path
    remarks += said_of_nuls(encoding.nuls)
    if not encoding.is_clean_utf8 or encoding.mark or (b"\r" in head and b"\n" not in head):
        path = source.scratch / "utf8.log"
        to_utf8(source.path, encoding, path)
        if encoding.broken:
            said = "Some characters of the file are damaged (not valid UTF-8); they were replaced by �."
            remarks.append(loss("damaged_characters", said))
        elif encoding.name != "utf-8":
            remarks.append(note("encoding", f"The text was read in the encoding {encoding.name}."))
    _check_line_lengths(path)
    return path


def _check_line_lengths(path: Path) -> None:
    with path.open("rb") as file:
        while len(block := file.read(_BLOCK)) == _BLOCK:
            if b"\n" not in block:
                raise UnreadableFile(
                    f"A line of the file is longer than {_BLOCK >> 20} MB, so this is hardly a log.",
                    hint="A log has one entry per line. Check how the file was made.",
                )


def blocks(path: Path) -> Iterator[pl.Series]:
    """The lines in order, without their ends, in pieces of about 16 MB."""
    with path.open("rb") as file:
        while block := file.read(_BLOCKS_AT_ONCE * _BLOCK):
            yield _split(block + file.readline())


def sample(path: Path) -> pl.Series:
    """Lines to judge a log by: its first ones, and some from its middle."""
    import polars as pl

    size = path.stat().st_size
    with path.open("rb") as file:
        pieces = [_split(file.read(_SAMPLE_BYTES) + file.readline())]
        if size > 3 * _SAMPLE_BYTES:
            file.seek(size // 2)
            file.readline()
            pieces.append(_split(file.read(_SAMPLE_BYTES) + file.readline()))
    return pl.concat([piece.filter(piece.str.contains(r"\S")).head(1000) for piece in pieces])


def _split(block: bytes) -> pl.Series:
    import polars as pl

    if not block:
        return pl.Series("line", [], dtype=pl.String)
    return pl.read_lines(BytesIO(block), name="line").to_series()
