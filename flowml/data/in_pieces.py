"""A file read for a model piece by piece, also where it is larger than the memory: what `expected` makes of a whole
file, with the same values for a row whatever else is in its file.

What a whole file would decide is decided once: how it is written by its head and by a pass over its bytes, and how
columns are written of which the model knows nothing by the first piece. A small file is one piece, so that the same
rules hold for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from flowml.data.canonical import canonical
from flowml.data.conversion.columns import read_column
from flowml.data.conversion.conventions import Conventions
from flowml.data.conversion.notation import Notation
from flowml.data.conversion.texts import convert_texts
from flowml.data.expected import Expected, Reader, ReadTable, matched, read_as_the_file_has_them, read_expected
from flowml.data.format import Limits, Pieces, Reading, Source
from flowml.data.formats.registry import read_in_pieces
from flowml.data.guard import scratch_folder
from flowml.data.places import Places
from flowml.data.sizes import plain_bytes
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import sentences

_MOST_ROWS = 1 << 62


class Shape(StrEnum):
    """What all pieces have in common. `as_written`: the same columns, as the file has them. `texts`: the same columns
    of texts, read as far as nothing is lost in that piece. `typed`: the same columns in the same types. `records`: each
    has its own columns."""

    AS_WRITTEN = "as_written"
    TEXTS = "texts"
    TYPED = "typed"
    RECORDS = "records"

    @property
    def is_fixed(self) -> bool:
        """Whether every piece has the columns of the first."""
        return self is not Shape.RECORDS

    @property
    def is_typed(self) -> bool:
        """Whether the values have types of the file's own."""
        return self in (Shape.TYPED, Shape.RECORDS)


@dataclass(frozen=True)
class TableInPieces:
    """`pieces` in the order of the file, each a function that reads it, in any thread; `n_rows` None where that is not
    known before. `check` is called when all are read: it raises UnreadableFile for what only all of them show."""

    pieces: Iterator[Callable[[], ReadTable]]
    n_rows: int | None
    notes: list[str]
    shape: Shape
    check: Callable[[], object] = lambda: None


@contextmanager
def open_expected(
    path: Path,
    expected: Sequence[Expected],
    filename: str | None = None,
    options: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    *,
    now: float | None = None,
    typed: bool = False,
) -> Iterator[TableInPieces]:
    """A file for a model, in pieces where it is large. However many rows there are then, none is too many, unless the
    limits bound its bytes. What is worked out of the file as a whole is read now, as is a file of a format that is read
    at once.

    `typed`: what comes of it is to have types, as far as nothing is lost in them. Raises as `read_expected` does, as do
    the pieces, TooLarge among it.
    """
    if not path.is_file():
        raise UnreadableFile(f"There is no file {path}.")
    limits, options = limits or Limits(), options or {}
    wanted = tuple(column.name for column in expected)
    filename = filename or path.name
    with scratch_folder() as scratch:
        within = limits if limits.max_bytes is not None else replace(limits, max_rows=_MOST_ROWS)
        source = Source(path, filename, Path(scratch), options, within, now, wanted)
        found = read_in_pieces(source)
        if found is None:
            whole = read_expected(path, expected, filename, options, limits, now=now, as_written=not typed)
            yield TableInPieces(iter([lambda: whole]), whole.frame.height, [], Shape.TYPED)
            return
        yield _in_pieces(found, source, expected, typed)


