"""Avro object container files (Apache Avro 1.12 specification), as far as Polars does not read them.

The blocks of every file are unpacked and counted here first, so that neither their lengths nor their numbers of records
are believed. Unions of several kinds, maps, nulls, durations and the codecs bzip2, xz and zstandard are then decoded
here; everything else goes to Polars.
"""

from __future__ import annotations

import bz2
import json
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from flowml.data.compression import FREE_BYTES, MOST_EXPANSION, too_much, zstandard
from flowml.domain.errors import UnreadableFile, UnsupportedFormat

_MAGIC = b"Obj\x01"
_MOST_HEADER = 16 << 20
_MOST_NESTING = 20
# Items of no bytes at all (nulls) cost the file nothing: so many are believed beyond what its bytes can hold.
_FREE_ITEMS = 1_000_000
# Digits that a decimal of Polars has at most.
_WIDEST_DECIMAL = 38
_EPOCH_DAY = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AGAIN = "Export it again, or save it as Parquet."
Decoder = Callable[["Bytes"], Any]


class Bytes:
    """A block of bytes read from front to back; raises EOFError beyond its end."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0
        self.items = 0

    def take(self, length: int) -> bytes:
        end = self.at + length
        if length < 0 or end > len(self.data):
            raise EOFError
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def long(self) -> int:
        """A whole number in the zig-zag form of variable length."""
        value = shift = 0
        while True:
            if self.at >= len(self.data) or shift > 63:
                raise EOFError
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7

    def count(self) -> Iterator[None]:
        """Once for every item of an array or map, whose blocks each say how many follow."""
        while number := self.long():
            if number < 0:
                number = -number
                self.long()
            self.items += number
            if self.items > _FREE_ITEMS + len(self.data):
                raise EOFError
            for _ in range(number):
                yield


@dataclass(frozen=True)
class Header:
    """What a file says of itself, and where its blocks start."""

    schema: Any
    codec: str
    sync: bytes
    start: int


def read_header(path: Path) -> Header:
    """Raises UnreadableFile when the file has no usable header."""
    with path.open("rb") as file:
        stream = Bytes(file.read(_MOST_HEADER))
    try:
        stream.take(len(_MAGIC))
        meta = {}
        for _ in stream.count():
            key = stream.take(stream.long())
            meta[key] = stream.take(stream.long())
        sync = stream.take(16)
    except EOFError as error:
        raise UnreadableFile("The Avro file is cut off or damaged: its header is not complete.", hint=_AGAIN) from error
    try:
        schema = json.loads(meta[b"avro.schema"])
    except (KeyError, ValueError, RecursionError) as error:
        raise UnreadableFile("The Avro file is damaged: its schema cannot be read.", hint=_AGAIN) from error
    return Header(schema, meta.get(b"avro.codec", b"null").decode("ascii", "replace"), sync, stream.at)


def blocks(path: Path, header: Header) -> Iterator[tuple[int, bytes]]:
    """The number of records in each block, and its bytes, unpacked. Raises UnreadableFile, UnsupportedFormat."""
    packed = path.stat().st_size
    unpacked = 0
    with path.open("rb") as file:
        file.seek(header.start)
        while lead := file.read(20):
            stream = Bytes(lead)
            try:
                count, length = stream.long(), stream.long()
            except EOFError as error:
                raise _cut_off() from error
            file.seek(stream.at - len(lead), 1)
            if count < 0 or length < 0 or length > packed:
                raise _cut_off()
            content = file.read(length)
            if file.read(16) != header.sync:
                raise _cut_off()
            content = _decompress(header.codec, content, max(FREE_BYTES, MOST_EXPANSION * packed) - unpacked)
            unpacked += len(content)
            yield count, content


def _cut_off() -> UnreadableFile:
    return UnreadableFile("The Avro file is cut off or damaged: its blocks are not whole.", hint=_AGAIN)


def _decompress(codec: str, content: bytes, most: int) -> bytes:
    if codec == "null":
        return content
    try:
        if codec == "snappy":
            unpacked = _snappy(content[:-4], most)
        elif codec == "deflate":
            unpacked = zlib.decompressobj(-15).decompress(content, most + 1)
        elif codec == "bzip2":
            unpacked = bz2.BZ2Decompressor().decompress(content, most + 1)
        elif codec == "xz":
            unpacked = lzma.LZMADecompressor(memlimit=200 << 20).decompress(content, most + 1)
        elif codec == "zstandard":
            unpacked = _zstandard(content, most)
        else:
            raise UnsupportedFormat(
                f"The Avro file is compressed by “{codec[:40]}”, which FlowML cannot unpack.",
                hint="Write it with the codec deflate, snappy, zstandard or null.",
            )
    except UnsupportedFormat:
        raise
    except (ValueError, OSError, EOFError, MemoryError, zlib.error, lzma.LZMAError) as error:
        raise _cut_off() from error
    if len(unpacked) > most:
        raise too_much("The Avro file")
    return unpacked


def _zstandard(content: bytes, most: int) -> bytes:
    zstd = zstandard()
    try:
        unpacked: bytes = zstd.ZstdDecompressor().decompress(content, most + 1)
    except zstd.ZstdError as error:
        raise ValueError from error
    return unpacked


def _snappy(content: bytes, most: int) -> bytes:
    """The raw format of Snappy (google/snappy, format_description.txt)."""
    length = at = shift = 0
    while True:
        byte = content[at] if at < len(content) and shift < 35 else _fail()
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    if length > most:
        raise too_much("The Avro file")
    out = bytearray()
    while at < len(content):
        tag = content[at]
        at += 1
        kind = tag & 3
        if kind == 0:
            size = (tag >> 2) + 1
            if size > 60:
                extra = size - 60
                size = int.from_bytes(content[at : at + extra], "little") + 1
                at += extra
            out += content[at : at + size]
            at += size
        else:
            if kind == 1:
                size, offset = ((tag >> 2) & 7) + 4, (tag >> 5) << 8 | content[at : at + 1][0]
                at += 1
            else:
                wide = 2 if kind == 2 else 4
                size, offset = (tag >> 2) + 1, int.from_bytes(content[at : at + wide], "little")
                at += wide
            if not 0 < offset <= len(out):
                _fail()
            start = len(out) - offset
            for index in range(size):
                out.append(out[start + index])
        if len(out) > length:
            _fail()
    if len(out) != length:
        _fail()
    return bytes(out)


def _fail() -> int:
    raise ValueError


_PLAIN: dict[str, tuple[int, Decoder]] = {
    "null": (0, lambda _: None),
    "boolean": (1, lambda stream: stream.take(1) != b"\0"),
    "int": (1, Bytes.long),
    "long": (1, Bytes.long),
    "float": (4, lambda stream: struct.unpack("<f", stream.take(4))[0]),
    "double": (8, lambda stream: struct.unpack("<d", stream.take(8))[0]),
    "bytes": (1, lambda stream: stream.take(stream.long())),
    "string": (1, lambda stream: stream.take(stream.long()).decode("utf-8", "replace")),
}


def _moment(microseconds: int) -> Any:
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None


def _day(days: int) -> Any:
    try:
        return _EPOCH_DAY + timedelta(days=days)
    except OverflowError:
        return None


def _time(microseconds: int) -> Any:
    return (_EPOCH + timedelta(microseconds=microseconds % 86_400_000_000)).time()


_LOGICAL: dict[tuple[str, str], Callable[[int], Any]] = {
    ("int", "date"): _day,
    ("int", "time-millis"): lambda value: _time(value * 1000),
    ("long", "time-micros"): _time,
    **{("long", f"{local}timestamp-millis"): lambda value: _moment(value * 1000) for local in ("", "local-")},
    **{("long", f"{local}timestamp-micros"): _moment for local in ("", "local-")},
    **{("long", f"{local}timestamp-nanos"): lambda value: _moment(value // 1000) for local in ("", "local-")},
}


class Schema:
    """A schema made ready: `decode` reads a value, `least` is the fewest bytes that one takes, and `is_plain` whether
    Polars reads files like this."""

    def __init__(self, schema: Any):
        self.is_plain = True
        self._named: dict[str, Any] = {}
        try:
            self.least, self.decode = self._of(schema, 0, "")
        except UnreadableFile:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnreadableFile("The Avro file is damaged: its schema makes no sense.", hint=_AGAIN) from error
        if not isinstance(schema, dict) or schema.get("type") != "record":
            raise UnreadableFile("The Avro file holds single values, not records.", hint="A table is made of records.")

    def _of(self, schema: Any, depth: int, space: str) -> tuple[int, Decoder]:
        if depth > _MOST_NESTING:
            raise UnreadableFile(
                f"The records of the Avro file are nested more than {_MOST_NESTING} levels deep.",
                hint="Flatten them first.",
            )
        if isinstance(schema, list):
            return self._union(schema, depth, space)
        if isinstance(schema, str):
            return _PLAIN[schema] if schema in _PLAIN and schema != "null" else self._by_name(schema, depth, space)
        kind = schema["type"]
        if isinstance(kind, dict | list):
            return self._of(kind, depth + 1, space)
        if kind in ("record", "error", "enum", "fixed"):
            name = str(schema["name"])
            space = name.rpartition(".")[0] or str(schema.get("namespace", space))
            self._named[f"{space}.{name.rpartition('.')[2]}".lstrip(".")] = (schema, space)
        if kind in ("record", "error"):
            return self._record(schema, depth, space)
        if kind == "enum":
            symbols = [str(symbol) for symbol in schema["symbols"]]
            return 1, lambda stream: _item(symbols, stream.long())
        if kind == "array":
            _, item = self._of(schema["items"], depth + 1, space)
            return 1, lambda stream: [item(stream) for _ in stream.count()]
        if kind == "map":
            self.is_plain = False
            _, value = self._of(schema["values"], depth + 1, space)
            return 1, lambda stream: _map(stream, value)
        return self._logical(kind, schema, depth, space)

    def _by_name(self, name: str, depth: int, space: str) -> tuple[int, Decoder]:
        self.is_plain = False
        if name == "null":
            return _PLAIN["null"]
        schema, space = self._named.get(name) or self._named[f"{space}.{name}"]
        return self._of(schema, depth + 1, space)

    def _union(self, kinds: list[Any], depth: int, space: str) -> tuple[int, Decoder]:
        decoders = [_PLAIN["null"][1] if kind == "null" else self._of(kind, depth + 1, space)[1] for kind in kinds]
        if len(kinds) != 2 or "null" not in kinds:
            self.is_plain = False
        return 1, lambda stream: _item(decoders, stream.long())(stream)

    def _record(self, schema: dict[str, Any], depth: int, space: str) -> tuple[int, Decoder]:
        fields = [(str(each["name"]), *self._of(each["type"], depth + 1, space)) for each in schema["fields"]]
        if any("default" in each for each in schema["fields"]):
            # What a reader should take where a field is not there; Polars stumbles over it.
            self.is_plain = False
        decoders = [(name, decode) for name, _, decode in fields]
        least = sum(size for _, size, _ in fields)
        return least, lambda stream: {name: decode(stream) for name, decode in decoders}

    def _logical(self, kind: str, schema: dict[str, Any], depth: int, space: str) -> tuple[int, Decoder]:
        logical = schema.get("logicalType")
        if kind == "fixed":
            size = int(schema["size"])
            if not 0 <= size <= _MOST_HEADER:
                raise ValueError
            if logical == "duration" and size == 12:
                self.is_plain = False
                return size, lambda stream: _duration(stream.take(12))
            least: int = size
            raw: Decoder = lambda stream: stream.take(size)  # noqa: E731
        else:
            least, raw = self._of(kind, depth + 1, space)
        if logical == "decimal":
            scale = int(schema.get("scale", 0))
            if not 0 <= scale <= 1000:
                raise ValueError
            if int(schema.get("precision", _WIDEST_DECIMAL)) > _WIDEST_DECIMAL:
                self.is_plain = False
            return least, lambda stream: Decimal(int.from_bytes(raw(stream)[:64], "big", signed=True)).scaleb(-scale)
        convert = _LOGICAL.get((kind, str(logical)))
        if logical in ("timestamp-nanos", "local-timestamp-nanos"):
            self.is_plain = False
        return (least, raw) if convert is None else (least, lambda stream: convert(raw(stream)))


def _item(items: list[Any], at: int) -> Any:
    if not 0 <= at < len(items):
        raise EOFError
    return items[at]


def _map(stream: Bytes, decode: Decoder) -> str:
    """A map as JSON: its keys are values rather than columns."""
    from flowml.data.nested.records import as_json

    return as_json({stream.take(stream.long()).decode("utf-8", "replace"): decode(stream) for _ in stream.count()})


def _duration(content: bytes) -> str:
    """Months, days and milliseconds in the form of ISO 8601: months have no length of their own."""
    months, days, milliseconds = struct.unpack("<III", content)
    return f"P{months}M{days}DT{milliseconds / 1000:g}S"
