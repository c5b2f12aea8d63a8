"""What a file format is: a record with a way to recognise it and a way to read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.domain.errors import InvalidInput, TooLarge

if TYPE_CHECKING:
    import polars as pl

HEAD_BYTES = 65_536

# What a `sniff` answers. Any text may be a delimited table, so that one is only ever POSSIBLE.
CERTAIN, LIKELY, POSSIBLE, NO = 1.0, 0.8, 0.3, 0.0


@dataclass(frozen=True)
class Limits:
    """How big a table may be."""

    max_rows: int = 20_000_000
    max_columns: int = 20_000

    def check(self, n_rows: int, n_columns: int) -> None:
        """Raise TooLarge when a table of this shape is over a limit."""
        if n_columns > self.max_columns:
            raise TooLarge(
                f"The table has {n_columns:,} columns; at most {self.max_columns:,} are allowed.",
                hint="Keep the columns that matter, or raise FLOWML_MAX_COLUMNS.",
            )
        if n_rows > self.max_rows:
            raise TooLarge(
                f"The table has {n_rows:,} rows; at most {self.max_rows:,} are allowed.",
                hint="Upload a sample of the rows, or raise FLOWML_MAX_ROWS.",
            )


@dataclass(frozen=True)
class Source:
    """A file to read: where its bytes are, what its owner called it, what they said about it.

    `scratch` is a folder for temporary files; who made the Source removes it.
    """

    path: Path
    filename: str
    scratch: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    @property
    def extension(self) -> str:
        """The last extension of the file's name, lower case and without its dot; empty when there is none."""
        return Path(self.filename).suffix.lower().removeprefix(".")

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


@dataclass
class Reading:
    """What a reader made of a file.

    `typed`: the format itself says which values are numbers, so texts that look like numbers are left as texts.
    """

    frame: pl.DataFrame
    format: str
    typed: bool
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Option:
    """Something the owner of a file may say about it."""

    name: str
    title: str


@dataclass(frozen=True)
class Format:
    """One family of files.

    `sniff(head, path)` gets the first 64 KiB and answers how sure it is, 0 to 1; it must be quick and raise nothing.
    `read(source)` returns the table or raises UnreadableFile, UnsupportedFormat, TooLarge or InvalidInput; what the
    reading library raises is translated by the caller.
    """

    name: str
    title: str
    extensions: tuple[str, ...]
    sniff: Callable[[bytes, Path], float]
    read: Callable[[Source], Reading]
    options: tuple[Option, ...] = ()
