"""The rows of a text table without bad lines, by Polars."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.data.conversion.conventions import Conventions
from flowml.data.delimited.dialect.quoting import Quoting
from flowml.data.delimited.rows.repair import Repaired
from flowml.data.delimited.rows.schema import Schema, guess_schema
from flowml.data.delimited.rows.structure import Structure
from flowml.domain.remarks import Remark, note

if TYPE_CHECKING:
    import polars as pl

# A character that no text contains, for tables of one column.
NO_DELIMITER = "\x1f"
_BAD_COLUMN = re.compile(r"\(column number (\d+)\)")
_MOST_RETRIES = 8


@dataclass
class Body:
    """The rows of a table in a file that a strict parser reads: `path` after `first_line` lines."""

    path: Path
    delimiter: str
    first_line: int
    structure: Structure
    quoting: Quoting | None
    repaired: Repaired | None = None

    def line_of(self, row: int) -> int | None:
        """The line of the file as it was uploaded."""
        if self.repaired is not None:
            return self.repaired.lines[row]
        return None if self.structure.inner_breaks else self.first_line + row + 1


def parse_texts(body: Body, width: int) -> pl.DataFrame:
    """The frame, its columns named column_0 and so on: every value as it is written."""
    import polars as pl

    return _rows(body, Schema([pl.String] * width, []))


def parse_piece(body: Body, width: int, number: int) -> tuple[pl.DataFrame, int]:
    """The same of the records from one of the anchors of the body on to the next, and how many are before them."""
    import polars as pl

    anchors, before = body.structure.anchors, body.structure.anchor_records
    first = before[number]
    with body.path.open("rb") as file:
        file.seek(anchors[number])
        content = file.read(anchors[number + 1] - anchors[number] if number + 1 < len(anchors) else -1)
    frame = _without_bare_na(_read_csv(body, Schema([pl.String] * width, []), content), body, first)
    return frame.head(max(0, body.structure.records - body.structure.trailing_blank - first)), first


def ends_in_delimiters(body: Body, width: int) -> bool:
    """Whether no record has a last value."""
    pieces = (parse_piece(body, width, number)[0] for number in range(len(body.structure.anchors)))
    return all(piece[:, -1].null_count() == piece.height for piece in pieces)


def parse(body: Body, width: int, conventions: Conventions, remarks: list[Remark]) -> pl.DataFrame:
    """The same with whole and decimal numbers where every value of a column is one. What was read as missing is added
    to `remarks`."""
    import polars as pl

    texts = body.quoting.texts if body.quoting else ()
    schema = guess_schema(
        body.path, body.delimiter, width, body.structure.anchors, texts=texts, conventions=conventions
    )
    if schema.missing:
        spelled = ", ".join(f"“{value}”" for value in schema.missing)
        remarks.append(note("read_as_missing", f"Among numbers, {spelled} was read as missing."))
    dtypes = list(schema.dtypes)
    for attempt in range(_MOST_RETRIES + 1):
        try:
            return _rows(body, Schema(dtypes, schema.missing))
        except pl.exceptions.ComputeError as error:
            bad = _BAD_COLUMN.search(str(error))
            if bad is None or dtypes[int(bad[1]) - 1] == pl.String:
                raise
            if attempt + 1 >= _MOST_RETRIES:
                dtypes = [pl.String] * width
            else:
                dtypes[int(bad[1]) - 1] = pl.String
    raise AssertionError("a table of texts always parses")


def _rows(body: Body, schema: Schema) -> pl.DataFrame:
    frame = _without_bare_na(_read_csv(body, schema), body)
    return frame.head(body.structure.records - body.structure.trailing_blank)


def _read_csv(body: Body, schema: Schema, content: bytes | None = None) -> pl.DataFrame:
    import polars as pl

    return pl.read_csv(
        body.path if content is None else content,
        has_header=False,
        separator=body.delimiter,
        quote_char=None if body.delimiter == NO_DELIMITER else '"',
        skip_lines=body.first_line if content is None else 0,
        schema={f"column_{index}": dtype for index, dtype in enumerate(schema.dtypes)},
        null_values=schema.missing or None,
        glob=False,
    )


def _without_bare_na(frame: pl.DataFrame, body: Body, first: int = 0) -> pl.DataFrame:
    """R writes a missing text as NA without quotation marks; the parser no longer knows which had them. The frame
    begins with the row `first` of the body."""
    import numpy as np
    import polars as pl

    rows_by_place = body.quoting.bare_na if body.quoting else {}
    for place, rows in rows_by_place.items():
        is_missing = np.zeros(frame.height, dtype=bool)
        is_missing[rows[(rows >= first) & (rows < first + frame.height)] - first] = True
        name = f"column_{place}"
        frame = frame.with_columns(pl.when(pl.Series(~is_missing)).then(pl.col(name)).alias(name))
    return frame
