"""The types that FlowML leaves in the workbooks it writes, so that a download reads back equal.

A custom property `flowml_types` of the document (docProps/custom.xml) holds JSON, {column: dtype}. Where a program
keeps properties short, the text goes on in `flowml_types_2` and so on; `flowml_rows` may say how many rows there are,
for rows of nothing at the end of a sheet leave no trace.
"""

from __future__ import annotations

import json
import re
import xml.sax
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.handler import ContentHandler

import polars as pl

_PART = "docProps/custom.xml"
_LARGEST = 20_000_000
_NAME = re.compile(r"flowml_types(?:_(\d{1,6}))?$")
_DTYPES: dict[str, Any] = {
    "String": pl.String(),
    "Int64": pl.Int64(),
    "Float64": pl.Float64(),
    "Boolean": pl.Boolean(),
    "Date": pl.Date(),
    "Datetime": pl.Datetime("us"),
}


@dataclass(frozen=True)
class StoredTypes:
    """Columns with their types, in order; `n_rows` where it was left too."""

    dtypes: dict[str, str]
    n_rows: int | None = None

    def fits(self, header: Sequence[str | None]) -> bool:
        """Whether a sheet's first row is these columns and no others."""
        return [cell or "" for cell in header] == list(self.dtypes)


def stored_types(path: Path) -> StoredTypes | None:
    """What a workbook says of its types; None when it says nothing that can be used."""
    properties = _properties(path)
    pieces = sorted((int(match[1] or 1), text) for name, text in properties.items() if (match := _NAME.match(name)))
    if not pieces:
        return None
    try:
        dtypes = json.loads("".join(text for _, text in pieces))
    except (ValueError, RecursionError):
        return None
    if not isinstance(dtypes, dict) or not all(_dtype_name(dtype) in _DTYPES for dtype in dtypes.values()):
        return None
    rows = properties.get("flowml_rows", "")
    n_rows = int(rows) if rows.isascii() and rows.isdecimal() and len(rows) < 9 else None
    return StoredTypes({name: _dtype_name(dtype) for name, dtype in dtypes.items()}, n_rows)


def _dtype_name(dtype: object) -> str:
    """Polars spells a Datetime with its unit."""
    return str(dtype).partition("(")[0]


class _Properties(ContentHandler):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._name = ""

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802
        if name.rpartition(":")[2] == "property":
            self._name = attrs.get("name", "")
            self.found[self._name] = ""

    def characters(self, content: str) -> None:
        if self._name:
            self.found[self._name] += content


def _properties(path: Path) -> dict[str, str]:
    import defusedxml.sax

    try:
        with zipfile.ZipFile(path) as archive:
            if _PART not in archive.namelist() or archive.getinfo(_PART).file_size > _LARGEST:
                return {}
            content = archive.read(_PART)
        if b"flowml_types" not in content:
            return {}
        handler = _Properties()
        defusedxml.sax.parseString(content, handler)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, xml.sax.SAXException):
        # Not a zip file (XLS), or properties that say nothing: the cells' own types do.
        return {}
    return handler.found


def cast_to_stored(body: pl.DataFrame, stored: StoredTypes) -> pl.DataFrame:
    """The rows below the header, each column exactly of its stored type; an empty text stays apart from no text."""
    missing_rows = (stored.n_rows or 0) - body.height
    columns = [
        _cast(column, dtype).alias(name)
        for column, (name, dtype) in zip(body.get_columns(), stored.dtypes.items(), strict=True)
    ]
    frame = pl.DataFrame(columns)
    if 0 < missing_rows <= 1_048_576:
        frame = pl.concat([frame, frame.clear(missing_rows)])
    return frame


def _cast(column: pl.Series, dtype: str) -> pl.Series:
    if column.dtype != pl.String:
        return column.cast(_DTYPES[dtype], strict=False)
    if dtype == "Boolean":
        return column.str.to_lowercase().replace_strict(
            {"true": True, "1": True, "false": False, "0": False}, default=None, return_dtype=pl.Boolean
        )
    if dtype == "Date":
        return column.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    if dtype == "Datetime":
        return column.str.replace("T", " ").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    return column.cast(_DTYPES[dtype], strict=False)
