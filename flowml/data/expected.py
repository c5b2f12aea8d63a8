"""A file read for a model: by the names and notations of the columns that the model was trained on, so that a row means
the same whatever else is in its file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from flowml.data.canonical import canonical, without_infinity
from flowml.data.conversion.columns import read_column
from flowml.data.conversion.conventions import Conventions
from flowml.data.conversion.known import Known
from flowml.data.conversion.notation import Kind, Notation
from flowml.data.conversion.texts import convert_texts
from flowml.data.format import Limits, Reading, Source
from flowml.data.formats.registry import read
from flowml.data.given import is_text
from flowml.data.guard import scratch_folder
from flowml.data.places import Places
from flowml.data.sizes import plain_bytes
from flowml.domain.errors import InvalidInput, UnreadableFile
from flowml.domain.remarks import sentences
from flowml.domain.wording import columns, listed

_SHOWN_NAMES = 20
_PLAIN: dict[Kind, Notation] = {"number": Notation("number"), "date": Notation("date"), "boolean": Notation("boolean")}
_IS_NO: dict[Kind, tuple[str, str]] = {
    "number": ("is no number", "are no numbers"),
    "date": ("is no date", "are no dates"),
    "boolean": ("is neither true nor false", "are neither true nor false"),
    "text": ("is no text", "are no texts"),
}
_MISSING = ("It counts as missing.", "They count as missing.")


@dataclass(frozen=True)
class Expected:
    """A column that a model takes: what its values are and how they were written, None where its table had types of its
    own. `known` are the texts that it was trained on, where they are kept."""

    name: str
    kind: Kind
    notation: Notation | None = None
    known: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ReadTable:
    """`frame` is the file's own table, in which nothing is lost; `features` are those of the expected columns that it
    has, by their expected names, in the model's types. `names` says what the file calls them; `written` is the table as
    the file has it, before anything is read. `given`: of columns that hold values of several kinds, as they were given
    (`data/given.py`)."""

    frame: pl.DataFrame
    features: pl.DataFrame
    names: Mapping[str, str]
    places: Places
    written: pl.DataFrame
    notes: list[str] = field(default_factory=list)
    given: Mapping[str, pl.Series] = field(default_factory=dict)

    def part(self, start: int, n_rows: int) -> ReadTable:
        """Some rows of it; what is said of all is said with the first."""
        frame, features, written = (of.slice(start, n_rows) for of in (self.frame, self.features, self.written))
        notes = self.notes if start == 0 else []
        given = {name: column.slice(start, n_rows) for name, column in self.given.items()}
        return ReadTable(frame, features, self.names, self.places.after(start), written, notes, given)

    def totals(self) -> dict[str, int]:
        """How many values there are of each column of which something may be said, by either name."""
        found = {own: self.written.height - self.written[own].null_count() for own in self.names.values()}
        return found | {name: found[own] for name, own in self.names.items()}


def read_expected(
    path: Path,
    expected: Sequence[Expected],
    filename: str | None = None,
    options: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    *,
    now: float | None = None,
    as_written: bool = False,
) -> ReadTable:
    """Read a file for a model. What its owner says in `options` overrules how the model's own columns were written.
    `as_written`: texts that have no types in the file keep none.

    Raises as `read.load` does, and InvalidInput for a file that has none of the expected columns.
    """
    if not path.is_file():
        raise UnreadableFile(f"There is no file {path}.")
    limits, options = limits or Limits(), options or {}
    with scratch_folder() as scratch:
        wanted = tuple(column.name for column in expected)
        source = Source(path, filename or path.name, Path(scratch), options, limits, now, wanted)
        reading = read(source)
        limits.check_bytes(plain_bytes(reading.frame) if limits.max_bytes is not None else 0)
        raw, of_types = canonical(reading.frame, limits)
    notes = [*sentences(reading.remarks), *sentences(of_types)]
    names, renamed = matched(source.filename, wanted, raw.columns)
    said = reading.conventions or Conventions()
    others = by_the_file(raw, [column for column in expected if column.name in names], names, reading, said)
    as_written = as_written and not reading.typed
    notes += [*renamed, *others.notes]
    notes += read_as_the_file_has_them(raw, expected, names)
    reader = Reader(said, Places(reading.line_of, reading.row_of), others.decided, reading.given_in(raw))
    return reader.table(raw, others.columns, expected, names, notes, as_written=as_written)


class Reader:
    """Reads columns for a model and keeps what is to be said of them."""

    def __init__(
        self,
        said: Conventions,
        places: Places,
        decided: Mapping[str, Any],
        given: Mapping[str, pl.Series] = MappingProxyType({}),
    ):
        self.notes: list[str] = []
        self.places = places
        self._given = given
        self._said = said
        # Of columns of which the model knows nothing, the file's others tell.
        thousands = str(decided.get("thousands", "")).replace("none", "")
        self._others: dict[Kind, Notation] = {
            "number": Notation("number", decided.get("decimal"), thousands),
            "date": Notation("date", order=decided.get("date_order")),
            "boolean": Notation("boolean"),
        }

    def table(
        self,
        raw: pl.DataFrame,
        columns: Mapping[str, pl.Series],
        expected: Sequence[Expected],
        names: Mapping[str, str],
        notes: Sequence[str],
        *,
        as_written: bool = False,
    ) -> ReadTable:
        """`columns` are those of the file as itself would have them; `as_written`: the frame is the file's own."""
        features: dict[str, pl.Series] = {}
        shown = dict(columns)
        for column in expected:
            if column.name not in names:
                continue
            own = names[column.name]
            found, is_lossless = self.read(raw[own], columns[own], column)
            features[column.name] = found.alias(column.name)
            shown[own] = found.alias(own) if is_lossless else raw[own]
        frame, _ = without_infinity(raw if as_written else pl.DataFrame([shown[name] for name in raw.columns]))
        # Of a piece that has none of them, there are rows all the same.
        none = [pl.repeat(None, raw.height, eager=True).alias("")]
        in_types = pl.DataFrame(list(features.values()) or none)
        return ReadTable(frame, in_types, names, self.places, raw, [*notes, *self.notes], self._given)

    def read(self, raw: pl.Series, converted: pl.Series, column: Expected) -> tuple[pl.Series, bool]:
        """The column as the model takes it, and whether nothing of what the file has is lost in it. `converted` is what
        the file alone would have it be."""
        if (given := self._given.get(raw.name)) is not None:
            return self._of_several_kinds(raw, given, column)
        if column.kind == "text":
            return self._texts(raw, column)
        notation = None if column.notation is None else self._overruled(column.notation)
        if raw.dtype != pl.String:
            return self._typed(raw, column, notation)
        if notation is None:
            if _is_of(converted, column.kind):
                return converted, converted.null_count() == raw.null_count()
            notation = self._overruled(self._others[column.kind])
        found, wrong = read_column(raw, column.kind, notation)
        return self._without(found, raw, wrong, column.kind)

    def _texts(self, raw: pl.Series, column: Expected) -> tuple[pl.Series, bool]:
        known = Known(column.known or ())
        if raw.dtype != pl.String:
            return known.labels(raw), False
        if column.notation is None:
            return known.texts(raw), False
        found, _ = read_column(raw, "text", self._overruled(column.notation))
        return found, found.null_count() == raw.null_count()

    def _of_several_kinds(self, raw: pl.Series, given: pl.Series, column: Expected) -> tuple[pl.Series, bool]:
        """Texts as the model's are written, and what else there is as what it is: 43.5 among texts is no 43,5."""
        texts, others = raw.set(~is_text(given), None), given.set(is_text(given), None)
        if column.kind == "text":
            known = Known(column.known or ())
            different = others.drop_nulls().unique().to_list()
            labels = {text: text if text[:1] in "[{" else known.label(json.loads(text)) for text in different}
            found, _ = self._texts(texts, column)
            return found.fill_null(others.replace_strict(labels, default=None, return_dtype=pl.String)), False
        notation = self._overruled(column.notation or self._others[column.kind])
        found, wrong = read_column(texts, column.kind, notation)
        counts = column.kind == "date" and bool(notation.counted)
        if column.kind == "date" and not counts:
            more, also_wrong = found.clear(len(found)), others.is_not_null()
        else:
            plain = notation if counts else _PLAIN[column.kind]
            as_numbers = others.replace({"true": "1", "false": "0"}) if column.kind == "number" else others
            more, also_wrong = read_column(as_numbers, column.kind, plain)
        found, more = _alike(found, more)
        return self._without(found.fill_null(more).alias(raw.name), raw, wrong | also_wrong, column.kind)

    def _typed(self, raw: pl.Series, column: Expected, notation: Notation | None) -> tuple[pl.Series, bool]:
        """Of a column that has a type of its own, all values or none are what the model takes."""
        if _is_of(raw, column.kind):
            return raw, True
        if column.kind == "date" and raw.dtype.is_integer() and notation is not None and notation.counted:
            found, wrong = read_column(raw.cast(pl.String), "date", notation)
            return self._without(found, raw, wrong, "date")
        nothing: pl.Series = pl.Series(raw.name, [None] * len(raw), dtype=_DTYPES[column.kind])
        return self._without(nothing, raw, raw.is_not_null(), column.kind)

    def _without(self, found: pl.Series, raw: pl.Series, wrong: pl.Series, kind: Kind) -> tuple[pl.Series, bool]:
        if not wrong.any():
            return found, True
        self.notes.append(self.places.counted(raw, wrong, _IS_NO[kind], _MISSING))
        return found, False

    def _overruled(self, notation: Notation) -> Notation:
        """With what the file's owner says of its values."""
        said = self._said
        if said.missing is not None:
            notation = replace(notation, missing=said.missing)
        if notation.kind == "number" and (said.decimal or said.thousands):
            decimal = said.decimal or ("," if said.thousands == "." else "." if said.thousands == "," else None)
            thousands = "" if said.thousands in (None, "none") else str(said.thousands)
            notation = replace(notation, decimal=decimal or notation.decimal, thousands=thousands)
        if notation.kind == "date" and said.date_order:
            notation = replace(notation, order=said.date_order)
        return notation


