"""A text table from its first byte to a frame of numbers and texts."""

from __future__ import annotations

import csv
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.data.conversion.conventions import Conventions
from flowml.data.decoding.encoding import Encoding, detect_encoding, to_utf8
from flowml.data.decoding.nul import said_of_nuls
from flowml.data.delimited.dialect.writing import CANDIDATES, UNUSUAL
from flowml.data.delimited.options import TextOptions, spelled_delimiter, text_options
from flowml.data.delimited.outline.expected_names import count_names, with_names
from flowml.data.delimited.outline.outline import Outline, outline
from flowml.data.delimited.outline.remarks import remarks_on
from flowml.data.delimited.outline.tail import ends_in_sum, find_tail, without_tail
from flowml.data.delimited.rows.parse import NO_DELIMITER, Body, parse, parse_texts
from flowml.data.delimited.rows.quoted import verify_quoting
from flowml.data.delimited.rows.repair import repair
from flowml.data.delimited.rows.structure import Structure, scan
from flowml.data.format import Source
from flowml.data.named_lines import NamedLines
from flowml.domain.errors import UnreadableFile, UnsupportedFormat
from flowml.domain.remarks import Remark, decision, loss, note

if TYPE_CHECKING:
    import polars as pl

PLAIN_EXTENSIONS = ("csv", "tsv", "txt", "tab", "data", "dat")
_SAMPLE_BYTES = 262_144
_LONGEST_RECORD = 32 << 20


@dataclass(frozen=True)
class TextTable:
    """The frame's columns are named column_0 … as long as nobody has looked at `names`, the header's own cells.

    `literal` are the places of the columns whose texts are taken as they stand; `line_of` gives the line of the file
    that a row came from, where it is known.
    """

    frame: pl.DataFrame
    names: tuple[str, ...]
    delimiter: str
    remarks: list[Remark]
    decided: dict[str, Any]
    conventions: Conventions
    literal: tuple[int, ...]
    line_of: Callable[[int], int | None]


@dataclass(frozen=True)
class OpenedText:
    """A delimited text of which it is known where its records are and how they are written, before any is parsed."""

    options: TextOptions
    conventions: Conventions
    encoding: Encoding
    outline: Outline
    body: Body
    remarks: list[Remark]

    @property
    def decided(self) -> dict[str, Any]:
        """What was decided on reading it, by the names of the options."""
        return _decided(self.outline, self.encoding, self.options)


def open_text_table(source: Source, *, is_in_pieces: bool = False) -> OpenedText:
    """As `read_text_table`, but for parsing. `is_in_pieces`: lines that repeat the names are looked for now, as nobody
    will see all rows at once. Raises as that does."""
    csv.field_size_limit(_LONGEST_RECORD)
    options = text_options(source)
    conventions = Conventions(options.decimal, options.thousands, options.missing, options.date_order)
    remarks: list[Remark] = []
    path, encoding = _as_utf8(source, remarks)
    table = _outline(path, encoding.mark, options, source)
    remarks += remarks_on(table)
    start = _offset_of_line(path, table.first_line) or encoding.mark
    path = _without_tail(path, table, start, options, source, remarks)
    body = _body(path, table, start, source, remarks)
    if (
        is_in_pieces
        and table.names
        and body.repaired is None
        and body.quoting is None
        and _has_line_again(path, table.first_line)
    ):
        body = _repaired(path, table, source, remarks)
    return OpenedText(options, conventions, encoding, table, body, remarks)


def _has_line_again(path: Path, first_line: int) -> bool:
    """Whether the line before the first row, which has the names, is in a file once more."""
    with path.open("rb") as file:
        for _ in range(first_line):
            line = file.readline()
        start = file.tell()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return first_line > 0 and content.find(b"\n" + line.strip(), start - 1) >= 0


