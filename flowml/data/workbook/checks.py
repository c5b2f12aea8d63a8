"""What a workbook may not hold, looked for before the reading library sees it.

The parts are unpacked once, counted, and checked against their checksums, so that the sizes they claim are true; and
cells may not be scattered so widely that the grid around them would fill the memory.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path

from flowml.data.compression import FREE_BYTES, MOST_EXPANSION, too_much
from flowml.domain.errors import UnreadableFile

_CHUNK = 1 << 20
_MOST_PARTS = 20_000
_MOST_BYTES = 8 << 30
# The grid takes 24 bytes a cell, full or not.
_MOST_SPARSE_CELLS = 16_000_000
_READ = (".xml", ".bin", ".rels", ".vml")
_COLUMN = re.compile(rb'<c [^>]{0,40}?r="([A-Z]{2,3})\d')
_ROW = re.compile(rb'<row [^>]{0,200}?r="(\d{1,7})"')
# A cell that holds something: others only have a format, and the reading library leaves them out.
_FULL_CELL = re.compile(rb'<c (?=[^>]{0,80}?r="([A-Z]{1,3})(\d{1,7})")[^>]{0,400}(?<!/)>\s{0,20}<(?:v|is|f)[ />]')
_REPEATED = re.compile(rb'number-(rows|columns)-repeated="(\d{1,9})"')
_ENCRYPTED_ODS = b"encryption-data"


def check_parts(path: Path) -> None:
    """Raise UnreadableFile for a workbook that is damaged, encrypted, or would expand without bound."""
    packed = path.stat().st_size
    unpacked = 0
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if len(parts) > _MOST_PARTS:
                raise UnreadableFile("The workbook is made of far too many parts.", hint=_SAVE_AGAIN)
            if sum(part.file_size for part in parts) > max(FREE_BYTES, MOST_EXPANSION * packed):
                raise too_much("The workbook")
            for part in parts:
                if part.flag_bits & 1:
                    raise UnreadableFile("The workbook is protected by a password.", hint="Save it without one.")
                if part.filename.endswith(_READ):
                    unpacked += _check_part(archive, part, packed, unpacked)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise UnreadableFile(
            "The file looks like an Excel or OpenDocument workbook, but it is cut off or damaged.", hint=_SAVE_AGAIN
        ) from error


_SAVE_AGAIN = "Open it in the program it came from and save it again, or save the sheet as CSV."


def _check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo, packed: int, before: int) -> int:
    """The true size of a part, all of it having been looked at."""
    grid = _Grid()
    is_sheet = "worksheets/" in part.filename and part.filename.endswith(".xml")
    size, tail = 0, b""
    with archive.open(part) as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            total = before + size
            if total > _MOST_BYTES or (total > FREE_BYTES and total > MOST_EXPANSION * packed):
                raise too_much("The workbook")
            window = tail + chunk
            if is_sheet:
                grid.look(window)
            elif part.filename == "META-INF/manifest.xml" and _ENCRYPTED_ODS in window:
                raise UnreadableFile(
                    "The workbook is protected by a password.", hint="Save it without a password and upload it again."
                )
            elif part.filename == "content.xml":
                grid.look_for_repeats(window)
            tail = chunk[-256:]
    if grid.is_sparse(size) and is_sheet:
        grid = _full_cells(archive, part)
    grid.check(size)
    return size


def _full_cells(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> _Grid:
    """How far the cells reach that hold something: formats are often set down to the last row of a sheet."""
    grid, tail = _Grid(), b""
    with archive.open(part) as file:
        while chunk := file.read(_CHUNK):
            window = tail + chunk
            for letters, row in _FULL_CELL.findall(window):
                grid.reach(int(row), _column_number(letters))
            tail = chunk[-512:]
    return grid


class _Grid:
    """How far the cells of a sheet reach."""

    def __init__(self) -> None:
        self._rows = 0
        self._columns = 1

    def look(self, xml: bytes) -> None:
        last = xml.rfind(b"<row ")
        for match in _ROW.finditer(xml, last if last >= 0 else len(xml)):
            self._rows = max(self._rows, int(match[1]))
        for letters in set(_COLUMN.findall(xml)):
            self._columns = max(self._columns, _column_number(letters))

    def reach(self, row: int, column: int) -> None:
        """There is a cell at this place."""
        self._rows, self._columns = max(self._rows, row), max(self._columns, column)

    def look_for_repeats(self, xml: bytes) -> None:
        """In OpenDocument, rows and cells that are alike are written once; a value repeated so often is no table."""
        for match in _REPEATED.finditer(xml):
            rest = xml[match.end() : match.end() + 120].partition(b">")[0]
            has_value = b"office:value" in rest or b"value-type" in rest
            if match[1] == b"columns" and has_value and int(match[2]) > 1000:
                raise too_much("The workbook")

    def is_sparse(self, xml_bytes: int) -> bool:
        """Whether the grid takes far more room than the cells in it do."""
        return self._rows * self._columns > max(_MOST_SPARSE_CELLS, xml_bytes)

    def check(self, xml_bytes: int) -> None:
        if self.is_sparse(xml_bytes):
            raise UnreadableFile(
                f"A sheet's cells are scattered over {self._rows:,} rows and {self._columns:,} columns, nearly all of"
                " them empty.",
                hint="Remove the stray cells far from the table, or save the sheet as CSV.",
            )


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
