"""How many different fields records of JSON have, looked at before anything is parsed: a million of them are no table,
and take a gigabyte before that is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from flowml.data.format import Limits
from flowml.data.nested.nesting import Fields

_BLOCK = 64 << 10
_PIECE = 1 << 20
_SAMPLES = 8
_NAME = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:', re.DOTALL)
# Fewer names than these are no burden, however they are spread.
_MANY_NAMES, _NAMES_A_RECORD = 1000, 20


def check_width(path: Path, limits: Limits) -> None:
    """Raises UnreadableFile for a line whose record alone has more fields than a table may have columns."""
    with path.open("rb") as file:
        for start in _long_lines(file):
            fields = Fields()
            for piece in _line_at(file, start):
                fields.feed(piece)
            if fields.count > limits.max_columns:
                check_fields(fields.count, _line_at(file, start), limits)


def check_fields(count: int, record: Iterable[bytes], limits: Limits) -> None:
    """Raises UnreadableFile for a record of so many fields, here in pieces, which are more than a table may have
    columns; unless it repeats few names."""
    names: set[bytes] = set()
    rest = b""
    for piece in record:
        text = rest + piece
        at = 0
        for match in _NAME.finditer(text):
            names.add(match[1])
            at = match.end()
        if len(names) > limits.max_columns:
            limits.check(0, count)
        # A name that goes on in the next piece.
        rest = text[at:][-_BLOCK:]


def is_scattered(path: Path) -> bool:
    """Whether most records lack most of the names, as far as some places of the file show."""
    names: set[bytes] = set()
    n_names = n_lines = 0
    size = path.stat().st_size
    with path.open("rb") as file:
        for sample in range(_SAMPLES):
            file.seek(max(sample * _BLOCK, sample * (size - _BLOCK) // (_SAMPLES - 1)))
            block = file.read(_BLOCK)
            found = _NAME.findall(block)
            names.update(found)
            n_names += len(found)
            n_lines += block.count(b"\n")
    return len(names) > _MANY_NAMES and len(names) * max(1, n_lines) > _NAMES_A_RECORD * n_names


def _long_lines(file: BinaryIO) -> Iterator[int]:
    """Where lines start that have more than a block of bytes; every one that has two is found."""
    before, at = b"", 0
    inside = False
    while True:
        file.seek(at)
        block = file.read(_BLOCK)
        if not block:
            return
        has_end = b"\n" in block
        if not has_end and not inside:
            yield at - (len(before) - (before.rfind(b"\n") + 1))
        inside = not has_end
        before, at = block, at + len(block)


def _line_at(file: BinaryIO, start: int) -> Iterator[bytes]:
    """A line in pieces."""
    file.seek(start)
    while piece := file.readline(_PIECE):
        yield piece
        if piece.endswith(b"\n"):
            return