_DTYPES: dict[Kind, Any] = {"number": pl.Float64, "date": pl.Datetime("us"), "boolean": pl.Boolean, "text": pl.String}


def _alike(*columns: pl.Series) -> list[pl.Series]:
    """Columns of one kind in the same type."""
    types = {column.dtype for column in columns}
    wide = pl.Datetime("us") if pl.Date in types else pl.Float64()
    return [column if len(types) == 1 else column.cast(wide) for column in columns]


def _is_of(column: pl.Series, kind: Kind) -> bool:
    """Whether a column has the type that the model takes, or one that stands for it."""
    if kind == "number":
        return column.dtype.is_numeric() or column.dtype == pl.Boolean
    if kind == "date":
        return column.dtype.is_temporal()
    if kind == "boolean":
        return column.dtype == pl.Boolean or column.dtype.is_numeric()
    return column.dtype == pl.String


@dataclass(frozen=True)
class ByTheFile:
    """Columns, what is to be said of them, and what was taken for each of the conventions."""

    columns: dict[str, pl.Series]
    notes: list[str]
    decided: Mapping[str, Any]


def by_the_file(
    raw: pl.DataFrame, expected: Iterable[Expected], names: Mapping[str, str], reading: Reading, said: Conventions
) -> ByTheFile:
    """The columns as the file alone would have them: those that are no business of the model, and those of which it
    only knows what they are. What is remarked on the latter is worth saying."""
    written = {names[column.name] for column in expected if column.notation is not None or column.kind == "text"}
    unknown = {names[column.name] for column in expected} - written
    frame = raw.drop(list(written))
    found = {name: raw[name] for name in raw.columns}
    if not frame.width:
        return ByTheFile(found, [], {})
    conversion = convert_texts(
        frame,
        typed=reading.typed,
        conventions=said,
        delimiter=reading.decided.get("delimiter"),
        line_of=reading.line_of,
        row_of=reading.row_of,
    )
    found |= {column.name: column for column in conversion.frame.get_columns()}
    notes = [text for text in sentences(conversion.remarks) if any(f"“{name}”" in text for name in unknown)]
    return ByTheFile(found, notes, conversion.decided)


