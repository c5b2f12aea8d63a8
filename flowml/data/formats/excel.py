"""Spreadsheets by fastexcel (calamine): XLSX, XLSM, XLSB, XLS and ODS, and the XML that Excel 2003 wrote. What is in a
sheet is found by `workbook.sheet`, what a file may not hold is refused by `workbook.checks`, and what the library would
misread is put right before (`workbook.ole`, `workbook.cell_errors`, `workbook.spreadsheetml`)."""

from __future__ import annotations

import logging
import re
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.data.format import CERTAIN, NO, Format, Option, Reading, Source
from flowml.domain.errors import InvalidInput, UnreadableFile
from flowml.domain.remarks import decision

if TYPE_CHECKING:
    import fastexcel

    from flowml.data.workbook.cell_errors import CellErrors
    from flowml.data.workbook.sheet import Sheet

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# The streams of an OLE document are named in UTF-16, in whatever letters; "Book" is what Excel 5 wrote.
_WORKBOOK = tuple(name.encode("utf-16-le") for name in ("workbook\0", "book\0"))
_ENCRYPTED = "encryptedpackage".encode("utf-16-le")
_ODS = b"application/vnd.oasis.opendocument.spreadsheet"
_FIRST_PART_ODS = b"mimetype" + _ODS
_MOST_ROWS, _MOST_SHEETS = 1_048_576, 1000
_XML_2003 = "xml 2003"
_SPREADSHEETML = re.compile(
    rb"<\?mso-application\s+progid=[\"']Excel\.Sheet|urn:schemas-microsoft-com:office:spreadsheet"
)


def sniff(head: bytes, path: Path) -> float:
    if head.startswith(_OLE):
        return CERTAIN if _contains(path, (*_WORKBOOK, _ENCRYPTED)) else NO
    if head.startswith(b"PK\x03\x04"):
        if _FIRST_PART_ODS in head[:256]:
            return CERTAIN
        try:
            with zipfile.ZipFile(path) as archive:
                return CERTAIN if _part_of_office(archive) else NO
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            # A cut-off archive has lost its directory, but not the names in front of its parts.
            return CERTAIN if b"xl/" in head else NO
    return (
        CERTAIN if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and _SPREADSHEETML.search(head[:4096]) else NO
    )


def read(source: Source) -> Reading:
    import fastexcel

    from flowml.data.workbook.cell_errors import CellErrors, known_errors
    from flowml.data.workbook.checks import check_parts
    from flowml.data.workbook.ole import readable
    from flowml.data.workbook.spreadsheetml import as_xlsx

    # It reports every empty column.
    logging.getLogger("fastexcel").setLevel(logging.CRITICAL)
    kind = _kind(source.path)
    path, lost = source.path, CellErrors()
    if kind == "xls":
        if _contains(path, (_ENCRYPTED,)):
            raise _protected()
        path = readable(path, source.scratch)
    elif kind == _XML_2003:
        path = as_xlsx(path, source.scratch / "workbook.xlsx")
    if kind != "xls":
        check_parts(path)
    if kind in ("xlsx", _XML_2003):
        path, lost = known_errors(path, source.scratch / "known.xlsx")
    try:
        workbook = fastexcel.read_excel(_without_extension(path, source.scratch))
        reading = _choose(workbook, source, kind, lost)
    except fastexcel.FastExcelError as error:
        if "assword" in str(error) or "ncrypted" in str(error):
            raise _protected() from error
        raise
    return reading


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(256)
    if head.startswith(_OLE):
        return "xls"
    if _FIRST_PART_ODS in head:
        return "ods"
    if not head.startswith(b"PK"):
        return _XML_2003
    with zipfile.ZipFile(path) as archive:
        return _part_of_office(archive) or "xlsx"


def _part_of_office(archive: zipfile.ZipFile) -> str | None:
    """What kind of workbook an archive is by its parts; None when it is none."""
    names = set(archive.namelist())
    if "xl/workbook.bin" in names:
        return "xlsb"
    if "xl/workbook.xml" in names:
        return "xlsx"
    # The specification wants it in front of all parts, where no unpacking is needed; zip programs put it anywhere.
    if "mimetype" in names and "content.xml" in names and archive.getinfo("mimetype").file_size < 200:
        return "ods" if archive.read("mimetype").strip() == _ODS else None
    return None


