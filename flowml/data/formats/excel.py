"""Spreadsheets by fastexcel (calamine): XLSX, XLSM, XLSB, XLS and ODS. What is in a sheet is found by
`workbook.sheet`, what a file may not hold is refused by `workbook.checks`."""

from __future__ import annotations

import logging
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.data.formats.base import CERTAIN, NO, Format, Option, Reading, Source
from flowml.domain.errors import InvalidInput, UnreadableFile

if TYPE_CHECKING:
    import fastexcel

    from flowml.data.workbook.sheet import Sheet

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# The streams of an OLE document are named in UTF-16; "Book" is what Excel 5 wrote.
_WORKBOOK = tuple(name.encode("utf-16-le") for name in ("Workbook\0", "Book\0"))
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_ODS = b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet"
_MOST_ROWS, _MOST_SHEETS = 1_048_576, 1000


def sniff(head: bytes, path: Path) -> float:
    if head.startswith(_OLE):
        return CERTAIN if _contains(path, (*_WORKBOOK, _ENCRYPTED)) else NO
    if head.startswith(b"PK\x03\x04"):
        if _ODS in head[:256]:
            return CERTAIN
        try:
            with zipfile.ZipFile(path) as archive:
                return CERTAIN if {"xl/workbook.xml", "xl/workbook.bin"} & set(archive.namelist()) else NO
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            # A cut-off archive has lost its directory, but not the names in front of its parts.
            return CERTAIN if b"xl/" in head else NO
    return NO


def read(source: Source) -> Reading:
    import fastexcel

    from flowml.data.workbook.checks import check_parts

    # It reports every empty column.
    logging.getLogger("fastexcel").setLevel(logging.CRITICAL)
    kind = _kind(source.path)
    if kind == "xls":
        if _contains(source.path, (_ENCRYPTED,)):
            raise _protected()
    else:
        check_parts(source.path)
    try:
        workbook = fastexcel.read_excel(_without_extension(source))
        reading = _choose(workbook, source, kind)
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
    if _ODS in head:
        return "ods"
    with zipfile.ZipFile(path) as archive:
        return "xlsb" if "xl/workbook.bin" in archive.namelist() else "xlsx"


def _protected() -> UnreadableFile:
    return UnreadableFile(
        "The workbook is protected by a password.",
        hint="Remove the password in Excel and upload the workbook again.",
    )


def _without_extension(source: Source) -> Path:
    """The library believes an extension more than the content; without one it looks."""
    path = source.scratch / "workbook"
    try:
        path.symlink_to(source.path.resolve())
    except OSError:
        shutil.copyfile(source.path, path)
    return path


def _choose(workbook: fastexcel.ExcelReader, source: Source, kind: str) -> Reading:
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
    warnings = sheet.warnings
    others = [other for other in names if other != name]
    if others and not is_asked:
        shown = ", ".join(f"“{other}”" for other in others[:10])
        warnings.append(f"The sheet “{name}” was read; the workbook also has {shown}. The option “sheet” chooses.")
    decided: dict[str, Any] = {"sheet": name, "header": sheet.header}
    return Reading(
        sheet.frame,
        kind,
        typed=True,
        warnings=warnings,
        decided=decided,
        choices={"sheet": names} if others else {},
        converted=sheet.is_stored,
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
    """Whether any of some short byte strings occurs in a file."""
    overlap = max(map(len, needles))
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            if any(needle in tail + chunk for needle in needles):
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
