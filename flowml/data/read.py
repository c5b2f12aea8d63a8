"""A file as a table in canonical form, in this process. The server does the same in a child process (`importer`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from flowml.data.canonical import canonical, without_infinity
from flowml.data.conversion.texts import convert_texts
from flowml.data.format import Limits, Source
from flowml.data.formats.registry import read
from flowml.data.guard import scratch_folder
from flowml.data.profiling.profile import profile
from flowml.domain.datasets import Column, HowRead
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark, note, sentences

_MOST_REMARKS = 40


@dataclass(frozen=True)
class Table:
    """A canonical frame, the format it came in, and what should be known about how it was read."""

    frame: pl.DataFrame
    format: str
    remarks: tuple[Remark, ...]
    how_read: HowRead

    @property
    def warnings(self) -> tuple[str, ...]:
        """The remarks as sentences."""
        return sentences(self.remarks)


def load(
    path: Path,
    filename: str,
    options: Mapping[str, Any],
    limits: Limits,
    scratch: Path,
    *,
    now: float | None = None,
) -> Table:
    """Read any supported file. `scratch` is a folder for temporary files, `now` the time in seconds since 1970. Raises
    UnreadableFile, UnsupportedFormat, TooLarge, InvalidInput."""
    source = Source(path, filename, scratch, options, limits, now)
    reading = read(source)
    remarks = reading.remarks
    frame, of_types = canonical(reading.frame, limits)
    remarks += of_types
    notations = reading.notations
    if not reading.converted:
        conversion = convert_texts(frame, typed=reading.typed, row_of=reading.row_of)
        frame, notations = conversion.frame, conversion.notations
        remarks += conversion.remarks
    # Texts such as 1e999 are numbers, and beyond what a number can be.
    frame, of_infinity = without_infinity(frame)
    remarks += of_infinity
    limits.check(frame.height, frame.width)
    if len(remarks) > _MOST_REMARKS:
        left = len(remarks) - _MOST_REMARKS
        gravest = sorted(remarks, key=lambda remark: remark.severity.rank)
        remarks = [*gravest[:_MOST_REMARKS], note("more_remarks", f"There are {left:,} more remarks like these.")]
    written = {name: notation.state() for name, notation in notations.items()}
    how_read = HowRead(dict(options), reading.decided, reading.choices, reading.reader, written)
    return Table(frame, reading.format, tuple(remarks), how_read)


def read_file(
    path: Path,
    filename: str | None = None,
    options: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    *,
    now: float | None = None,
) -> Table:
    """As `load`, with a folder for temporary files of its own. Raises as that does, and UnreadableFile when there is no
    such file."""
    if not path.is_file():
        raise UnreadableFile(f"There is no file {path}.")
    with scratch_folder() as scratch:
        return load(path, filename or path.name, options or {}, limits or Limits(), Path(scratch), now=now)


def read_table(
    path: Path,
    filename: str | None = None,
    options: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    *,
    now: float | None = None,
) -> tuple[pl.DataFrame, tuple[Column, ...], tuple[str, ...]]:
    """The table in a file, its columns with their roles, and the remarks as sentences. Raises as `read_file` does."""
    table = read_file(path, filename, options, limits, now=now)
    return table.frame, profile(table.frame).columns, table.warnings