def _protected() -> UnreadableFile:
    return UnreadableFile(
        "The workbook is protected by a password.",
        hint="Remove the password in Excel and upload the workbook again.",
    )


def _without_extension(original: Path, scratch: Path) -> Path:
    """The library believes an extension more than the content; without one it looks."""
    path = scratch / "workbook"
    try:
        path.symlink_to(original.resolve())
    except OSError:
        shutil.copyfile(original, path)
    return path


def _choose(workbook: fastexcel.ExcelReader, source: Source, kind: str, lost: CellErrors) -> Reading:
    from flowml.data.workbook.sheet import load

    names = workbook.sheet_names
    if len(names) > _MOST_SHEETS:
        raise UnreadableFile(f"The workbook has more than {_MOST_SHEETS:,} sheets.", hint="Upload one sheet alone.")
    header = source.whole_option("header", 0, _MOST_ROWS)
    asked = source.options.get("sheet")
    candidates = names if asked is None else [_asked_sheet(asked, names)]
    narrow: tuple[str, Sheet] | None = None
    for name in candidates:
        sheet = load(workbook, name, source, header)
        sheet.remarks += lost.remarks(name)
        if not (sheet.frame.height and sheet.frame.width):
            continue
        if sheet.frame.width > 1 or asked is not None or sheet.is_stored:
            return _reading(sheet, name, names, kind, is_asked=asked is not None)
        # Many a workbook begins with a page of notes.
        narrow = narrow or (name, sheet)
    if narrow is not None:
        return _reading(narrow[1], narrow[0], names, kind, is_asked=False)
    raise UnreadableFile(
        "The workbook has no sheet with a table in it."
        if asked is None
        else f"The sheet “{candidates[0]}” has no table in it.",
        hint="A table needs a row of column names and at least one row of values.",
    )


def _reading(sheet: Sheet, name: str, names: list[str], kind: str, *, is_asked: bool) -> Reading:
    remarks = sheet.remarks
    others = [other for other in names if other != name]
    if others and not is_asked:
        shown = ", ".join(f"“{other}”" for other in others[:10])
        said = f"The sheet “{name}” was read; the workbook also has {shown}. The option “sheet” chooses."
        remarks.append(decision("table_chosen", said))
    decided: dict[str, Any] = {"sheet": name, "header": sheet.header}
    return Reading(
        sheet.frame,
        kind,
        typed=True,
        remarks=remarks,
        decided=decided,
        choices={"sheet": names} if others else {},
        converted=sheet.is_stored,
        row_of=sheet.rows.__getitem__,
        given=sheet.given,
    )


def _asked_sheet(asked: object, names: list[str]) -> str:
    if isinstance(asked, str) and asked in names:
        return asked
    if (
        isinstance(asked, int | str)
        and not isinstance(asked, bool)
        and len(str(asked)) < 10
        and str(asked).isdecimal()
        and 1 <= int(asked) <= len(names)
    ):
        return names[int(asked) - 1]
    shown = ", ".join(f"“{name}”" for name in names[:20])
    raise InvalidInput.of_field("options.sheet", f"There is no sheet “{str(asked)[:80]}”. The workbook has {shown}.")


def _contains(path: Path, needles: tuple[bytes, ...]) -> bool:
    """Whether any of some short byte strings occurs in a file, in capitals or not; the strings are in small letters."""
    overlap = max(map(len, needles))
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            searched = (tail + chunk).lower()
            if any(needle in searched for needle in needles):
                return True
            tail = chunk[-overlap:]
    return False


FORMAT = Format(
    name="excel",
    title="Excel or OpenDocument spreadsheet",
    extensions=("xlsx", "xls", "xlsm", "xlsb", "ods"),
    sniff=sniff,
    read=read,
    options=(
        Option("sheet", "the name or number of the sheet to read"),
        Option(
            "header", "the number of the row that holds the column names, as the sheet shows it; 0 for none", "whole"
        ),
    ),
)
