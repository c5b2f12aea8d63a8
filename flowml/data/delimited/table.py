"""A text table from its first byte to a frame of numbers and texts."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.data.delimited.dialect import CANDIDATES, WHITESPACE, Dialect, sniff_dialect
from flowml.data.delimited.encoding import detect_encoding, to_utf8
from flowml.data.delimited.repair import repair
from flowml.data.delimited.schema import Schema, guess_schema
from flowml.data.delimited.structure import Structure, scan
from flowml.data.formats.base import Source
from flowml.domain.errors import InvalidInput, UnreadableFile, UnsupportedFormat

if TYPE_CHECKING:
    import polars as pl

PLAIN_EXTENSIONS = ("csv", "tsv", "txt", "tab", "data", "dat")
_SAMPLE_BYTES = 262_144
_LONGEST_RECORD = 32 << 20
# A character that no text contains, for tables of one column.
_NO_DELIMITER = "\x1f"
_SPELLED = {";": "semicolons", "|": "vertical bars", WHITESPACE: "blanks"}
_BAD_COLUMN = re.compile(r"\(column number (\d+)\)")
_MOST_RETRIES = 8


@dataclass(frozen=True)
class TextTable:
    """The frame's columns are named column_0 … as long as nobody has looked at `names`, the header's own cells."""

    frame: pl.DataFrame
    names: tuple[str, ...]
    delimiter: str
    warnings: list[str]


def read_text_table(source: Source) -> TextTable:
    """Read any delimited text. Options: delimiter, encoding, header.

    Raises UnreadableFile, TooLarge, and InvalidInput for an unusable option.
    """
    csv.field_size_limit(_LONGEST_RECORD)
    warnings: list[str] = []
    path, mark = _as_utf8(source, warnings)
    lines = _first_lines(path, mark)
    if not any(line.strip() for line in lines):
        raise UnreadableFile("The file starts with nothing but blank lines.", hint="Remove them, or export it again.")
    # Before the line is taken apart: splitting millions of fields would take long.
    source.limits.check(0, max(line.count(delimiter) for line in lines[:2] for delimiter in CANDIDATES))
    dialect = sniff_dialect(lines, delimiter=_asked_delimiter(source), has_header=source.flag_option("header"))
    if dialect.delimiter == "" and source.extension not in PLAIN_EXTENSIONS:
        raise UnsupportedFormat(
            f"“{source.filename}” is a text, but not a table: no delimiter splits its lines into columns.",
            hint="If it is a table of one column, let its name end in .csv or .txt; otherwise export it as CSV.",
        )
    source.limits.check(0, dialect.width)
    _explain(dialect, lines, warnings)
    first_line = _lines_before_body(lines, dialect)
    start = _offset_of_line(path, first_line) if first_line else mark
    delimiter = dialect.delimiter or _NO_DELIMITER
    structure = None if dialect.delimiter == WHITESPACE else scan(path, dialect.delimiter, dialect.width, start=start)
    if structure is not None and structure.longest_record > _LONGEST_RECORD:
        raise UnreadableFile(
            f"One line of the file is longer than {_LONGEST_RECORD >> 20} MB, so this is hardly a table.",
            hint="A table has one record per line. Check how the file was exported.",
        )
    if structure is not None:
        source.limits.check(structure.records - structure.blank, dialect.width)
    if structure is None or not structure.is_clean or (mark and not first_line):
        clean = source.scratch / "clean.csv"
        warnings += repair(path, dialect, first_line, clean)
        path, first_line, delimiter = clean, 0, ","
        structure = scan(path, delimiter, dialect.width)
    if structure.records == 0:
        raise UnreadableFile("The file has a header but no rows.", hint="A table needs at least one line of values.")
    frame = _parse(path, delimiter, dialect.width, first_line, structure, warnings)
    return TextTable(frame, dialect.names or ("",) * dialect.width, dialect.delimiter, warnings)


def _as_utf8(source: Source, warnings: list[str]) -> tuple[Path, int]:
    """The file itself or a copy in UTF-8 with line feeds, and how many bytes of mark come first."""
    encoding = detect_encoding(source.path, source.text_option("encoding"))
    with source.path.open("rb") as file:
        head = file.read(65_536)
    only_returns = b"\r" in head and b"\n" not in head
    if encoding.name == "utf-8" and not encoding.broken and not only_returns:
        return source.path, encoding.mark
    copy = source.scratch / "utf8.txt"
    to_utf8(source.path, encoding, copy)
    if encoding.broken:
        warnings.append("Some characters of the file are damaged (not valid UTF-8); they were replaced by �.")
    elif encoding.name != "utf-8":
        warnings.append(f"The text was read in the encoding {encoding.name}.")
    return copy, 0


def _first_lines(path: Path, mark: int) -> list[str]:
    with path.open("rb") as file:
        file.seek(mark)
        sample = file.read(_SAMPLE_BYTES)
        if b"\n" not in sample:
            sample += file.read(_LONGEST_RECORD)
        complete = not file.read(1)
    text = sample.decode("utf-8", "replace")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if complete:
        while len(lines) > 1 and not lines[-1].strip():
            lines.pop()
    elif len(lines) > 1:
        lines.pop()
    else:
        raise UnreadableFile(
            f"The first line of the file is longer than {_LONGEST_RECORD >> 20} MB, so this is hardly a table.",
            hint="A table has one record per line. Check how the file was exported.",
        )
    return lines


def _asked_delimiter(source: Source) -> str | None:
    asked = source.text_option("delimiter")
    if asked is None:
        return None
    spelled = {"\\t": "\t", "tab": "\t", "comma": ",", "semicolon": ";", "space": WHITESPACE, " ": WHITESPACE}
    delimiter = spelled.get(asked, asked)
    if delimiter != WHITESPACE and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\x1f'):
        raise InvalidInput.of_field("options.delimiter", "The delimiter must be one character, such as , or ; or tab.")
    return delimiter


def _explain(dialect: Dialect, lines: list[str], warnings: list[str]) -> None:
    if dialect.delimiter == "" and any(candidate in line for line in lines[:50] for candidate in CANDIDATES):
        warnings.append("No delimiter splits the lines evenly: every line was read as one value.")
    elif dialect.delimiter not in (",", "\t", ""):
        spelled = _SPELLED.get(dialect.delimiter, f"“{dialect.delimiter}”")
        warnings.append(f"The values are separated by {spelled}.")
    if dialect.preamble:
        skipped = " / ".join(line for line in lines[: dialect.preamble] if line.strip())[:120]
        if skipped:
            warnings.append(
                f"The first {dialect.preamble} lines are not part of the table and were left out: “{skipped}”."
            )
    if not dialect.has_header:
        warnings.append("The first line looks like data, not like column names: the columns were numbered.")


def _lines_before_body(lines: list[str], dialect: Dialect) -> int:
    """Physical lines up to and including the header; a quoted name may contain line breaks."""
    records = dialect.preamble + (1 if dialect.has_header else 0)
    if dialect.delimiter in ("", WHITESPACE):
        return records
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=dialect.delimiter)
    for _ in range(records):
        next(reader, None)
    return reader.line_num


def _offset_of_line(path: Path, line: int) -> int:
    with path.open("rb") as file:
        for _ in range(line):
            file.readline()
        return file.tell()


def _parse(
    path: Path, delimiter: str, width: int, skip_lines: int, structure: Structure, warnings: list[str]
) -> pl.DataFrame:
    import polars as pl

    schema = guess_schema(path, delimiter, width, structure.anchors)
    if schema.missing:
        spelled = ", ".join(f"“{value}”" for value in schema.missing)
        warnings.append(f"Among numbers, {spelled} was read as missing.")
    dtypes = list(schema.dtypes)
    for attempt in range(_MOST_RETRIES + 1):
        try:
            frame = _read_csv(path, delimiter, skip_lines, Schema(dtypes, schema.missing))
            return frame.head(structure.records - structure.trailing_blank)
        except pl.exceptions.ComputeError as error:
            bad = _BAD_COLUMN.search(str(error))
            if bad is None or dtypes[int(bad[1]) - 1] == pl.String:
                raise
            if attempt + 1 >= _MOST_RETRIES:
                dtypes = [pl.String] * width
            else:
                dtypes[int(bad[1]) - 1] = pl.String
    raise AssertionError("a table of texts always parses")


def _read_csv(path: Path, delimiter: str, skip_lines: int, schema: Schema) -> pl.DataFrame:
    import polars as pl

    return pl.read_csv(
        path,
        has_header=False,
        separator=delimiter,
        quote_char=None if delimiter == _NO_DELIMITER else '"',
        skip_lines=skip_lines,
        schema={f"column_{index}": dtype for index, dtype in enumerate(schema.dtypes)},
        null_values=schema.missing or None,
        glob=False,
    )
