"""FlatBuffers, as far as a CatBoost model needs them: read with suspicion, and written.

The format is https://flatbuffers.dev/internals: tables whose fields are found by a table of offsets, vectors that begin
with their length, everything little-endian. Nothing that is read is believed: what points outside of the buffer is a
ValueError, and no memory is taken for what is not there.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

_UINT16 = struct.Struct("<H")
_UINT32 = struct.Struct("<I")
_INT32 = struct.Struct("<i")
_WORD = 8


class Table:
    """A table in a buffer. Its fields go by their number, in the order of the schema."""

    def __init__(self, buffer: bytes, position: int):
        self._buffer = buffer
        self._position = position
        self._offsets = position - _read(buffer, _INT32, position)
        self._n_bytes = _read(buffer, _UINT16, self._offsets)

    @classmethod
    def root(cls, buffer: bytes) -> Self:
        """The table that a buffer begins with. Raises ValueError, as all of them do, where there is none."""
        return cls(buffer, _read(buffer, _UINT32, 0))

    def scalar(self, field: int, kind: struct.Struct, default: Any) -> Any:
        """A number; `default` where the field is not there."""
        place = self._place(field)
        return default if place is None else _read(self._buffer, kind, place)

    def vector(self, field: int, dtype: Any) -> np.ndarray:
        """A vector of numbers, (length,); empty where the field is not there."""
        start, length = self._vector(field)
        return np.frombuffer(self._buffer, dtype, length, start) if length else np.empty(0, dtype)

    def text(self, field: int) -> bytes:
        return self.vector(field, np.uint8).tobytes()

    def texts(self, field: int, most: int) -> list[bytes]:
        """A vector of at most so many texts."""
        found = []
        for place in self._places(field, most):
            length = _read(self._buffer, _UINT32, place)
            start = place + _UINT32.size
            if length > len(self._buffer) - start:
                raise ValueError("a text that ends beyond its buffer")
            found.append(self._buffer[start : start + length])
        return found

    def table(self, field: int) -> "Table":
        place = self._place(field)
        if place is None:
            raise ValueError("a table that is not there")
        return Table(self._buffer, place + _read(self._buffer, _UINT32, place))

    def tables(self, field: int, most: int) -> list["Table"]:
        """A vector of at most so many tables."""
        return [Table(self._buffer, place) for place in self._places(field, most)]

    def _place(self, field: int) -> int | None:
        entry = 4 + 2 * field
        if entry + _UINT16.size > self._n_bytes:
            return None
        offset = _read(self._buffer, _UINT16, self._offsets + entry)
        return self._position + offset if offset else None

    def _vector(self, field: int) -> tuple[int, int]:
        """Where its items begin, and how many there are."""
        place = self._place(field)
        if place is None:
            return 0, 0
        start = place + _read(self._buffer, _UINT32, place)
        return start + _UINT32.size, _read(self._buffer, _UINT32, start)

    def _places(self, field: int, most: int) -> list[int]:
        start, length = self._vector(field)
        if length > most:
            raise ValueError("more of something than there can be")
        places = range(start, start + length * _UINT32.size, _UINT32.size)
        return [place + _read(self._buffer, _UINT32, place) for place in places]


def _read(buffer: bytes, kind: struct.Struct, position: int) -> Any:
    # A negative position would count from the end.
    if not 0 <= position <= len(buffer) - kind.size:
        raise ValueError("an offset that points outside of its buffer")
    return kind.unpack_from(buffer, position)[0]


@dataclass(frozen=True)
class Scalar:
    """A number to be written."""

    kind: struct.Struct
    value: Any


Node = Scalar | np.ndarray | bytes | Sequence["Node"] | Mapping[int, "Node"]
"""What can be written: a number, a vector of numbers, a text, a vector of tables or texts, a table by its fields."""


def written(root: Mapping[int, Node]) -> bytes:
    """A buffer with this table as its root."""
    buffer = bytearray(_UINT32.size)
    _UINT32.pack_into(buffer, 0, _put(buffer, root))
    _align(buffer, _WORD, 0)
    return bytes(buffer)


def _put(buffer: bytearray, node: Node) -> int:
    """Append it, and what it points to behind it; returns where it begins."""
    if isinstance(node, Mapping):
        return _put_table(buffer, node)
    if isinstance(node, Scalar):
        raise TypeError("a number stands in a table")
    items: Any = node
    if isinstance(node, np.ndarray):
        _align(buffer, max(node.dtype.alignment, _UINT32.size), _UINT32.size)
    else:
        _align(buffer, _UINT32.size, 0)
    position = len(buffer)
    buffer += _UINT32.pack(len(items))
    if isinstance(node, np.ndarray):
        buffer += np.ascontiguousarray(node).tobytes()
    elif isinstance(node, bytes):
        buffer += node + b"\0"
    else:
        first = len(buffer)
        buffer += bytes(_UINT32.size * len(node))
        for index, item in enumerate(node):
            _point(buffer, first + index * _UINT32.size, item)
    return position


def _put_table(buffer: bytearray, fields: Mapping[int, Node]) -> int:
    """Its table of offsets, itself, and what it points to. Every field takes eight bytes, so that all are aligned."""
    count = max(fields, default=-1) + 1
    places = {field: _WORD * (1 + index) for index, field in enumerate(sorted(fields))}
    _align(buffer, _UINT16.size, 0)
    offsets = len(buffer)
    buffer += struct.pack(
        f"<{2 + count}H",
        4 + 2 * count,
        _WORD * (1 + len(fields)),
        *(places.get(field, 0) for field in range(count)),
    )
    _align(buffer, _WORD, 0)
    position = len(buffer)
    buffer += bytes(_WORD * (1 + len(fields)))
    _INT32.pack_into(buffer, position, position - offsets)
    for field, node in fields.items():
        place = position + places[field]
        if isinstance(node, Scalar):
            node.kind.pack_into(buffer, place, node.value)
        else:
            _point(buffer, place, node)
    return position


def _point(buffer: bytearray, place: int, node: Node) -> None:
    _UINT32.pack_into(buffer, place, _put(buffer, node) - place)


def _align(buffer: bytearray, size: int, before: int) -> None:
    """So that what stands `before` bytes further on begins at a multiple of `size`."""
    buffer += bytes(-(len(buffer) + before) % size)