def read_as_the_file_has_them(raw: pl.DataFrame, expected: Iterable[Expected], names: Mapping[str, str]) -> list[str]:
    """What is said of values that are not written as programs write them, where the model does not know better."""
    found = []
    for column in expected:
        if column.notation is not None or column.kind == "text" or column.name not in names:
            continue
        texts = raw[names[column.name]]
        if texts.dtype == pl.String and read_column(texts, column.kind, _PLAIN[column.kind])[1].any():
            found.append(names[column.name])
    if not found:
        return []
    was, its = ("was", "its values") if len(found) == 1 else ("were", "their values")
    shown = columns(found, _SHOWN_NAMES)
    return [f"{shown} {was} read as this file has it: the model does not know how {its} were written in training."]


def matched(filename: str, wanted: Sequence[str], has: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """What the file calls the wanted columns: the same, or the only name that differs in capitals and blanks alone; and
    what is to be said of that. Raises InvalidInput where it has none of them."""
    names = {name: name for name in wanted if name in has}
    free: dict[str, list[str]] = {}
    for name in has:
        if name not in names:
            free.setdefault(_folded(name), []).append(name)
    missing = [name for name in wanted if name not in names]
    alike = {name: free[_folded(name)][0] for name in missing if len(free.get(_folded(name), ())) == 1}
    # Of two wanted columns that differ in nothing else, neither is meant.
    alike = {name: own for name, own in alike.items() if list(alike.values()).count(own) == 1}
    if not names and not alike:
        raise InvalidInput(
            f"“{filename}” has none of the columns that this model takes ({listed(wanted, _SHOWN_NAMES)}).",
            hint=f"Its columns are: {listed(has, _SHOWN_NAMES)}.",
        )
    if not alike:
        return names, []
    shown = listed([f"“{own}” for “{name}”" for name, own in alike.items()], _SHOWN_NAMES)
    found = {name: (names | alike)[name] for name in wanted if name in names or name in alike}
    return found, [f"Columns were taken for those of the model that are called alike: {shown}."]


def _folded(name: str) -> str:
    return "".join(name.casefold().split())
