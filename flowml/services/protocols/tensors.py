"""Tensors of the Open Inference Protocol: in JSON, and as the bytes that stand behind it in the binary tensor data
extension, which Triton's client uses unless it is told otherwise.

Numbers are little-endian in row-major order; a BYTES element is its length in four bytes, then itself.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flowml.domain.errors import InvalidInput

_NUMPY = {
    "BOOL": "?",
    **{f"{sign}INT{8 * size}": f"<{code}{size}" for sign, code in (("U", "u"), ("", "i")) for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": f"<f{size}" for size in (2, 4, 8)},
}
DATATYPES = (*_NUMPY, "BYTES")
_LENGTH = struct.Struct("<I")
_MOST_DIMENSIONS = 2


@dataclass(frozen=True)
class Tensor:
    """A tensor as it was sent: with `data` in JSON, flat or nested, or with `raw` bytes."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Any = None
    raw: bytes | None = None


def read(tensor: Tensor) -> list[Any]:
    """Its elements, flat, as Python's values; None where one is missing. Raises InvalidInput."""
    if tensor.datatype not in DATATYPES:
        raise _wrong(tensor, f"has the datatype “{tensor.datatype[:40]}”, and there are {', '.join(DATATYPES)}")
    if not 1 <= len(tensor.shape) <= _MOST_DIMENSIONS or any(size < 0 for size in tensor.shape):
        raise _wrong(tensor, "must have the shape [rows] or [rows, columns]")
    count = math.prod(tensor.shape)
    values = _from_json(tensor) if tensor.raw is None else _from_bytes(tensor, tensor.raw, count)
    if len(values) != count:
        raise _wrong(tensor, f"has {len(values):,} elements, and its shape {list(tensor.shape)} takes {count:,}")
    return values


def write(values: Sequence[Any], datatype: str) -> bytes:
    """Elements as bytes. What is None is NaN among floating-point numbers, and empty among texts."""
    if datatype == "BYTES":
        return b"".join(
            _LENGTH.pack(len(text)) + text for text in ((value or "").encode() for value in map(_text, values))
        )
    import numpy as np

    if datatype.startswith("FP"):
        values = [math.nan if value is None else value for value in values]
    return np.array(values, dtype=_NUMPY[datatype]).tobytes()


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _from_json(tensor: Tensor) -> list[Any]:
    found = tensor.data
    if not isinstance(found, list):
        raise _wrong(tensor, "has no “data”, which must be a list")
    # Rows may stand in lists of their own.
    if found and all(isinstance(row, list) for row in found):
        found = [value for row in found for value in row]
    is_right = _IS_RIGHT.get(tensor.datatype, _is_whole)
    for value in found:
        if value is not None and not is_right(value):
            raise _wrong(tensor, f"is of {tensor.datatype}, and has a value that is not: {str(value)[:40]}")
    return found


def _from_bytes(tensor: Tensor, raw: bytes, count: int) -> list[Any]:
    if tensor.datatype == "BYTES":
        return _texts(tensor, raw, count)
    import numpy as np

    dtype = np.dtype(_NUMPY[tensor.datatype])
    if len(raw) != count * dtype.itemsize:
        raise _wrong(tensor, f"has {len(raw):,} bytes, and its shape takes {count * dtype.itemsize:,}")
    if tensor.datatype == "BOOL":
        # Whatever is not 0 is true; other bytes than 0 and 1 are nothing that NumPy may be told to be one.
        return [bool(value) for value in raw]
    values: list[Any] = np.frombuffer(raw, dtype).tolist()
    return values


def _texts(tensor: Tensor, raw: bytes, count: int) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(raw) and len(found) < count:
        end = at + _LENGTH.size
        if end > len(raw):
            raise _wrong(tensor, "ends within the length of an element")
        (length,) = _LENGTH.unpack_from(raw, at)
        at, end = end, end + length
        if end > len(raw):
            raise _wrong(tensor, "ends within an element")
        try:
            found.append(raw[at:end].decode())
        except UnicodeDecodeError:
            raise _wrong(tensor, "has an element that is no UTF-8 text") from None
        at = end
    if at < len(raw):
        raise _wrong(tensor, f"has more than the {count:,} elements that its shape takes")
    return found


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_IS_RIGHT = {
    "BOOL": lambda value: isinstance(value, bool) or value in (0, 1),
    "BYTES": lambda value: isinstance(value, str),
    "FP16": _is_number,
    "FP32": _is_number,
    "FP64": _is_number,
}


def _wrong(tensor: Tensor, says: str) -> InvalidInput:
    name = tensor.name[:100]
    return InvalidInput.of_field(name, f"The input “{name}” {says}.")