class _Counted:
    """How much all pieces are that have been read, in any thread."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self._rows = self._bytes = 0
        self._lock = threading.Lock()

    def check(self, frame: pl.DataFrame) -> None:
        """Raises TooLarge."""
        if self._limits.max_bytes is None:
            return
        n_bytes = plain_bytes(frame)
        with self._lock:
            self._rows += frame.height
            self._bytes += n_bytes
            self._limits.check(self._rows, 0)
            self._limits.check_bytes(self._bytes)


def _in_pieces(found: Pieces, source: Source, expected: Sequence[Expected], typed: bool) -> TableInPieces:
    reading = next(found.readings, None)
    if reading is None:
        raise UnreadableFile("The file holds no rows of data.")
    first = reading()
    # Before anything is made of them; as the first of the pieces, they are counted there.
    source.limits.check_bytes(plain_bytes(first.frame) if source.limits.max_bytes is not None else 0)
    raw, _ = canonical(first.frame, source.limits)
    names, renamed = matched(source.filename, source.expected, raw.columns)
    as_written = not found.typed and not typed
    manner = _manner(first, raw, expected, names, with_others=not found.typed and typed)
    notes: list[str] = [*sentences(found.remarks), *renamed]
    if not found.typed:
        notes += read_as_the_file_has_them(raw, expected, names)
    counted = _Counted(source.limits)
    read = partial(_read, manner=manner, names=names, counted=counted, limits=source.limits, as_written=as_written)
    pieces = (partial(read, piece) for piece in chain([lambda: first], found.readings))
    shape = Shape.AS_WRITTEN if as_written else Shape.TEXTS
    if found.typed:
        # Of records, nobody knows how many there are.
        shape = Shape.RECORDS if found.n_rows is None else Shape.TYPED
    return TableInPieces(pieces, found.n_rows, notes, shape, found.check)


@dataclass(frozen=True)
class _Manner:
    """How columns are read: the `expected` ones, the `others` that are to have types, by the file's names; and what was
    taken for each of the conventions."""

    expected: Sequence[Expected]
    others: Mapping[str, Notation]
    decided: Mapping[str, Any]


def _read(
    piece: Callable[[], Reading],
    *,
    manner: _Manner,
    names: Mapping[str, str],
    counted: _Counted,
    limits: Limits,
    as_written: bool,
) -> ReadTable:
    reading = piece()
    counted.check(reading.frame)
    raw, of_types = canonical(reading.frame, limits)
    # Of records, each piece has the fields that occur in it.
    has = frozenset(raw.columns)
    own = {column.name: names.get(column.name, column.name) for column in manner.expected}
    own = {name: called for name, called in own.items() if called in has}
    places = Places(reading.line_of, reading.row_of)
    reader = Reader(reading.conventions or Conventions(), places, manner.decided, reading.given_in(raw))
    notes = [*sentences(reading.remarks), *sentences(of_types)]
    columns = {column.name: _typed(column, manner.others.get(column.name)) for column in raw.get_columns()}
    return reader.table(raw, columns, manner.expected, own, notes, as_written=as_written)


def _typed(column: pl.Series, notation: Notation | None) -> pl.Series:
    """A column that is no business of the model, in its type where all of its values can be read so."""
    if notation is None or notation.kind == "text" or column.dtype != pl.String:
        return column
    found, wrong = read_column(column, notation.kind, notation)
    return column if wrong.any() else found


def _manner(
    reading: Reading, raw: pl.DataFrame, expected: Sequence[Expected], names: Mapping[str, str], *, with_others: bool
) -> _Manner:
    """By how the first piece writes those columns of which the model does not know that, and `with_others` those that
    the model does not take."""
    unknown = [c for c in expected if c.notation is None and c.kind != "text" and c.name in names]
    unknown = [column for column in unknown if raw[names[column.name]].dtype == pl.String]
    taken = {names[column.name] for column in expected if column.name in names}
    others = [name for name in raw.columns if name not in taken] if with_others else []
    if not unknown and not others:
        return _Manner(expected, {}, {})
    conversion = convert_texts(
        raw.select(*(names[column.name] for column in unknown), *others),
        typed=reading.typed,
        conventions=reading.conventions or Conventions(),
        delimiter=reading.decided.get("delimiter"),
        line_of=reading.line_of,
        row_of=reading.row_of,
    )
    found = []
    for column in expected:
        notation = conversion.notations.get(names.get(column.name, "")) if column in unknown else None
        is_like = notation is not None and notation.kind == column.kind
        found.append(replace(column, notation=notation) if is_like else column)
    return _Manner(found, {name: of for name, of in conversion.notations.items() if name in others}, conversion.decided)
