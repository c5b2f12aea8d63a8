"""Text tables: CSV, TSV and anything else with one record per line."""

from pathlib import Path

from flowml.data.decoding.encoding import looks_like_text
from flowml.data.delimited.options import OPTIONS
from flowml.data.format import NO, POSSIBLE, Format, Reading, Source
from flowml.data.names import unique_names


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


FORMAT = Format(
    name="csv",
    title="CSV or other delimited text",
    extensions=("csv", "tsv", "txt", "tab", "data", "dat"),
    sniff=sniff,
    read=read,
    options=OPTIONS,
)