def read_text_table(source: Source) -> TextTable:
    """Read any delimited text. The options are those of `options.OPTIONS`.

    Raises UnreadableFile, TooLarge, and InvalidInput for an unusable option.
    """
    opened = open_text_table(source)
    options, table, conventions, remarks = opened.options, opened.outline, opened.conventions, opened.remarks
    body = opened.body
    frame = _parsed(body, table, conventions, source, remarks)
    if table.names and body.repaired is None and body.quoting is None and _repeats_names(frame, table.names):
        body = _repaired(body.path, table, source, remarks)
        frame = _parsed(body, table, conventions, source, remarks)
    if not options.keep_totals and body.quoting is None and ends_in_sum(frame):
        row = ", ".join("" if value is None else str(value) for value in frame.row(-1))
        line = body.line_of(frame.height - 1)
        place = f"line {line:,}" if line else f"row {frame.height:,}"
        said = f"The last row has the sums of the rows above and was left out ({place}: “{row[:80]}”). The option"
        remarks.append(loss("totals_left_out", f"{said} “keep_totals” keeps it."))
        frame = frame.head(frame.height - 1)
    literal = body.quoting.texts if body.quoting else ()
    if literal and not source.expected:
        said = "The file puts texts into quotation marks and nothing else: what is in them was read as text, exactly as"
        remarks.append(note("texts_in_quotes", f"{said} it stands."))
    return TextTable(
        frame,
        table.names or ("",) * table.width,
        table.writing.delimiter,
        remarks,
        _decided(table, opened.encoding, options),
        conventions,
        literal,
        body.line_of,
    )


def _parsed(
    body: Body, table: Outline, conventions: Conventions, source: Source, remarks: list[Remark]
) -> pl.DataFrame:
    if source.expected:
        return parse_texts(body, table.width)
    return parse(body, table.width, conventions, remarks)


def _as_utf8(source: Source, remarks: list[Remark]) -> tuple[Path, Encoding]:
    """The file itself or a copy in UTF-8 with line feeds, and the encoding, whose mark is only in the file itself."""
    encoding = detect_encoding(source.path, source.text_option("encoding"))
    with source.path.open("rb") as file:
        head = file.read(65_536)
    only_returns = b"\r" in head and b"\n" not in head
    remarks += said_of_nuls(encoding.nuls)
    if encoding.is_clean_utf8 and not only_returns:
        return source.path, encoding
    copy = source.scratch / "utf8.txt"
    encoding = to_utf8(source.path, encoding, copy)
    if encoding.broken:
        said = f"Some characters of the file are damaged (not valid {encoding.name.upper()}); they were replaced by �."
        remarks.append(loss("damaged_characters", said))
    if encoding.name != "utf-8":
        why = ", judging by its letters. The option “encoding” overrules" if encoding.guessed else ""
        said = f"The text was read in the encoding {encoding.name}{why}."
        remarks.append((decision if encoding.guessed else note)("encoding", said))
    return copy, Encoding(encoding.name)


def _outline(path: Path, mark: int, options: TextOptions, source: Source) -> Outline:
    lines = _first_lines(path, mark)
    if not any(line.strip() for line in lines):
        raise UnreadableFile("The file starts with nothing but blank lines.", hint="Remove them, or export it again.")
    # Before the line is taken apart: splitting millions of fields would take long.
    delimiters = CANDIDATES + UNUSUAL if options.delimiter is None else (options.delimiter,)
    source.limits.check(
        0,
        max(line.count(delimiter) for line in lines for delimiter in delimiters if len(delimiter) == 1)
        if any(len(line) > source.limits.max_columns for line in lines)
        else 0,
    )
    table = outline(lines, with_names(lines, source.expected, options) if source.expected else options)
    if source.expected and (usual := outline(lines, options)).names != table.names:
        # Names of two lines are found in the usual way alone.
        better = count_names(usual.names, source.expected) > count_names(table.names, source.expected)
        table = usual if better else table
    if table.writing.delimiter == "" and source.extension not in PLAIN_EXTENSIONS:
        raise UnsupportedFormat(
            f"“{source.filename}” is a text, but not a table: no delimiter splits its lines into columns.",
            hint="If it is a table of one column, let its name end in .csv or .txt; otherwise export it as CSV.",
        )
    source.limits.check(0, table.width)
    return table


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
        raise _too_long("The first line")
    return lines


def _too_long(line: str) -> UnreadableFile:
    return UnreadableFile(
        f"{line} of the file is longer than {_LONGEST_RECORD >> 20} MB, so this is hardly a table.",
        hint="A table has one record per line. Check how the file was exported.",
    )


