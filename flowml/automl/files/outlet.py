"""Where the answers for a file go, piece by piece; there is a whole file in the end, or none.

Texts are written as they come. Formats that say once what type a column has get their pieces as files of their own
beside the target first, because only the last piece shows which types hold for all.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from flowml.data.expected import ReadTable
from flowml.data.given import json_lines
from flowml.data.guard import scratch_folder
from flowml.data.in_pieces import Shape
from flowml.data.writing.writers import FORMATS, SEPARATORS


class Outlet(Protocol):
    """What takes the pieces. `content` may be called in any thread, for any piece, of which `read` is what its file
    has, with a `frame` of that with the answers; `write` gets them in order."""

    def content(self, number: int, frame: pl.DataFrame, read: ReadTable) -> bytes | Path: ...
    def write(self, content: bytes | Path) -> None: ...
    def finish(self) -> None: ...


@contextmanager
def outlet(to: Path | Any, format: str, shape: Shape) -> Iterator[Outlet]:
    """What writes a file in one of `writers.FORMATS`; at the path `to` it is there when this has ended well, and else
    nothing is. An open binary file gets it as it comes, or at the end. `shape`: what is known of the pieces."""
    goes_on = format in SEPARATORS and shape.is_fixed or format == "jsonl" and shape.is_typed
    if not isinstance(to, Path):
        with scratch_folder() as scratch:
            if goes_on:
                yield _Texts(to, format)
            else:
                whole = Path(scratch) / "whole"
                with outlet(whole, format, shape) as out:
                    yield out
                with whole.open("rb") as file:
                    shutil.copyfileobj(file, to)
        return
    part = to.with_name(f".{to.name}.{secrets.token_hex(4)}.part")
    spool = to.with_name(f".{to.name}.{secrets.token_hex(4)}.pieces")
    try:
        if goes_on:
            with part.open("wb") as file:
                yield _Texts(file, format)
        else:
            spool.mkdir()
            yield _Spooled(part, format, spool)
        os.replace(part, to)
    finally:
        part.unlink(missing_ok=True)
        shutil.rmtree(spool, ignore_errors=True)


class _Texts:
    def __init__(self, file: Any, format: str):
        self._file = file
        self._separator = SEPARATORS.get(format)

    def content(self, number: int, frame: pl.DataFrame, read: ReadTable) -> bytes | Path:
        if self._separator is None:
            return json_lines(frame, read.given)
        target = io.BytesIO()
        # Quotation marks only where they are needed: what reads predictions often expects no more.
        frame.write_csv(target, separator=self._separator, include_header=number == 0)
        return target.getvalue()

    def write(self, content: bytes | Path) -> None:
        self._file.write(content)

    def finish(self) -> None:
        self._file.flush()


class _Spooled:
    def __init__(self, path: Path, format: str, folder: Path):
        self._path = path
        self._format = format
        self._folder = folder
        self._pieces: list[Path] = []
        self._types: dict[str, Any] = {}
        self._own: set[str] = set()

    def content(self, number: int, frame: pl.DataFrame, read: ReadTable) -> bytes | Path:
        written = read.written
        self._own.update(written.columns)
        path = self._folder / f"{number:08}.arrow"
        frame.write_ipc(path, compression="lz4")
        # If another piece shows that a column is one of texts, these are its texts.
        texts = [
            column
            for column in written.get_columns()
            if column.dtype == pl.String and frame[column.name].dtype != pl.String
        ]
        if texts:
            pl.DataFrame(texts).write_ipc(_texts_of(path), compression="lz4")
        return path

    def write(self, content: bytes | Path) -> None:
        assert isinstance(content, Path)
        for name, dtype in pl.read_ipc_schema(content).items():
            self._types[name] = _common(self._types.get(name), dtype)
        self._pieces.append(content)

    def finish(self) -> None:
        # What is added stands behind the columns of all pieces.
        self._types = dict(sorted(self._types.items(), key=lambda item: item[0] not in self._own))
        table = pl.concat([self._piece(path) for path in self._pieces])
        if self._format in SEPARATORS:
            # As `_Texts` does.
            table.sink_csv(self._path, separator=SEPARATORS[self._format])
        else:
            FORMATS[self._format](table, self._path)

    def _piece(self, path: Path) -> pl.LazyFrame:
        has, piece = pl.read_ipc_schema(path), pl.scan_ipc(path, glob=False)
        texts = pl.read_ipc_schema(_texts_of(path)) if _texts_of(path).exists() else {}
        as_texts = [name for name in texts if self._types[name] == pl.String]
        if as_texts:
            written = pl.scan_ipc(_texts_of(path), glob=False).select(as_texts)
            piece = pl.concat([piece.drop(as_texts), written], how="horizontal")
        return piece.select(
            (pl.col(name) if name in has else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in self._types.items()
        )


def _texts_of(path: Path) -> Path:
    return path.with_suffix(".texts")


def _common(known: Any, found: Any) -> Any:
    """The type that holds the values of both, of those that canonical tables have."""
    if known is None or known == found:
        return found
    pair = {known, found}
    if pair <= {pl.Int64, pl.Float64}:
        return pl.Float64
    if pair <= {pl.Date, pl.Datetime("us")}:
        return pl.Datetime("us")
    return pl.String
