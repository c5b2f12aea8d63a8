"""Buffers read as they were written, and nothing outside of them is read."""

import struct

import numpy as np
import pytest

from flowml.automl.predictors.flatbuffers import Node, Scalar, Table, written

DOUBLE = struct.Struct("<d")
BYTE = struct.Struct("<b")
CONTENT: dict[int, Node] = {
    0: Scalar(DOUBLE, 0.25),
    2: np.arange(5, dtype="<i4"),
    3: b"name",
    4: [{0: Scalar(BYTE, 7)}, {1: np.arange(3, dtype="<f8")}],
    5: [b"one", b""],
    6: {2: np.arange(2, dtype="<f4")},
}


def test_what_was_written_is_read() -> None:
    table = Table.root(written(CONTENT))
    assert table.scalar(0, DOUBLE, 0.0) == 0.25
    assert table.scalar(1, DOUBLE, 1.5) == table.scalar(99, DOUBLE, 1.5) == 1.5
    assert table.vector(2, "<i4").tolist() == [0, 1, 2, 3, 4]
    assert table.vector(1, "<i4").tolist() == []
    assert (table.text(3), table.texts(5, 2)) == (b"name", [b"one", b""])
    first, second = table.tables(4, 2)
    assert first.scalar(0, BYTE, 0) == 7
    assert second.vector(1, "<f8").tolist() == [0.0, 1.0, 2.0]
    assert table.table(6).vector(2, "<f4").tolist() == [0.0, 1.0]


def test_numbers_stand_where_their_size_wants_them() -> None:
    content = written({0: b"x", 1: np.array([1.5], dtype="<f8"), 2: Scalar(DOUBLE, 2.5)})
    assert content.index(DOUBLE.pack(1.5)) % 8 == content.index(DOUBLE.pack(2.5)) % 8 == 0


def test_more_than_there_can_be_is_refused() -> None:
    table = Table.root(written(CONTENT))
    with pytest.raises(ValueError, match="more of something"):
        table.tables(4, 1)
    with pytest.raises(ValueError, match="not there"):
        table.table(1)


def test_no_byte_makes_it_read_outside() -> None:
    content = written(CONTENT)
    for position in range(len(content)):
        for value in (0x00, 0x7F, 0x80, 0xFF):
            changed = bytearray(content)
            changed[position] = value
            try:
                table = Table.root(bytes(changed))
                table.scalar(0, DOUBLE, 0.0)
                table.vector(2, "<i4")
                table.texts(5, 9)
                for inner in table.tables(4, 9):
                    inner.vector(1, "<f8")
            except ValueError:
                continue
