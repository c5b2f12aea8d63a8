"""JSON: an array of records, an object of columns, and the other shapes that programs write tables in."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowml.data.format import LIKELY, NO, Format, Limits, Option, Reading, Source
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark, loss

# Zeros stand between the bytes of UTF-16. Brackets alone are no proof: TOML has [[names]], lists of addresses have
# [10.0.0.1], logs have [2024-01-31 10:00] or [null].
_NUMBER = rb"(-\x00?)?\d[\d\x00]*(\.[\d\x00]+)?([eE]\x00?([+-]\x00?)?[\d\x00]+)?"
_OPENING = re.compile(
    rb"[\x00\s\x1e]*(\{[\x00\s]*[\"}]|(\[[\x00\s]*)+"
    rb"([{\"\]]|("
    + _NUMBER
    + rb"|true|false|null|t\x00r\x00u\x00e\x00?|f\x00a\x00l\x00s\x00e\x00?|n\x00u\x00l\x00l\x00?)"
    rb"[\x00\s]*(,|\][\x00\s]*([,\]\[{]|\Z)|\Z)|\Z))"
)
_CHUNK = 4 << 20
# Above this size an array is parsed piece by piece.
_LARGE = 8 << 20
_LONGEST_RECORD = 64 << 20
# Python's parser calls itself for every level.
_MOST_NESTING = 200


def sniff(head: bytes, path: Path) -> float:
    return LIKELY if _OPENING.match(head.removeprefix(codecs.BOM_UTF8).lstrip(b"\xff\xfe")) else NO


def read(source: Source) -> Reading:
    from flowml.data.nested.paging import list_of_page
    from flowml.data.nested.records import Columns
    from flowml.data.nested.shapes import read_document
    from flowml.data.nested.width import check_width

    remarks: list[Remark] = []
    path = _as_utf8(source)
    if _check_nesting(path) > 1:
        check_width(path, source.limits)
    if path.stat().st_size > _LARGE and _is_array_of_records(path):
        columns = Columns(source.limits, for_model=bool(source.expected))
        is_paged = False
        for record in _streamed(path, source.limits, remarks):
            # Pages are few and long: nothing is won by one at a time.
            if is_paged := columns.height == 0 and list_of_page(record) is not None:
                break
            columns.add(record)
        if not is_paged:
            return Reading(columns.frame(remarks), "json", typed=True, remarks=remarks, given=columns.given)
    try:
        document = _parse(path.read_bytes())
    except _SeveralValues:
        return _read_sequence(path, source, remarks)
    return read_document(document, "JSON", source, remarks)


class _SeveralValues(UnreadableFile):
    """Behind the first value there are others."""


def _read_sequence(path: Path, source: Source, remarks: list[Remark]) -> Reading:
    """The records of values that stand one after another; of a large file none is kept longer than it takes."""
    from flowml.data.nested.records import Columns
    from flowml.data.nested.sequence import values
    from flowml.data.nested.shapes import read_document, shown

    if path.stat().st_size <= _LARGE:
        found = list(values(path))
        if all(isinstance(value, list) for value in found):
            found = [entry for value in found for entry in value]
        return read_document(found, "JSON", source, remarks)
    columns = Columns(source.limits, for_model=bool(source.expected))
    n_left, first_left = 0, ""
    for number, value in enumerate(values(path), start=1):
        if isinstance(value, dict):
            columns.add(value)
        else:
            n_left += 1
            first_left = first_left or f"first value {number}: “{shown(value)}”"
    if n_left:
        said = f"{n_left:,} of {number:,} values are no records and were left out, {first_left}."
        remarks.append(loss("entries_left_out", said))
    return Reading(columns.frame(remarks), "json", typed=True, remarks=remarks, given=columns.given)


def _as_utf8(source: Source) -> Path:
    """The file itself, or a copy in UTF-8 without a mark at its start."""
    with source.path.open("rb") as file:
        encoding = json.detect_encoding(file.read(8))
    if encoding == "utf-8":
        return source.path
    target = source.scratch / "utf8.json"
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with source.path.open("rb") as file, target.open("w", encoding="utf-8", newline="") as out:
            while chunk := file.read(_CHUNK):
                out.write(decoder.decode(chunk))
            out.write(decoder.decode(b"", final=True))
    except UnicodeError as error:
        raise UnreadableFile(f"The file is not valid JSON: it is not {encoding.upper()} text.") from error
    return target


def _check_nesting(path: Path) -> int:
    """How many arrays and records stand one after another. Raises UnreadableFile for what is nested deeply."""
    from flowml.data.nested.nesting import Nesting

    nesting = Nesting()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            nesting.feed(chunk)
            if nesting.deepest > _MOST_NESTING:
                raise UnreadableFile(
                    f"The JSON is nested more than {_MOST_NESTING} levels deep, too deeply to be a table.",
                    hint="Flatten it first.",
                )
    return nesting.values


def _is_array_of_records(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(4096)
    # A list behind one flat record is the table, and the record describes it.
    return re.match(rb"\s*\[\s*\{", head) is not None and re.match(rb"\s*\[\s*\{[^{}]*\}\s*,\s*\[", head) is None


def _streamed(path: Path, limits: Limits, remarks: list[Remark]) -> Iterator[dict[str, Any]]:
    """The records of a large array, one piece of it in memory at a time."""
    from flowml.data.nested.nesting import Fields, Nesting
    from flowml.data.nested.shapes import shown
    from flowml.data.nested.width import check_fields

    n_entries, n_left, first_left = 0, 0, ""
    nesting, fields = Nesting(), Fields()
    pending, line = b"", 1
    with path.open("rb") as file:
        chunk = file.read(_CHUNK)
        opening = chunk.index(b"[") + 1
        while chunk:
            ends = nesting.feed(chunk)
            # Of the one record that does not end with its piece: all others are short.
            fields.feed(chunk[opening : int(ends[0]) if len(ends) else len(chunk)])
            if fields.count > limits.max_columns and len(ends):
                check_fields(fields.count, (pending, chunk[opening : int(ends[0])]), limits)
            if len(ends):
                fields = Fields()
                fields.feed(chunk[int(ends[-1]) :])
            following = file.read(_CHUNK)
            cut = len(chunk) if not following else int(ends[-1]) if len(ends) else 0
            piece, pending = pending + chunk[opening:cut], (chunk[cut:] if cut else pending + chunk[opening:])
            opening = 0
            if len(pending) > _LONGEST_RECORD:
                raise UnreadableFile(
                    f"One record of the JSON is longer than {_LONGEST_RECORD >> 20} MB, so this is hardly a table."
                )
            if cut:
                for entry in _entries(piece, line, is_first=n_entries == 0, is_last=not following):
                    n_entries += 1
                    if isinstance(entry, dict):
                        yield entry
                    else:
                        n_left += 1
                        first_left = first_left or f"first entry {n_entries}: “{shown(entry)}”"
                line += piece.count(b"\n")
            chunk = following
    if n_left:
        said = f"{n_left:,} of {n_entries:,} entries are no records and were left out, {first_left}."
        remarks.append(loss("entries_left_out", said))


def _entries(piece: bytes, line: int, *, is_first: bool, is_last: bool) -> list[Any]:
    """The entries in a piece of an array. Pieces but the first start with the comma that parts them from those before:
    an entry of our own goes in front of it."""
    text = piece if is_last else piece + b"]"
    entries: list[Any] = _parse((b"[" if is_first else b"[0") + text, line)
    return entries if is_first else entries[1:]


def _parse(content: bytes, line: int = 1) -> Any:
    try:
        return json.loads(content.decode("utf-8-sig").removeprefix("\x1e"))
    except json.JSONDecodeError as error:
        raise (_SeveralValues if error.msg == "Extra data" else UnreadableFile)(
            f"The file is not valid JSON: {error.msg.lower()} at line {line - 1 + error.lineno:,},"
            f" column {error.colno:,}.",
            hint="It may be cut off. Export it again.",
        ) from error
    except UnicodeError as error:
        raise UnreadableFile("The file is not valid JSON: it is not UTF-8 text.", hint="Save it as UTF-8.") from error
    except ValueError as error:
        raise UnreadableFile("The JSON holds a number of far too many digits.", hint="Write it as text.") from error
    except RecursionError as error:
        raise UnreadableFile("The JSON is nested too deeply to be a table.", hint="Flatten it first.") from error


FORMAT = Format(
    name="json",
    title="JSON",
    extensions=("json", "geojson"),
    sniff=sniff,
    read=read,
    options=(Option("table", "the name of the list of records to read"),),
)
