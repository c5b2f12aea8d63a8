"""Text tables: CSV, TSV and anything else with one record per line."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.data.decoding.encoding import looks_like_text
from flowml.data.delimited.options import OPTIONS
from flowml.data.format import NO, POSSIBLE, Format, Pieces, Reading, Source
from flowml.data.names import unique_names

if TYPE_CHECKING:
    from flowml.data.delimited.table import OpenedText


def sniff(head: bytes, path: Path) -> float:
    return POSSIBLE if head and looks_like_text(head) else NO


def read(source: Source) -> Reading:
    from flowml.data.conversion.texts import convert_texts
    from flowml.data.delimited.table import read_text_table

    table = read_text_table(source)
    names, remarks = unique_names(table.names)
    frame = table.frame.rename(dict(zip(table.frame.columns, names, strict=True)))
    if frame.width > 1 and table.names[-1] == "" and frame[:, -1].null_count() == frame.height:
        # Every record ends with a delimiter: that is no column.
        frame, remarks = frame[:, :-1], unique_names(table.names[:-1])[1]
    style = "tsv" if table.delimiter == "\t" else "csv"
    if source.expected:
        return Reading(
            frame,
            style,
            typed=False,
            remarks=[*table.remarks, *remarks],
            decided=table.decided,
            conventions=table.conventions,
            line_of=table.line_of,
        )
    conversion = convert_texts(
        frame,
        typed=False,
        conventions=table.conventions,
        literal={names[place] for place in table.literal},
        delimiter=table.delimiter,
        line_of=table.line_of,
    )
    return Reading(
        conversion.frame,
        style,
        typed=False,
        remarks=[*table.remarks, *remarks, *conversion.remarks],
        decided={**table.decided, **conversion.decided},
        converted=True,
        notations=conversion.notations,
    )


def pieces(source: Source) -> Pieces | None:
    """By about 4 MiB."""
    from flowml.data.delimited.rows.parse import ends_in_delimiters
    from flowml.data.delimited.table import open_text_table

    opened = open_text_table(source, is_in_pieces=True)
    body, names = opened.body, opened.outline.names
    names = names or ("",) * opened.outline.width
    if len(names) > 1 and names[-1] == "" and ends_in_delimiters(body, opened.outline.width):
        # Every record ends with a delimiter: that is no column.
        names = names[:-1]
    unique, remarks = unique_names(names)
    n_rows = body.structure.records - body.structure.trailing_blank
    readings = (partial(_piece, opened, tuple(unique), number) for number in range(len(body.structure.anchors)))
    return Pieces(readings, n_rows, typed=False, remarks=[*opened.remarks, *remarks])


def _piece(opened: OpenedText, names: tuple[str, ...], number: int) -> Reading:
    from flowml.data.delimited.rows.parse import parse_piece

    frame, first = parse_piece(opened.body, opened.outline.width, number)
    frame = frame[:, : len(names)]
    return Reading(
        frame.rename(dict(zip(frame.columns, names, strict=True))),
        "tsv" if opened.outline.writing.delimiter == "\t" else "csv",
        typed=False,
        decided=opened.decided,
        conventions=opened.conventions,
        line_of=lambda row: opened.body.line_of(first + row),
        row_of=lambda row: first + row + 1,
    )


FORMAT = Format(
    name="csv",
    title="CSV or other delimited text",
    extensions=("csv", "tsv", "txt", "tab", "data", "dat"),
    sniff=sniff,
    read=read,
    options=OPTIONS,
    pieces=pieces,
)
