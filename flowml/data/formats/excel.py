"""Excel workbooks, old (XLS) and new (XLSX), by fastexcel (calamine)."""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.data.formats.base import CERTAIN, NO, Format, Option, Reading, Source
from flowml.data.names import unique_names
from flowml.domain.errors import InvalidInput, TooLarge, UnreadableFile

if TYPE_CHECKING:
    import fastexcel
    import polars as pl

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# The streams of an OLE document are named in UTF-16; "Book" is what Excel 5 wrote.
_WORKBOOK = tuple(name.encode("utf-16-le") for name in ("Workbook\0", "Book\0"))
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_MOST_UNPACKED_BYTES = 2_000_000_000
_MOST_EXPANSION = 200


def sniff(head: bytes, path: Path) -> float:
    if head.startswith(_OLE):
        return CERTAIN if _contains(path, (*_WORKBOOK, _ENCRYPTED)) else NO
    if head.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(path) as archive:
                return CERTAIN if "xl/workbook.xml" in archive.namelist() else NO
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            # A cut-off archive has lost its directory, but not the names in front of its parts.
            return CERTAIN if b"xl/" in head else NO
    return NO


def read(source: Source) -> Reading:
    import fastexcel

    # It reports every empty column.
    logging.getLogger("fastexcel").setLevel(logging.ERROR)
    with source.path.open("rb") as file:
        is_old = file.read(8) == _OLE
    if is_old and _contains(source.path, (_ENCRYPTED,)):
        raise UnreadableFile(
            "The workbook is protected by a password.",
            hint="Remove the password in Excel and upload the workbook again.",
        )
    if not is_old:
        _check_expansion(source.path)
    workbook = fastexcel.read_excel(source.path)
    warnings: list[str] = []
    frame = _choose(workbook, source, warnings)
    return Reading(frame, "xls" if is_old else "xlsx", typed=False, warnings=warnings)


def _choose(workbook: fastexcel.ExcelReader, source: Source, warnings: list[str]) -> pl.DataFrame:
    names = workbook.sheet_names
    asked = source.options.get("sheet")
    if asked is not None:
        return _load(workbook, _asked_sheet(asked, names), source, warnings)
    for name in names:
        remarks: list[str] = []
        frame = _load(workbook, name, source, remarks)
        if frame.height and frame.width:
            warnings += remarks
            others = [other for other in names if other != name]
            if others:
                shown = ", ".join(f"“{other}”" for other in others[:10])
                warnings.append(
                    f"The sheet “{name}” was read; the workbook also has {shown}. The option “sheet” chooses."
                )
            return frame
    raise UnreadableFile("The workbook has no sheet with a table in it.", hint="The first row holds the column names.")


def _asked_sheet(asked: object, names: list[str]) -> str:
    if isinstance(asked, str) and asked in names:
        return asked
    if (
        isinstance(asked, int | str)
        and not isinstance(asked, bool)
        and str(asked).isdecimal()
        and 1 <= int(asked) <= len(names)
    ):
        return names[int(asked) - 1]
    shown = ", ".join(f"“{name}”" for name in names[:20])
    raise InvalidInput.of_field("options.sheet", f"There is no sheet “{str(asked)[:80]}”. The workbook has {shown}.")


def _load(workbook: fastexcel.ExcelReader, name: str, source: Source, warnings: list[str]) -> pl.DataFrame:
    import polars as pl

    # With no header row of its own, so that the names are ours to mend.
    first = workbook.load_sheet(name, header_row=None, n_rows=1)
    if first.width == 0 or first.total_height == 0:
        return pl.DataFrame()
    source.limits.check(first.total_height - 1, first.width)
    header = [_title(cell) for cell in first.to_polars().row(0)]
    titles, _ = unique_names(header)
    # The type of a column is decided by all of its cells: by a sample, a later text would silently become missing.
    sheet = workbook.load_sheet(
        name, header_row=None, skip_rows=1, column_names=titles, schema_sample_rows=None, skip_whitespace_tail_rows=True
    )
    body = sheet.to_polars()
    columns = [
        (cell, _whole_if_whole(column))
        for cell, column in zip(header, body.get_columns(), strict=True)
        # A column with neither name nor value is only formatting.
        if cell or column.null_count() < body.height
    ]
    warnings += unique_names([cell for cell, _ in columns])[1]
    return pl.DataFrame([column for _, column in columns])


def _title(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else str(cell)


def _whole_if_whole(column: pl.Series) -> pl.Series:
    """Excel knows no whole numbers, people do."""
    import polars as pl

    if not column.dtype.is_float():
        return column
    whole = column.cast(pl.Int64, strict=False)
    return whole if whole.null_count() == column.null_count() and (whole == column).all() else column


def _check_expansion(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > _MOST_UNPACKED_BYTES or (unpacked > 100_000_000 and unpacked > _MOST_EXPANSION * path.stat().st_size):
        raise TooLarge(
            "The workbook unpacks to far more data than a table of its size holds.",
            hint="Save the sheet as CSV and upload that.",
        )


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
    title="Excel",
    extensions=("xlsx", "xls", "xlsm"),
    sniff=sniff,
    read=read,
    options=(Option("sheet", "the name or number of the sheet to read"),),
)
