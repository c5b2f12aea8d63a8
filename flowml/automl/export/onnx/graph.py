"""A graph under construction, and its bytes: the few messages of onnx.proto that it takes, in protobuf's wire format.

IR version 8 with operator set 15, and version 3 of the operators of machine learning: what runtimes have since 2022.
Patterns of texts take IR version 9 with operator set 20, of 2023.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

IR_VERSION, OPSET, ML_OPSET = 8, 15, 3
IR_OF_PATTERNS, OPSET_OF_PATTERNS = 9, 20
ML = "ai.onnx.ml"
FLOAT, INT64, STRING, BOOL, DOUBLE = 1, 7, 8, 9, 11
_TYPES = {"float32": FLOAT, "int64": INT64, "bool": BOOL, "float64": DOUBLE}
Attribute = int | float | str | np.ndarray | Sequence[str]


@dataclass(frozen=True)
class Node:
    """An operator: what it reads and writes, by name (`also`: a second result), and its attributes. Arrays of whole or
    other numbers are lists, but in `tensors`, where they are tensors of their own type."""

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    domain: str = ""
    also: str = ""


@dataclass
class Graph:
    """`inputs`: (name, type) of columns of shape (rows, 1); `outputs`: (name, type, dimensions). What `needs_patterns`
    of texts takes a later operator set."""

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    inputs: list[tuple[str, int]] = field(default_factory=list)
    outputs: list[tuple[str, int, int]] = field(default_factory=list)
    needs_patterns: bool = False
    _known: dict[Any, str] = field(default_factory=dict)

    def add(self, op: str, *inputs: str, domain: str = "", **attributes: Attribute) -> str:
        """The name of what the operator gives; the same operator on the same is there once."""
        key = (op, inputs, tuple(sorted(attributes.items()))) if not _has_arrays(attributes) else None
        if key in self._known:
            return self._known[key]
        name = f"v{len(self.nodes)}"
        self.nodes.append(Node(op, inputs, name, attributes, domain))
        if key is not None:
            self._known[key] = name
        return name

    def constant(self, values: Any, dtype: Any = np.float64) -> str:
        """A tensor of the graph; texts as `object`."""
        array = np.asarray(values, dtype=dtype)
        key = (str(array.dtype), array.shape, array.tobytes() if dtype is not object else tuple(array.tolist()))
        if key not in self._known:
            self._known[key] = f"c{len(self.constants)}"
            self.constants[self._known[key]] = array
        return self._known[key]

    def nearest(self, distances: str, count: int) -> str:
        """The positions of the so many least in each row."""
        name = f"v{len(self.nodes)}"
        inputs = (distances, self.constant([count], np.int64))
        self.nodes.append(Node("TopK", inputs, f"{name}_values", {"axis": 1, "largest": 0, "sorted": 1}, also=name))
        return name

    def call(self, op: str, name: str) -> None:
        """Name a result that is given away."""
        self.nodes.append(Node("Identity", (op,), name))

    def to_bytes(self, name: str, version: str) -> bytes:
        """The model as ONNX has it."""
        graph = b"".join(
            (
                *(_message(1, _node(node)) for node in self.nodes),
                _text(2, name),
                *(_message(5, _tensor(array, key)) for key, array in self.constants.items()),
                *(_message(11, _value(key, kind, 1)) for key, kind in self.inputs),
                *(_message(12, _value(key, kind, width)) for key, kind, width in self.outputs),
            )
        )
        version_of_file, opset = (IR_OF_PATTERNS, OPSET_OF_PATTERNS) if self.needs_patterns else (IR_VERSION, OPSET)
        opsets = (("", opset), (ML, ML_OPSET))
        return b"".join(
            (
                _whole(1, version_of_file),
                _text(2, "FlowML"),
                _text(3, version),
                _message(7, graph),
                *(_message(8, _text(1, domain) + _whole(2, number)) for domain, number in opsets),
            )
        )


def _has_arrays(attributes: Mapping[str, Attribute]) -> bool:
    return any(not isinstance(value, (int, float, str)) for value in attributes.values())


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _whole(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode())


def _packed(number: int, values: Iterable[int]) -> bytes:
    return _message(number, b"".join(map(_varint, values)))


def _tensor(array: np.ndarray, name: str) -> bytes:
    dims = _packed(1, array.shape)
    if array.dtype == object:
        texts = b"".join(_text(6, text) for text in array.ravel().tolist())
        return dims + _whole(2, STRING) + texts + _text(8, name)
    little = array.astype(array.dtype.newbyteorder("<"))
    return dims + _whole(2, _TYPES[array.dtype.name]) + _text(8, name) + _message(9, little.tobytes())


def _node(node: Node) -> bytes:
    return b"".join(
        (
            *(_text(1, name) for name in node.inputs),
            _text(2, node.output),
            *([_text(2, node.also)] if node.also else []),
            _text(3, f"n_{node.output}"),
            _text(4, node.op),
            *(_message(5, _attribute(name, value)) for name, value in node.attributes.items()),
            *([_text(7, node.domain)] if node.domain else []),
        )
    )


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, np.ndarray):
        if name.endswith("_as_tensor"):
            return _text(1, name) + _message(5, _tensor(value, name)) + _whole(20, 4)
        if value.dtype.kind == "i":
            return _text(1, name) + _packed(8, value.tolist()) + _whole(20, 7)
        return _text(1, name) + _message(7, value.astype("<f4").tobytes()) + _whole(20, 6)
    if isinstance(value, str):
        return _text(1, name) + _text(4, value) + _whole(20, 3)
    if isinstance(value, int):
        return _text(1, name) + _whole(3, value) + _whole(20, 2)
    if isinstance(value, float):
        return _text(1, name) + _varint(2 << 3 | 5) + struct.pack("<f", value) + _whole(20, 1)
    return _text(1, name) + b"".join(_text(9, text) for text in value) + _whole(20, 8)


def _value(name: str, kind: int, width: int) -> bytes:
    """Rows, and with a width so many columns (0: none)."""
    dims = _message(1, _text(2, "rows")) + (_message(1, _whole(1, width)) if width else b"")
    return _text(1, name) + _message(2, _message(1, _whole(1, kind) + _message(2, dims)))
