"""What a file format is: a record with a way to recognise it and a way to read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flowml.data.conversion.notation import Notation
from flowml.domain.errors import InvalidInput, TooLarge, UnreadableFile
from flowml.domain.remarks import Remark

if TYPE_CHECKING:
    import polars as pl

    from flowml.data.conversion.conventions import Conventions

HEAD_BYTES = 65_536

# What a `sniff` answers. Any text may be a delimited table, so that one is only ever POSSIBLE.
CERTAIN, LIKELY, POSSIBLE, NO = 1.0, 0.8, 0.3, 0.0


@dataclass(frozen=True)
class Limits:
    """How big a table may be, and how long reading its file may take. `max_bytes`: of all its values when nothing is
    compressed, for a file of which somebody else wants something; None for one of whoever reads it, which may then
    have any number of rows where it is read in pieces."""

    max_rows: int = 20_000_000
    max_columns: int = 20_000
    timeout_seconds: float = 300
    max_bytes: int | None = None

    def check(self, n_rows: int, n_columns: int) -> None:
        """Raise UnreadableFile for more columns than a table has, TooLarge for more rows than this server takes."""
        if n_columns > self.max_columns:
            raise UnreadableFile(
                f"The table has {n_columns:,} columns; at most {self.max_columns:,} are allowed.",
                hint="Keep the columns that matter, or raise FLOWML_MAX_COLUMNS.",
            )
        if n_rows > self.max_rows:
            raise TooLarge(
                f"The table has {n_rows:,} rows; at most {self.max_rows:,} are allowed.",
                hint="Upload a sample of the rows, or raise FLOWML_MAX_ROWS.",
            )

    def check_bytes(self, n_bytes: int) -> None:
        """Raise TooLarge for a table that is far larger than its file makes one expect."""
        if self.max_bytes is not None and n_bytes > self.max_bytes:
            raise TooLarge(
                f"What is in the file is more than {self.max_bytes // 1_000_000:,} MB, unpacked: more than a file of"
                " its size may hold here.",
                hint="Leave out the columns that the model does not take, or send it as CSV.",
            )


@dataclass(frozen=True)
class Source:
    """A file to read: where its bytes are, what its owner called it, what they said about it.

    `scratch` is a folder for temporary files; who made the Source removes it. `now` is the time of the reading in
    seconds since 1970, for formats that leave out a part of their dates (a log without years); None when nobody said.
    `expected` are the names of columns that a model takes, of which the file should have some: a reader of texts then
    looks for them and leaves all values as they are written.
    """

    path: Path
    filename: str
    scratch: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    now: float | None = None
    expected: tuple[str, ...] = ()

    @property
    def extension(self) -> str:
        """The last extension of the file's name, lower case and without its dot; empty when there is none.

        The number that a rotated log or a second copy gets (`access.log.1`) is not one.
        """
        suffixes = [suffix.lower().removeprefix(".") for suffix in Path(self.filename).suffixes]
        while len(suffixes) > 1 and suffixes[-1].isdecimal():
            suffixes.pop()
        return suffixes[-1] if suffixes else ""

    def text_option(self, name: str) -> str | None:
        """An option that must be a string. Raises InvalidInput naming it."""
        value = self.options.get(name)
        if value is not None and not isinstance(value, str):
            raise InvalidInput.of_field(f"options.{name}", f"The option “{name}” must be a text.")
        return value

    def flag_option(self, name: str) -> bool | None:
        """An option that must be true or false. Raises InvalidInput naming it."""
        value = self.options.get(name)
        if value is not None and not isinstance(value, bool):
            raise InvalidInput.of_field(f"options.{name}", f"The option “{name}” must be true or false.")
        return value

    def texts_option(self, name: str) -> list[str] | None:
        """An option that must be a list of texts; one text counts as a list of one. Raises InvalidInput naming it."""
        value = self.options.get(name)
        if isinstance(value, str):
            return [value]
        if value is not None and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            raise InvalidInput.of_field(f"options.{name}", f"The option “{name}” must be a list of texts.")
        return value

    def choice_option(self, name: str, allowed: Sequence[str]) -> str | None:
        """An option that must be one of some texts. Raises InvalidInput naming it and them."""
        value = self.text_option(name)
        if value is not None and value not in allowed:
            shown = ", ".join(f"“{item}”" for item in allowed[:20])
            raise InvalidInput.of_field(
                f"options.{name}", f"The option “{name}” cannot be “{value[:80]}”. It can be {shown}."
            )
        return value

    def whole_option(self, name: str, least: int, most: int) -> int | None:
        """An option that must be a whole number in a range. Raises InvalidInput naming it."""
        value = self.options.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidInput.of_field(
                f"options.{name}", f"The option “{name}” must be a whole number from {least:,} to {most:,}."
            )
        return value


@dataclass
class Reading:
    """What a reader made of a file.

    `typed`: the format itself says which values are numbers, so texts that look like numbers are left as texts.
    `converted`: the reader has already looked for numbers and dates among its texts, and those that remain are texts.
    `decided` says by the names of the format's options what was taken ({"delimiter": ";", "sheet": "2024"}), and
    `choices` what else an option could be ({"sheet": ["2023", "2024"]}): the owner may overrule any of it.
    `reader` is the name of the Format that read it, which the registry fills in. `notations` say how columns of texts
    were read, where the reader has converted them; `conventions` what the file's owner says of its values, where they
    are still to be converted. `line_of` gives the line of the file that a row came from, None where there are none;
    `row_of` the number that the row has for people then, such as its number in a sheet. `given`: of columns that hold
    values of several kinds, those as JSON texts (`data/given.py`); for a model alone.
    """

    frame: pl.DataFrame
    format: str
    typed: bool
    remarks: list[Remark] = field(default_factory=list)
    decided: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    reader: str = ""
    converted: bool = False
    notations: dict[str, Notation] = field(default_factory=dict)
    conventions: Conventions | None = None
    line_of: Callable[[int], int | None] = lambda row: None
    row_of: Callable[[int], int] = lambda row: row + 1
    given: Mapping[str, pl.Series] = field(default_factory=dict)

    def given_in(self, frame: pl.DataFrame) -> dict[str, pl.Series]:
        """The same by the names that a table made of this one has, column by column."""
        if not self.given:
            return {}
        names = zip(self.frame.columns, frame.columns, strict=True)
        return {name: self.given[was] for was, name in names if was in self.given}


@dataclass
class Pieces:
    """A file that is read in pieces of whole records, for a model: never all of it is in memory.

    `readings` give the pieces in the order of the file; each is a function that reads it, in any thread, and in which
    places are those of the file. `remarks` are on the file as a whole; `n_rows` its records, where that is known before
    they are read. `typed`: as of `Reading`. `check`, after all are read, raises UnreadableFile for what only all of
    them show.
    """

    readings: Iterator[Callable[[], Reading]]
    n_rows: int | None
    typed: bool
    remarks: list[Remark] = field(default_factory=list)
    check: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Option:
    """Something the owner of a file may say about it.

    `kind` is what its value is: a text, a flag, a whole number, a list of texts, or one of `values`; where the values
    depend on the file, the reading's `choices` has them.
    """

    name: str
    title: str
    kind: Literal["text", "flag", "whole", "texts", "choice"] = "text"
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """One family of files.

    `sniff(head, path)` gets the first 64 KiB and answers how sure it is, 0 to 1; it must be quick and raise nothing.
    `read(source)` returns the table or raises UnreadableFile, UnsupportedFormat, TooLarge or InvalidInput; what the
    reading library raises is translated by the caller. `pieces(source)` reads a file for a model piece by piece, and is
    None of one that has to be read as a whole.
    """

    name: str
    title: str
    extensions: tuple[str, ...]
    sniff: Callable[[bytes, Path], float]
    read: Callable[[Source], Reading]
    options: tuple[Option, ...] = ()
    pieces: Callable[[Source], Pieces | None] = lambda source: None
