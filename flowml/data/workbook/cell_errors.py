"""Cells of XLSX workbooks that hold an error instead of a value: counted, and in words that the reading library knows.

Of errors that are younger than the library (#GETTING_DATA, #SPILL!, …) a single cell would make it refuse the sheet.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import defusedxml.ElementTree

from flowml.domain.remarks import Remark, loss

_CHUNK = 1 << 20
# Neither a tag nor a cell is looked through beyond where the next one begins: the time is linear in the length.
_PREFIX = rb"(?:\w{1,30}:)?"
_ERROR_CELL = re.compile(
    rb"<" + _PREFIX + rb"c\b(?=[^<>]*\st=[\"']e[\"'])[^<>]*(?<!/)>"
    rb"(?:[^<]|<(?!/?" + _PREFIX + rb"[cv]\b))*<" + _PREFIX + rb"v\b[^<>]*(?<!/)>([^<]{1,40})</"
)
_ERROR_TYPE = re.compile(rb"\st=[\"']e[\"']")
_PLACE = re.compile(rb"\br=[\"']([A-Z]{1,3}\d{1,7})[\"']")
OLD_ERRORS = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!")
_KNOWN = tuple(error.encode() for error in OLD_ERRORS)
_MISSING = b"#N/A"
_SHOWN = 3
_LARGEST_INDEX = 20_000_000
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


@dataclass
class CellErrors:
    """How often each error stands in each sheet, and where it is first."""

    counts: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    places: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def note(self, sheet: str, error: str, place: str) -> None:
        self.counts[sheet][error] += 1
        places = self.places.setdefault((sheet, error), [])
        if len(places) < _SHOWN:
            places.append(place)

    def remarks(self, sheet: str) -> list[Remark]:
        """What to say of a sheet."""
        if sheet not in self.counts:
            return []
        shown = [self._shown(sheet, error, count) for error, count in self.counts[sheet].most_common(8)]
        total = self.counts[sheet].total()
        cells = "1 cell holds an error and counts" if total == 1 else f"{total:,} cells hold errors and count"
        return [loss("cell_errors", f"{cells} as missing: {'; '.join(shown)}.")]

    def _shown(self, sheet: str, error: str, count: int) -> str:
        places = self.places[sheet, error]
        more = f" and {count - len(places):,} more" if count > len(places) else ""
        return f"{error} in {', '.join(places)}{more}"


def known_errors(path: Path, copy: Path) -> tuple[Path, CellErrors]:
    """The errors of an XLSX workbook; and the workbook itself, or a `copy` of it whose errors are all of the old kinds.
    Raises what `zipfile` raises, which `checks.check_parts` has ruled out."""
    errors = CellErrors()
    with zipfile.ZipFile(path) as archive:
        changed = set()
        titles = _titles(archive)
        for part in archive.namelist():
            if "worksheets/" in part and part.endswith(".xml") and _count(archive, part, titles.get(part, ""), errors):
                changed.add(part)
        if not changed:
            return path, errors
        with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
            for member in archive.infolist():
                with archive.open(member) as source, out.open(member.filename, "w", force_zip64=True) as target:
                    for piece in _pieces(source):
                        target.write(_ERROR_CELL.sub(_in_known_words, piece) if member.filename in changed else piece)
    return copy, errors


def _count(archive: zipfile.ZipFile, part: str, title: str, errors: CellErrors) -> bool:
    """Note the errors of a sheet; whether some of them are unknown to the library."""
    unknown = False
    with archive.open(part) as file:
        for piece in _pieces(file):
            if not _ERROR_TYPE.search(piece):
                continue
            for match in _ERROR_CELL.finditer(piece):
                place = _PLACE.search(match[0])
                errors.note(title, match[1].decode("utf-8", "replace"), place[1].decode() if place else "a cell")
                unknown |= match[1] not in _KNOWN
    return unknown


def _in_known_words(match: re.Match[bytes]) -> bytes:
    cell: bytes = match[0]
    return cell if match[1] in _KNOWN else cell[: match.start(1) - match.start()] + _MISSING + b"</"


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    """A part in pieces that split no cell."""
    pending = b""
    while chunk := file.read(_CHUNK):
        pending += chunk
        cut = max(pending.rfind(b"</c>"), pending.rfind(b":c>"))
        if cut >= 0 or len(pending) > 8 * _CHUNK:
            cut = pending.index(b">", cut) + 1 if cut >= 0 else len(pending)
            yield pending[:cut]
            pending = pending[cut:]
    if pending:
        yield pending


def _titles(archive: zipfile.ZipFile) -> dict[str, str]:
    """What each sheet's part is called in the workbook; nothing where the workbook does not say it in the usual way."""
    index, links = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
    names = archive.namelist()
    if index not in names or links not in names:
        return {}
    if archive.getinfo(index).file_size + archive.getinfo(links).file_size > _LARGEST_INDEX:
        return {}
    try:
        sheets = defusedxml.ElementTree.fromstring(archive.read(index))
        relations = defusedxml.ElementTree.fromstring(archive.read(links))
    except (ValueError, SyntaxError):
        return {}
    targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
    found = {}
    for element in sheets.iter():
        if element.tag.rpartition("}")[2] == "sheet":
            target = targets.get(element.get(_RELATION), "")
            found[target.lstrip("/") if target.startswith("/") else f"xl/{target}"] = element.get("name", "")
    return found
