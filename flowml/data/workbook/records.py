"""The records of an .xls workbook's stream (BIFF 5 and 8, [MS-XLS] 2.1.4): each a kind, a length and its content.

A sheet is a run of records between a BOF and an EOF. A chart is such a run too, of its own or inside a sheet, and
keeps a cache of the values it draws in the records that cells have.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

_BOF = (0x0009, 0x0209, 0x0409, 0x0809)
_EOF, _FILEPASS = 0x000A, 0x002F
_CHART = 0x0020
# A kind of record that no version of Excel writes and whoever reads one leaves alone.
_NOTHING = struct.pack("<H", 0x7FFF)
_CHART_BOF = re.compile(rb"\x09[\x00\x02\x04\x08].\x00.[\x00-\x06]\x20\x00", re.DOTALL)


def is_protected(stream: bytes) -> bool:
    """Whether the content is encrypted: then a FILEPASS record stands among the first ones."""
    for kind, _, _ in _records(stream):
        if kind == _FILEPASS:
            return True
        if kind == _EOF:
            break
    return False


def without_charts(stream: bytes) -> bytes:
    """The stream with the records of charts turned into ones that say nothing; itself when it has no chart."""
    if not _CHART_BOF.search(stream):
        return stream
    patched = bytearray(stream)
    depth = 0
    is_chart_sheet = False
    for kind, at, length in _records(stream):
        if kind in _BOF:
            depth += 1
            if depth == 1:
                is_chart_sheet = stream[at + 6 : at + 8] == struct.pack("<H", _CHART) and length >= 4
                continue
        is_inside = depth > 1 or (is_chart_sheet and kind != _EOF)
        if kind == _EOF:
            depth -= 1
        if is_inside:
            patched[at : at + 2] = _NOTHING
        if depth < 0:
            break
    return bytes(patched)


def _records(stream: bytes) -> Iterator[tuple[int, int, int]]:
    """The kind of each record, where it starts, and the length of its content."""
    at = 0
    header = struct.Struct("<HH")
    while at + 4 <= len(stream):
        kind, length = header.unpack_from(stream, at)
        yield kind, at, length
        at += 4 + length
