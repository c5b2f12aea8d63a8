"""What is said of how a text table is written."""

from __future__ import annotations

from flowml.data.delimited.dialect import FIXED, SPACED, WHITESPACE
from flowml.data.delimited.findings import findings_of
from flowml.data.delimited.outline import Outline

_SPELLED = {
    ";": "semicolons",
    "|": "vertical bars",
    "\t": "tabs",
    WHITESPACE: "blanks",
    SPACED: "two or more blanks",
}


def remarks_on(table: Outline) -> list[str]:
    """A sentence for each thing that is not as in any CSV file."""
    remarks: list[str] = []
    delimiter = table.writing.delimiter
    if delimiter == "":
        pass
    elif delimiter == FIXED:
        places = ", ".join(str(place + 1) for place in table.writing.starts[:20])
        remarks.append(f"The columns are kept apart by their place in the line; they begin at the characters {places}.")
    elif delimiter not in (",", "\t"):
        remarks.append(f"The values are separated by {_SPELLED.get(delimiter, f'“{delimiter}”')}.")
    if table.writing.has_quotes and table.writing.quote == "'":
        remarks.append("Single quotes around values were read as quotation marks.")
    if table.writing.escaped:
        remarks.append("A backslash before a quotation mark was read as part of the writing, not of the value.")
    if table.above:
        shown = findings_of(table.above)
        remarks.append(
            shown.sentence(
                "1 line above the table is not part of it and was left out",
                "lines above the table are not part of it and were left out",
            )
        )
    comments = [(number, line) for number, line in table.comments if number <= table.first_line]
    comments = [(number, line) for number, line in comments if number != table.header_line]
    if comments:
        remarks.append(findings_of(comments).sentence("1 comment line was left out", "comment lines were left out"))
    if table.joined:
        remarks.append(table.joined)
    if table.below:
        left_out = findings_of(table.below).sentence(
            "1 more line of the header, below the names, was left out",
            "more lines of the header, below the names, were left out",
        )
        remarks.append(f"{left_out}. The option “header” with the number of the names' line keeps them as rows.")
    if not table.names:
        remarks.append("The first line looks like data, not like column names: the columns were numbered.")
    elif table.header_line > 1:
        remarks.append(f"The column names were taken from line {table.header_line:,}.")
    return remarks
