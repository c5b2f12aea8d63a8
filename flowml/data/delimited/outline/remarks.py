"""What is said of how a text table is written."""

from __future__ import annotations

from flowml.data.delimited.dialect.writing import FIXED, SPACED, WHITESPACE
from flowml.data.delimited.outline.outline import Outline
from flowml.data.named_lines import NamedLines
from flowml.domain.remarks import Remark, decision, loss, note

_SPELLED = {
    ";": "semicolons",
    "|": "vertical bars",
    "\t": "tabs",
    WHITESPACE: "blanks",
    SPACED: "two or more blanks",
}


def remarks_on(table: Outline) -> list[Remark]:
    """One for each thing that is not as in any CSV file."""
    remarks: list[Remark] = []
    delimiter = table.writing.delimiter
    if delimiter == "":
        pass
    elif delimiter == FIXED:
        places = ", ".join(str(place + 1) for place in table.writing.starts[:20])
        said = f"The columns are kept apart by their place in the line; they begin at the characters {places}."
        remarks.append(note("columns_by_place", said))
    elif delimiter not in (",", "\t"):
        said = f"The values are separated by {_SPELLED.get(delimiter, f'“{delimiter}”')}."
        remarks.append(note("delimiter", said))
    if table.writing.has_quotes and table.writing.quote == "'":
        remarks.append(note("single_quotes", "Single quotes around values were read as quotation marks."))
    if table.writing.escaped:
        said = "A backslash before a quotation mark was read as part of the writing, not of the value."
        remarks.append(note("backslashes", said))
    if table.above:
        said = NamedLines.of(table.above).sentence(
            "1 line above the table is not part of it and was left out",
            "lines above the table are not part of it and were left out",
        )
        remarks.append(loss("around_table_left_out", said))
    comments = [(number, line) for number, line in table.comments if number <= table.first_line]
    comments = [(number, line) for number, line in comments if number != table.header_line]
    if comments:
        said = NamedLines.of(comments).sentence("1 comment line was left out", "comment lines were left out")
        remarks.append(loss("comments_left_out", said))
    if table.joined:
        remarks.append(note("names_joined", table.joined))
    if table.below:
        said = NamedLines.of(table.below).sentence(
            "1 more line of the header, below the names, was left out",
            "more lines of the header, below the names, were left out",
        )
        said += ". The option “header” with the number of the names' line keeps them as rows."
        remarks.append(loss("header_lines_left_out", said))
    if not table.names:
        said = "The first line looks like data, not like column names: the columns were numbered."
        remarks.append(decision("no_header", said))
    elif table.header_line > 1:
        remarks.append(note("header_line", f"The column names were taken from line {table.header_line:,}."))
    return remarks
