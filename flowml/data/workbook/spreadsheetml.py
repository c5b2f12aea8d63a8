"""Workbooks in the XML of Excel 2002 and 2003 (SpreadsheetML, often named .xls), written anew as XLSX: its cells have
types, so that everything after that is the same as for any workbook."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from xml.sax.handler import ContentHandler

import xlsxwriter

from flowml.data.nested.xml import parse
from flowml.data.workbook.cell_errors import OLD_ERRORS
from flowml.domain.errors import UnreadableFile

_SPACE = "urn:schemas-microsoft-com:office:spreadsheet"
_MOST_ROWS, _MOST_COLUMNS, _MOST_SHEETS = 1_048_576, 16_384, 1000
_LONGEST_NAME = 31
# Places that merged cells cover below themselves, stepped over in all; a workbook that people made has far fewer.
_MOST_COVERED = 20_000_000
# A time of day alone is written as a moment of this day.
_DAY_ZERO = date(1899, 12, 31)


def as_xlsx(path: Path, target: Path) -> Path:
    """Write the workbook of an XML file to `target`. Raises UnreadableFile."""
    # Rows come in their order, so that none is kept in memory.
    book = xlsxwriter.Workbook(str(target), {"constant_memory": True})
    handler = _Sheets(book)
    parse(path, handler)
    if not handler.n_sheets:
        raise UnreadableFile("The Excel workbook in XML has no sheet.", hint="Save it as XLSX or CSV.")
    book.close()
    return target


class _Sheets(ContentHandler):
    """Cells where the XML has them: `ss:Index` jumps ahead, merged cells take the places they cover."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        super().__init__()
        self.n_sheets = 0
        self._book = book
        self._moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._time = book.add_format({"num_format": "hh:mm:ss"})
        self._sheet: Any = None
        self._row = self._column = -1
        self._width = 1
        # The last row that is covered in a column.
        self._covered: dict[int, int] = {}
        self._n_covered = 0
        self._kind = ""
        self._text: list[str] | None = None
        self._is_cell = False

    def startElementNS(self, name: tuple[str | None, str], qname: str | None, attrs: Any) -> None:  # noqa: N802
        space, tag = name
        if space != _SPACE:
            return
        if tag == "Worksheet":
            self._open_sheet(attrs.get((_SPACE, "Name"), ""))
        elif tag == "Row" and self._sheet is not None:
            self._row = self._next(self._row, attrs, _MOST_ROWS)
            self._column = -1
        elif tag == "Cell" and self._sheet is not None:
            self._open_cell(attrs)
        elif tag == "Data" and self._is_cell:
            self._kind = attrs.get((_SPACE, "Type"), "String")
            self._text = []
        elif tag == "Comment":
            # What is said about a cell is none of its content.
            self._is_cell = False

    def characters(self, content: str) -> None:
        if self._text is not None:
            self._text.append(content)

    def endElementNS(self, name: tuple[str | None, str], qname: str | None) -> None:  # noqa: N802
        space, tag = name
        if space != _SPACE:
            return
        if tag == "Data" and self._text is not None:
            self._write("".join(self._text))
            self._text = None
        elif tag == "Cell":
            self._is_cell = False
            self._column += self._width - 1
        elif tag == "Worksheet":
            self._sheet = None

    def _open_sheet(self, title: str) -> None:
        self.n_sheets += 1
        if self.n_sheets > _MOST_SHEETS:
            raise UnreadableFile(f"The workbook has more than {_MOST_SHEETS:,} sheets.", hint="Save one sheet alone.")
        try:
            self._sheet = self._book.add_worksheet(title[:_LONGEST_NAME])
        except xlsxwriter.exceptions.XlsxWriterException:
            # Two of one name, or signs that no sheet may have in its name.
            self._sheet = self._book.add_worksheet()
        self._row, self._covered = -1, {}

    def _open_cell(self, attrs: Any) -> None:
        self._column = self._next(self._column, attrs, _MOST_COLUMNS)
        if (_SPACE, "Index") not in attrs:
            while self._covered.get(self._column, -1) >= self._row:
                self._column += 1
                self._n_covered += 1
            _check_place(self._column, _MOST_COLUMNS)
        self._width = 1 + _whole(attrs.get((_SPACE, "MergeAcross"), "0"), _MOST_COLUMNS)
        height = _whole(attrs.get((_SPACE, "MergeDown"), "0"), _MOST_ROWS)
        if height:
            columns = range(self._column, min(self._column + self._width, _MOST_COLUMNS))
            self._n_covered += len(columns)
            self._covered |= dict.fromkeys(columns, self._row + height)
        if self._n_covered > _MOST_COVERED:
            raise UnreadableFile("The workbook has far too many merged cells.", hint="Save it as CSV.")
        self._is_cell = True

    def _next(self, before: int, attrs: Any, most: int) -> int:
        at = _whole(attrs.get((_SPACE, "Index"), "0"), most) - 1
        at = at if at > before else before + 1
        _check_place(at, most)
        return at

    def _write(self, text: str) -> None:
        place = (self._row, self._column)
        if self._row < 0 or not text:
            return
        if self._kind == "Number" and (number := _number(text)) is not None:
            self._sheet.write_number(*place, number)
        elif self._kind == "Boolean":
            self._sheet.write_boolean(*place, text.strip() in ("1", "true"))
        elif self._kind == "DateTime" and (moment := _moment(text)) is not None:
            self._sheet.write_datetime(*place, moment, self._time if isinstance(moment, time) else self._moment)
        elif self._kind == "Error":
            self._sheet.write_formula(*place, "=NA()", None, text if text in OLD_ERRORS else "#N/A")
        elif self._sheet.write_string(*place, text) != 0:
            raise UnreadableFile(
                f"A cell in row {self._row + 1:,} holds more text than a cell can.", hint="Save the sheet as CSV."
            )


def _check_place(at: int, most: int) -> None:
    if at >= most:
        raise UnreadableFile("The workbook has more rows or columns than a sheet can hold.", hint="Save it as CSV.")


def _whole(text: str, most: int) -> int:
    text = text.strip()
    return min(int(text), most + 1) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def _moment(text: str) -> datetime | time | None:
    try:
        moment = datetime.fromisoformat(text.strip()).replace(tzinfo=None)
    except ValueError:
        return None
    if moment.date() == _DAY_ZERO:
        return moment.time()
    # Where Excel's own days begin; what is earlier stays a text.
    return moment if moment.year >= 1900 else None
