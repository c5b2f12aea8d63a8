"""Workbooks of Excel 5 to 2003 (.xls): one stream inside an OLE document ([MS-CFB], [MS-XLS]).

The stream is taken out and looked through before the reading library sees it. Where something in it would be misread,
it is written to a document of our own, which holds nothing else.
"""

from __future__ import annotations

import struct
from pathlib import Path

import olefile

from flowml.data.workbook.records import is_protected, without_charts
from flowml.domain.errors import UnreadableFile

# What Excel 97 and later call the stream, and Excel 5; some programs write the names in other letters.
_STREAMS = ("Workbook", "Book")
_SECTOR = 4096
_END, _FREE, _TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_NONE = 0xFFFFFFFF
# Sectors of the allocation table that the header itself lists: with sectors of 4,096 bytes enough for 450 MB.
_TABLES_IN_HEADER = 109
_NUMBERS_A_SECTOR = _SECTOR // 4


def readable(path: Path, scratch: Path) -> Path:
    """The file itself, or a copy without what its reader would take for cells.

    Raises UnreadableFile for a workbook with a password. A damaged document is left to the reader to judge.
    """
    try:
        name, stream = _stream(path)
    except OSError:
        return path
    if is_protected(stream):
        raise UnreadableFile(
            "The workbook is protected by a password.",
            hint="Remove the password in Excel and upload the workbook again.",
        )
    cleaned = without_charts(stream)
    if cleaned is stream and name in _STREAMS:
        return path
    copy = scratch / "workbook.stream"
    copy.write_bytes(_document(cleaned, next(known for known in _STREAMS if known.lower() == name.lower())))
    return copy


def _stream(path: Path) -> tuple[str, bytes]:
    """The workbook's stream with its name as it is written."""
    with olefile.OleFileIO(str(path)) as document:
        for wanted in _STREAMS:
            for entry in document.listdir(streams=True, storages=False):
                if len(entry) == 1 and entry[0].lower() == wanted.lower():
                    content: bytes = document.openstream(entry).read()
                    return entry[0], content
    raise OSError("no stream holds a workbook")


def _document(stream: bytes, name: str) -> bytes:
    """An OLE document of version 4 with one stream: header, allocation table, directory, content."""
    n_sectors = max(1, -(-len(stream) // _SECTOR))
    n_tables = 1
    while n_tables * _NUMBERS_A_SECTOR < n_tables + 1 + n_sectors:
        n_tables += 1
    if n_tables > _TABLES_IN_HEADER:
        raise UnreadableFile("The workbook is far too large to be one.", hint="Save the sheet as CSV.")
    first = n_tables + 1
    numbers = [*([_TABLE] * n_tables), _END, *range(first + 1, first + n_sectors), _END]
    numbers += [_FREE] * (n_tables * _NUMBERS_A_SECTOR - len(numbers))
    size = n_sectors * _SECTOR
    # The reading library takes a root that starts nowhere for a missing one.
    directory = _entry("Root Entry", 5, n_tables, 0, child=1) + _entry(name, 2, first, size)
    directory += _entry("", 0, 0, 0) * (_SECTOR // 128 - 2)
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 4, 0xFFFE, 12, 6)
    # Sectors of the directory and of the table, where the directory starts, from which size on a stream has sectors.
    header += struct.pack("<IIIIIIIII", 1, n_tables, n_tables, 0, 4096, _END, 0, _END, 0)
    header += struct.pack(f"<{_TABLES_IN_HEADER}I", *range(n_tables), *[_FREE] * (_TABLES_IN_HEADER - n_tables))
    table = struct.pack(f"<{len(numbers)}I", *numbers)
    return header.ljust(_SECTOR, b"\0") + table + directory + stream.ljust(size, b"\0")


def _entry(name: str, kind: int, start: int, size: int, child: int = _NONE) -> bytes:
    encoded = (name + "\0").encode("utf-16-le") if name else b""
    links = struct.pack("<HBBIII", len(encoded), kind, 1, _NONE, _NONE, child)
    return encoded.ljust(64, b"\0") + links + bytes(36) + struct.pack("<IQ", start, size)
