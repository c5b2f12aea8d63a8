"""JSON: an array of records, an object of columns, and the other shapes that programs write tables in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowml.data.formats.base import LIKELY, NO, Format, Reading, Source
from flowml.domain.errors import UnreadableFile

_OPENING = re.compile(rb"[\x00\s]*(\{[\x00\s]*[\"}]|\[[\x00\s]*([\[{\"\]]|-?\d|true|false|null))")


def sniff(head: bytes, path: Path) -> float:
    return LIKELY if _OPENING.match(head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\xff\xfe")) else NO


def read(source: Source) -> Reading:
    from flowml.data.records import Columns

    warnings: list[str] = []
    records = _records(_parse(source.path), warnings)
    columns = Columns(source.limits)
    for record in records:
        columns.add(record)
    return Reading(columns.frame(warnings), "json", typed=True, warnings=warnings)


def _parse(path: Path) -> Any:
    content = path.read_bytes()
    try:
        return json.loads(content.decode(json.detect_encoding(content)))
    except json.JSONDecodeError as error:
        raise UnreadableFile(
            f"The file is not valid JSON: {error.msg.lower()} at line {error.lineno}, column {error.colno}.",
            hint="It may be cut off. Export it again.",
        ) from error
    except UnicodeError as error:
        raise UnreadableFile("The file is not valid JSON: it is not UTF-8 text.", hint="Save it as UTF-8.") from error
    except RecursionError as error:
        raise UnreadableFile("The JSON is nested too deeply to be a table.", hint="Flatten it first.") from error


def _records(document: Any, warnings: list[str]) -> list[Mapping[str, Any]]:
    if isinstance(document, list):
        return _of_list(document, warnings)
    if not isinstance(document, dict) or not document:
        raise UnreadableFile("The JSON holds a single value, not a table.", hint="A table is an array of records.")
    if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
        return _of_rows(document["columns"], document["data"])
    if all(isinstance(value, list) for value in document.values()) and not _holds_records(document):
        return _of_columns(document)
    if all(isinstance(value, dict) for value in document.values()):
        return _of_nested(document)
    tables = {
        name: value
        for name, value in document.items()
        if isinstance(value, list) and value and isinstance(value[0], dict)
    }
    if tables:
        name, rows = max(tables.items(), key=lambda item: len(item[1]))
        warnings.append(f"The table was taken from “{name}”, the longest list of records in the file.")
        return _of_list(rows, warnings)
    return [document]


def _holds_records(document: Mapping[str, list[Any]]) -> bool:
    return any(value and isinstance(value[0], dict) for value in document.values())


def _of_list(items: list[Any], warnings: list[str]) -> list[Mapping[str, Any]]:
    records: list[Mapping[str, Any]] = [item for item in items if isinstance(item, dict)]
    if records:
        if len(records) < len(items):
            position = next(index for index, item in enumerate(items, start=1) if not isinstance(item, dict))
            warnings.append(
                f"{len(items) - len(records):,} of {len(items):,} entries are no records and were left out,"
                f" first entry {position}: “{json.dumps(items[position - 1], ensure_ascii=False)[:80]}”."
            )
        return records
    if items and all(isinstance(item, list) for item in items):
        names = items[0] if all(isinstance(cell, str) for cell in items[0]) else None
        return _of_rows(
            names or [f"column_{index + 1}" for index in range(max(map(len, items)))], items[1:] if names else items
        )
    return [{"value": item} for item in items]


def _of_rows(names: list[Any], rows: list[Any]) -> list[Mapping[str, Any]]:
    from flowml.data.names import unique_names

    titles, _ = unique_names([str(name) for name in names])
    for position, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) > len(titles):
            shown = json.dumps(row, ensure_ascii=False)[:80]
            raise UnreadableFile(f"Row {position} of the JSON does not fit its {len(titles)} columns: “{shown}”.")
    return [dict(zip(titles, row, strict=False)) for row in rows]


def _of_columns(document: Mapping[str, list[Any]]) -> list[Mapping[str, Any]]:
    lengths = {len(value) for value in document.values()}
    if len(lengths) > 1:
        raise UnreadableFile(
            f"The columns of the JSON have different lengths, from {min(lengths):,} to {max(lengths):,} values.",
            hint="In an object of columns every column needs one value per row.",
        )
    return [dict(zip(document, row, strict=True)) for row in zip(*document.values(), strict=True)]


def _of_nested(document: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Columns by name, each its values by row label, as pandas writes; otherwise records by their key."""
    inner = list(document.values())
    if all(list(value) == list(inner[0]) for value in inner) and all(str(key).isdigit() for key in inner[0]):
        return [{name: values[label] for name, values in document.items()} for label in inner[0]]
    if len(inner) > 1 and all(set(value) & set(inner[0]) for value in inner[1:]):
        return [{"key": key, **value} for key, value in document.items()]
    return [document]


FORMAT = Format(name="json", title="JSON", extensions=("json",), sniff=sniff, read=read)
