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

from flowml.data.guard import scratch_folder
from flowml.data.in_pieces import Shape
from flowml.data.writing.writers import FORMATS, SEPARATORS


class Outlet(Protocol):
    """What takes the pieces. `content` may be called in any thread, for any piece; `write` gets them in order."""

    def content(self, number: int, frame: pl.DataFrame) -> bytes | Path: ...
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
        elif shape is Shape.WHOLE:
            yield _Whole(part, format)
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

    def content(self, number: int, frame: pl.DataFrame) -> bytes | Path:
        target = io.BytesIO()
        if self._separator is None:
            frame.write_ndjson(target)
        else:
            # Quotation marks only where they are needed: what reads predictions often expects no more.
            frame.write_csv(target, separator=self._separator, include_header=number == 0)
        return target.getvalue()

    def write(self, content: bytes | Path) -> None:
        self._file.write(content)

    def finish(self) -> None:
        self._file.flush()


class _Whole:
    def __init__(self, path: Path, format: str):
        self._path = path
        self._format = format

    def content(self, number: int, frame: pl.DataFrame) -> bytes | Path:
        FORMATS[self._format](frame.lazy(), self._path)
        return self._path

    def write(self, content: bytes | Path) -> None: ...

    def finish(self) -> None: ...


class _Spooled:
    def __init__(self, path: Path, format: str, folder: Path):
        self._path = path
        self._format = format
        self._folder = folder
        self._pieces: list[Path] = []
        self._types: dict[str, Any] = {}

    def content(self, number: int, frame: pl.DataFrame) -> bytes | Path:
        path = self._folder / f"{number:08}.arrow"
        frame.write_ipc(path, compression="lz4")
        return path

    def write(self, content: bytes | Path) -> None:
        assert isinstance(content, Path)
        for name, dtype in pl.read_ipc_schema(content).items():
            self._types[name] = _common(self._types.get(name), dtype)
        self._pieces.append(content)

    def finish(self) -> None:
        FORMATS[self._format](pl.concat([self._piece(path) for path in self._pieces]), self._path)

    def _piece(self, path: Path) -> pl.LazyFrame:
        has = pl.read_ipc_schema(path)
        return pl.scan_ipc(path, glob=False).select(
            (pl.col(name) if name in has else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in self._types.items()
        )


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
