"""A multipart upload straight to a temporary file, with every limit enforced while reading."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from io import BufferedWriter
from pathlib import Path
from typing import Any, Protocol

import anyio
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from flowml.domain.errors import InvalidInput, MalformedRequest, TooLarge, TooMany, UnsupportedFormat
from flowml.domain.names import shown

_FIELD_LIMIT = 64_000
_ENVELOPE_LIMIT = 256_000
_WRITE_AT = 4 << 20
_FIELDS = ("name", "options")
_MOST_AT_ONCE = 32
# Reading one takes the square of its length.
_LONGEST_TYPE = 500
# What arrives more slowly makes room for others where there is none.
_FAST_BYTES_PER_SECOND = 100_000
_SLOW_AFTER_SECONDS = 10.0


@dataclass(frozen=True)
class Upload:
    """A received file. `filename` is a label: it never names anything on this machine."""

    path: Path
    sha256: str
    filename: str
    fields: Mapping[str, str]

    @property
    def name(self) -> str | None:
        return shown(self.fields.get("name", "")) or None

    @property
    def options(self) -> dict[str, Any]:
        """Raises InvalidInput."""
        text = self.fields.get("options", "").strip()
        if not text:
            return {}
        try:
            options = json.loads(text)
        except (ValueError, RecursionError):
            raise InvalidInput.of_field("options", "“options” is not valid JSON.") from None
        if not isinstance(options, dict):
            raise InvalidInput.of_field("options", "“options” must be a JSON object.")
        return options


class Promise(Protocol):
    """Room on the disk that nobody else is given. `written` raises NoRoom when the disk is full all the same."""

    def written(self, n_bytes: int, /) -> None: ...


class Place(Protocol):
    """Where files are received. `promised` raises NoRoom for more than there is room for."""

    def new_temp(self) -> Path: ...
    def promised(self, n_bytes: int, /) -> AbstractContextManager[Promise]: ...


@asynccontextmanager
async def receive_upload(request: Request, place: Place, max_bytes: int) -> AsyncIterator[Upload]:
    """Read the request's one file. The temporary file is gone at the end, whatever happens, unless it was moved.

    Raises UnsupportedFormat, MalformedRequest, InvalidInput, TooLarge, TooMany, NoRoom, and ClientDisconnect when the
    sender is gone.
    """
    boundary = _boundary(request)
    announced = request.headers.get("content-length", "")
    path = place.new_temp()
    receiving = _Receiving.begin()
    try:
        n_bytes = int(announced) if announced.isdecimal() else 0
        if n_bytes > max_bytes + _ENVELOPE_LIMIT:
            raise _too_large(max_bytes)
        reader = _Reader(boundary, max_bytes)
        with place.promised(n_bytes) as promise, path.open("wb") as file, receiving.scope:
            sha256 = await _read(request, reader, file, promise, receiving)
        if receiving.scope.cancelled_caught:
            raise _too_many()
        receiving.end()
        yield reader.upload(path, sha256)
    finally:
        receiving.end()
        path.unlink(missing_ok=True)


def _too_many() -> TooMany:
    return TooMany(f"This server receives {_MOST_AT_ONCE} files already.", hint="Wait until some of them have arrived.")


@dataclass(eq=False)
class _Receiving:
    """A file on its way. Where there are too many, the slowest one ends if it is really slow."""

    began: float
    n_bytes: int = 0
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    @classmethod
    def begin(cls) -> "_Receiving":
        """Raises TooMany."""
        now = time.monotonic()
        if len(_underway) >= _MOST_AT_ONCE:
            old = [one for one in _underway if now - one.began > _SLOW_AFTER_SECONDS]
            slowest = min(old, key=lambda one: one.rate(now), default=None)
            if slowest is None or slowest.rate(now) > _FAST_BYTES_PER_SECOND:
                raise _too_many()
            slowest.scope.cancel()
            slowest.end()
        one = cls(now)
        _underway.add(one)
        return one

    def rate(self, now: float) -> float:
        """Bytes a second, so far."""
        return self.n_bytes / (now - self.began)

    def end(self) -> None:
        """It is there, or given up."""
        _underway.discard(self)


_underway: set[_Receiving] = set()


async def _read(
    request: Request, reader: "_Reader", file: BufferedWriter, promise: Promise, receiving: _Receiving
) -> str:
    """Write the file as it arrives; returns its SHA-256. One piece is written while the next is received."""
    digest = hashlib.sha256()

    def write(chunks: list[bytes]) -> None:
        file.writelines(chunks)
        promise.written(sum(map(len, chunks)))
        for chunk in chunks:
            digest.update(chunk)

    writing: asyncio.Future[None] | None = None
    try:
        async for chunk in request.stream():
            reader.feed(chunk)
            receiving.n_bytes += len(chunk)
            if reader.pending >= _WRITE_AT:
                if writing is not None:
                    await writing
                writing = asyncio.ensure_future(run_in_threadpool(write, reader.take()))
        reader.finish()
    finally:
        # Also when the sender is gone: nothing may be written into a file that is about to be removed.
        with anyio.CancelScope(shield=True):
            if writing is not None:
                await writing
    await run_in_threadpool(write, reader.take())
    return digest.hexdigest()


def _boundary(request: Request) -> bytes:
    named = request.headers.get("content-type", "")
    if len(named) > _LONGEST_TYPE:
        raise MalformedRequest("The upload's Content-Type is longer than any that a form has.")
    media_type, options = parse_options_header(named)
    if media_type != b"multipart/form-data":
        raise UnsupportedFormat(
            "A file is uploaded as a form (multipart/form-data).", hint="With curl: -F file=@table.csv"
        )
    boundary = options.get(b"boundary")
    if not boundary:
        raise MalformedRequest("The upload names no boundary between its parts.")
    return boundary


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(
        f"The file is larger than the {max_bytes / 1_000_000:g} MB that this server takes.",
        hint="Send fewer rows or a denser format such as Parquet, or raise FLOWML_MAX_UPLOAD_MB and start again.",
    )


@dataclass
class _Part:
    header: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    disposition: bytes = b""
    name: str = ""
    is_file: bool = False
    data: bytearray = field(default_factory=bytearray)


class _Reader:
    """The push parser's callbacks: the file's bytes are collected for writing, the fields are kept."""

    def __init__(self, boundary: bytes, max_bytes: int):
        self.pending = 0
        self._chunks: list[bytes] = []
        self._max_bytes = max_bytes
        self._n_bytes = 0
        self._n_received = 0
        self._filename: str | None = None
        self._fields: dict[str, str] = {}
        self._part = _Part()
        self._complete = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_end": self._finished,
                },
            )
        except FormParserError:
            raise MalformedRequest("The upload's boundary cannot be used.") from None

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise MalformedRequest("The upload is not a valid form (multipart/form-data).") from None
        self._n_received += len(chunk)
        if self._n_received - self._n_bytes > _ENVELOPE_LIMIT:
            raise MalformedRequest("There is too much around the file of the upload.")

    def finish(self) -> None:
        if not self._complete:
            raise MalformedRequest("The upload ends before it is complete.", hint="Send the file again.")

    def take(self) -> list[bytes]:
        chunks, self._chunks, self.pending = self._chunks, [], 0
        return chunks

    def upload(self, path: Path, sha256: str) -> Upload:
        if self._filename is None:
            raise InvalidInput.of_field("file", "“file” is missing.", hint="With curl: -F file=@table.csv")
        return Upload(path, sha256, self._filename, self._fields)

    def _begin(self) -> None:
        self._part = _Part()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._part.header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.value += data[start:end]

    def _header_end(self) -> None:
        if self._part.header.lower() == b"content-disposition":
            self._part.disposition = bytes(self._part.value)
        self._part.header.clear()
        self._part.value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._part.disposition)
        self._part.name = options.get(b"name", b"").decode("utf-8", "replace")
        filename = options.get(b"filename")
        if self._part.name == "file" and filename is not None:
            if self._filename is not None:
                raise InvalidInput.of_field("file", "Only one file can be uploaded at a time.")
            self._part.is_file = True
            self._filename = clean_filename(filename.decode("utf-8", "replace"))
        elif self._part.name == "file":
            raise InvalidInput.of_field("file", "“file” is text, not a file.", hint="With curl: -F file=@table.csv")
        elif self._part.name not in _FIELDS:
            raise InvalidInput.of_field(
                self._part.name[:60] or "form", f"“{self._part.name[:60]}” is not a known field of an upload."
            )
        elif self._part.name in self._fields:
            raise InvalidInput.of_field(self._part.name, f"“{self._part.name}” is there twice.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.is_file:
            self._n_bytes += end - start
            if self._n_bytes > self._max_bytes:
                raise _too_large(self._max_bytes)
            self._chunks.append(data[start:end])
            self.pending += end - start
        else:
            self._part.data += data[start:end]
            if len(self._part.data) > _FIELD_LIMIT:
                raise InvalidInput.of_field(self._part.name, f"“{self._part.name}” is too long.")

    def _end(self) -> None:
        if not self._part.is_file:
            self._fields[self._part.name] = self._part.data.decode("utf-8", "replace")

    def _finished(self) -> None:
        self._complete = True


def clean_filename(filename: str) -> str:
    """A name from outside as a label: no folders, nothing invisible, not too long.

    >>> clean_filename("../../etc/pass\\x00wd"), clean_filename("C:\\\\data\\\\table.csv"), clean_filename("/")
    ('passwd', 'table.csv', 'upload')
    """
    return shown(filename.replace("\\", "/").rsplit("/", 1)[-1], 255) or "upload"
