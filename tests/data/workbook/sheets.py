"""Workbooks of one sheet, written by a library and read as a table."""

import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter

from flowml.data.read import read_table

_FORMATS = {date: "yyyy-mm-dd", datetime: "yyyy-mm-dd hh:mm:ss", time: "hh:mm:ss", timedelta: "[h]:mm:ss"}


def write_sheet(path: Path, rows: list[list[Any]], **properties: str) -> Path:
    """One sheet of these cells; texts in # are errors."""
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("data")
    formats = {kind: book.add_format({"num_format": form}) for kind, form in _FORMATS.items()}
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            if isinstance(cell, str) and cell.startswith("#"):
                sheet.write_formula(at, column, "=NA()", None, cell)
            elif isinstance(cell, str):
                sheet.write_string(at, column, cell)
            elif type(cell) in formats:
                sheet.write_datetime(at, column, cell, formats[type(cell)])
            elif cell is not None:
                sheet.write(at, column, cell)
    for name, value in properties.items():
        book.set_custom_property(name, value)
    book.close()
    return path


def read_sheet(folder: Path, rows: list[list[Any]], options: dict[str, Any] | None = None) -> tuple[pl.DataFrame, str]:
    frame, _, warnings = read_table(write_sheet(folder / "t.xlsx", rows), options=options)
    return frame, " ".join(warnings)


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    """The first sheet of a workbook changed in its bytes."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = change(parts["xl/worksheets/sheet1.xml"])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def ods_rows(*rows: list[Any]) -> bytes:
    """The rows of an OpenDocument sheet, as its XML has them."""

    def cell(value: Any) -> str:
        if isinstance(value, str):
            return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'

    return "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows).encode()