def _offset_of_line(path: Path, line: int) -> int:
    with path.open("rb") as file:
        for _ in range(line):
            file.readline()
        return file.tell()


def _without_tail(
    path: Path, table: Outline, start: int, options: TextOptions, source: Source, remarks: list[Remark]
) -> Path:
    """The file, or a copy that ends before totals and notes."""
    if options.keep_totals or table.quoting is not None or table.width == 1:
        return path
    tail = find_tail(path, table.writing, table.width, first_byte=start)
    if tail is None:
        return path
    target = source.scratch / "body.txt"
    without_tail(path, tail, target)
    with target.open("rb") as file:
        before = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 22), b""))
    what = "1 line below the table was" if len(tail.lines) == 1 else f"{len(tail.lines)} lines below the table were"
    named = NamedLines.of((before + 1 + number, line) for number, line in tail.lines)
    said = f"{what} left out as totals or notes ({'; '.join(named.examples)})."
    remarks.append(loss("totals_left_out", f"{said} The option “keep_totals” keeps them."))
    return target


def _body(path: Path, table: Outline, start: int, source: Source, remarks: list[Remark]) -> Body:
    """The rows as a strict parser takes them, in the file itself where possible."""
    if not table.writing.is_plain:
        return _repaired(path, table, source, remarks)
    structure = scan(path, table.writing.delimiter, table.width, start=start)
    if structure.longest_record > _LONGEST_RECORD:
        raise _too_long("One line")
    source.limits.check(structure.records - structure.blank, structure.widest_record)
    # In a table of one column a blank line is a missing value, where texts are told from it by their marks.
    blanks_count = table.width == 1 and table.quoting is not None
    is_clean = structure.is_clean or (blanks_count and not structure.stray_quotes and not structure.open_quote)
    if not is_clean or table.is_interrupted or (start and not table.first_line):
        return _repaired(path, table, source, remarks)
    quoting = None
    if table.quoting is not None:
        quoting = verify_quoting(path, table.writing.delimiter, table.width, start, table.quoting)
    if quoting is None and blanks_count and structure.blank > structure.trailing_blank:
        return _repaired(path, table, source, remarks)
    if quoting is not None and blanks_count:
        structure.trailing_blank = 0
    _check_rows(structure)
    return Body(path, table.writing.delimiter or NO_DELIMITER, table.first_line, structure, quoting)


def _repaired(path: Path, table: Outline, source: Source, remarks: list[Remark]) -> Body:
    clean = source.scratch / "clean.csv"
    repaired = repair(path, table, clean)
    if repaired.comments.total:
        said = repaired.comments.sentence(
            "1 comment line between the rows was left out", "comment lines between the rows were left out"
        )
        remarks.append(loss("comments_left_out", said))
    remarks += repaired.remarks
    structure = scan(clean, ",", table.width)
    _check_rows(structure)
    source.limits.check(structure.records, table.width)
    return Body(clean, ",", 0, structure, table.quoting, repaired)


def _check_rows(structure: Structure) -> None:
    if structure.records == 0:
        raise UnreadableFile("The file has a header but no rows.", hint="A table needs at least one line of values.")


def _repeats_names(frame: pl.DataFrame, names: tuple[str, ...]) -> bool:
    """Whether some row has the names again. Its columns are then all texts."""
    import polars as pl

    if any(dtype != pl.String for dtype in frame.dtypes):
        return False
    repeated = pl.all_horizontal(
        pl.col(column).str.strip_chars().fill_null("") == name.strip()
        for column, name in zip(frame.columns[:50], names, strict=False)
    )
    return bool((frame[:, 0].str.strip_chars() == names[0].strip()).any()) and bool(frame.select(repeated.any()).item())


def _decided(table: Outline, encoding: Encoding, options: TextOptions) -> dict[str, Any]:
    return {
        "delimiter": spelled_delimiter(table.writing.delimiter),
        "quote": table.writing.quote if table.writing.may_quote else "none",
        "encoding": encoding.name,
        "header": table.header_line or False,
        "comment": table.comment or "none",
        "skip": options.skip,
        "keep_totals": options.keep_totals,
    }
