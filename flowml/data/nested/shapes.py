"""The shapes in which programs write a table as a document (JSON, YAML, TOML): all of them as records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from flowml.data.format import Reading, Source
from flowml.data.nested.paging import behind_its_description, joined_pages
from flowml.data.nested.records import Columns
from flowml.domain.errors import InvalidInput, UnreadableFile
from flowml.domain.remarks import Remark, decision, loss

# How far below the top a list of records is looked for.
_DEEPEST = 5
# Made one by one where that is possible: as dictionaries, small rows take ten times their memory.
Records = Iterable[Mapping[str, Any]]


@dataclass
class Found:
    """Records, the name of the list they were taken from where there were several, and the names of all such lists."""

    records: Records
    table: str | None = None
    tables: list[str] = field(default_factory=list)


def read_document(document: Any, kind: str, source: Source, remarks: list[Remark]) -> Reading:
    """The table in a document of the kind (“JSON”), by the option “table” where it holds several."""
    found = find_records(document, kind, remarks, source.text_option("table"))
    columns = Columns(source.limits, for_model=bool(source.expected))
    for record in found.records:
        columns.add(record)
    return Reading(
        columns.frame(remarks),
        kind.lower(),
        typed=True,
        remarks=remarks,
        decided={"table": found.table} if found.table else {},
        choices={"table": found.tables} if len(found.tables) > 1 else {},
        given=columns.given,
    )


def find_records(document: Any, kind: str, remarks: list[Remark], asked: str | None = None) -> Found:
    """The table in a document of the kind (“JSON”). `asked` is the name of a list in it. Raises UnreadableFile when
    there is none, InvalidInput when no list has the name that is asked for."""
    if isinstance(document, list):
        inner = behind_its_description(document, remarks) or joined_pages(document, remarks)
        return Found(of_list(document, remarks) if inner is None else inner)
    if not isinstance(document, dict) or not document:
        raise UnreadableFile(f"The {kind} holds a single value, not a table.", hint="A table is a list of records.")
    lists = dict(islice(_lists(document, "", 0), 1000))
    if asked is not None:
        if asked not in lists:
            shown = ", ".join(f"“{name}”" for name in list(lists)[:20]) or "no list of records"
            raise InvalidInput.of_field(
                "options.table", f"There is no list of records “{asked[:80]}”. The {kind} has {shown}."
            )
        return Found(of_list(lists[asked], remarks), asked, list(lists))
    records = _of_object(document, kind)
    if records is not None:
        return Found(records)
    if not lists:
        return Found([document])
    name, rows = max(lists.items(), key=lambda item: len(item[1]))
    said = f"The table was taken from “{name}”, the longest list of records in the file."
    if len(lists) > 1:
        others = ", ".join(f"“{other}”" for other in lists if other != name)
        said += f" There is also {others[:300]}; the option “table” chooses."
    remarks.append(decision("table_chosen", said))
    if document.get("type") == "FeatureCollection" and name == "features":
        return Found([_feature(row) for row in rows if isinstance(row, dict)], name, list(lists))
    return Found(of_list(rows, remarks), name, list(lists))


def _lists(document: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, list[Any]]]:
    """Lists of records anywhere near the top, by their dotted names."""
    for name, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{prefix}{name}", value
        elif isinstance(value, dict) and depth < _DEEPEST:
            yield from _lists(value, f"{prefix}{name}.", depth + 1)


def _of_object(document: Mapping[str, Any], kind: str) -> Records | None:
    """Objects that are a table as a whole; None for others."""
    if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
        return _of_rows(document["columns"], document["data"], kind)
    values = document.values()
    if all(isinstance(value, list) for value in values):
        holds_records = any(value and isinstance(value[0], dict) for value in values)
        return None if holds_records else _of_columns(document, kind)
    if all(isinstance(value, dict) for value in values):
        return _of_nested(document)
    return None


def of_list(items: list[Any], remarks: list[Remark]) -> Records:
    """A list of records, of rows or of plain values as records."""
    records: list[Mapping[str, Any]] = [item for item in items if isinstance(item, dict)]
    if records:
        if len(records) < len(items):
            position = next(index for index, item in enumerate(items, start=1) if not isinstance(item, dict))
            said = f"{len(items) - len(records):,} of {len(items):,} entries are no records and were left out,"
            said += f" first entry {position}: “{shown(items[position - 1])}”."
            remarks.append(loss("entries_left_out", said))
        return records
    if items and all(isinstance(item, list) for item in items):
        names = items[0] if all(isinstance(cell, str) for cell in items[0]) else None
        return _of_rows(
            names or [f"column_{index + 1}" for index in range(max(map(len, items)))],
            items[1:] if names else items,
            "list",
        )
    return ({"value": item} for item in items)


def shown(value: Any) -> str:
    """A value in a remark."""
    return json.dumps(value, ensure_ascii=False, default=str)[:80]


def _of_rows(names: list[Any], rows: list[Any], kind: str) -> Records:
    from flowml.data.names import unique_names

    titles, _ = unique_names([str(name) for name in names])
    for position, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) > len(titles):
            raise UnreadableFile(
                f"Row {position} of the {kind} does not fit its {len(titles)} columns: “{shown(row)}”."
            )
    return (dict(zip(titles, row, strict=False)) for row in rows)


def _of_columns(document: Mapping[str, list[Any]], kind: str) -> Records:
    lengths = {len(value) for value in document.values()}
    if len(lengths) > 1:
        raise UnreadableFile(
            f"The columns of the {kind} have different lengths, from {min(lengths):,} to {max(lengths):,} values.",
            hint="In an object of columns every column needs one value per row.",
        )
    return (dict(zip(document, row, strict=True)) for row in zip(*document.values(), strict=True))


def _of_nested(document: Mapping[str, Mapping[str, Any]]) -> Records | None:
    """Columns by name, each its values by row label, as pandas writes; otherwise records by their key."""
    inner = list(document.values())
    if all(list(value) == list(inner[0]) for value in inner) and all(str(key).isdigit() for key in inner[0]):
        return ({name: values[label] for name, values in document.items()} for label in inner[0])
    if len(inner) > 1 and all(set(value) & set(inner[0]) for value in inner[1:]):
        return ({"key": key, **value} for key, value in document.items())
    return None


def _feature(feature: Mapping[str, Any]) -> Mapping[str, Any]:
    """A GeoJSON feature (RFC 7946) as a row: its properties, and its geometry, of points as two numbers."""
    properties = feature.get("properties")
    geometry = feature.get("geometry")
    row = {"id": feature["id"]} if "id" in feature else {}
    row |= properties if isinstance(properties, dict) else {}
    if isinstance(geometry, dict):
        place = geometry.get("coordinates")
        if geometry.get("type") == "Point" and isinstance(place, list) and len(place) >= 2:
            return {**row, "longitude": place[0], "latitude": place[1]}
        row["geometry"] = geometry
    return row
