"""Records of no fixed shape (JSON and its kin) as columns."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from flowml.data.conversion.mixed import numbers_among_texts, truths_among_texts
from flowml.data.format import Limits
from flowml.data.given import as_given, is_quoted
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark, decision

_MOST_NESTING = 20
_INT64 = 1 << 63
# 007 is a code: as a number it would lose its zeros.
CODE = re.compile(r"[-+]?0\d+$")
# So many values are held as Python objects before they are packed into series.
_CELLS_AT_ONCE = 1_000_000
_LONG_GAP = 1000
# Records of many different fields make a table of nothing.
_LARGE_TABLE, _MOST_EMPTINESS = 20_000_000, 200


def flatten(record: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Inner records as dotted names; everything else as it is.

    >>> flatten({"a": 1, "b": {"c": 2}})
    {'a': 1, 'b.c': 2}
    """
    if depth > _MOST_NESTING:
        raise UnreadableFile(
            f"The records are nested more than {_MOST_NESTING} levels deep.", hint="Flatten them first."
        )
    flat: dict[str, Any] = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            flat.update(flatten(value, f"{name}.", depth + 1))
        else:
            flat[name] = value
    return flat


class _Huge:
    """The kind of a whole number beyond 64 bits."""


_TYPES: dict[type, Any] = {
    bool: pl.Boolean(),
    int: pl.Int64(),
    str: pl.String(),
    bytes: pl.Binary(),
    date: pl.Date(),
    datetime: pl.Datetime("us"),
    time: pl.Time(),
    timedelta: pl.Duration("us"),
}
_NUMBERS = frozenset({int, float, Decimal, _Huge})


class Column:
    """The values of one column: the latest as they came, all before them packed. Values may be of any kind that JSON,
    a database or a binary table has. `for_model`: nothing that is odd among them is changed, and
    what each was is kept."""

    def __init__(self, *, for_model: bool = False) -> None:
        self.texts: list[pl.Series] | None = [] if for_model else None
        self.values: list[Any] = []
        self.packed: list[pl.Series] = []
        self.packed_height = 0
        self.kinds: set[type] = set()

    def add(self, value: Any, row: int) -> None:
        """Take in the value of a row; the rows since the last value have none."""
        missing = row - self.packed_height - len(self.values)
        if missing > _LONG_GAP:
            self.seal()
            self._skip(missing)
        elif missing:
            self.values.extend([None] * missing)
        self.values.append(value)

    def pack(self, height: int) -> None:
        """Turn everything into series, filled up to the height of the table."""
        self.seal()
        if height > self.packed_height:
            self._skip(height - self.packed_height)

    def seal(self) -> None:
        """Turn what came since the last time into a series."""
        if not self.values:
            return
        kinds = _kinds(self.values)
        if int in kinds and not all(-_INT64 <= value < _INT64 for value in self.values if type(value) is int):
            kinds.add(_Huge)
        self.packed.append(_packed(self.values, kinds))
        if self.texts is not None:
            self.texts.append(_are_texts(self.values, kinds))
        self.kinds |= kinds
        self.packed_height += len(self.values)
        self.values = []

    def _skip(self, n_rows: int) -> None:
        """Rows without a value: a series of nothing takes no memory."""
        nothing: pl.Series = pl.Series("", [None], dtype=pl.Null).new_from_index(0, n_rows)
        self.packed.append(nothing)
        if self.texts is not None:
            self.texts.append(nothing)
        self.packed_height += n_rows

    @property
    def is_mixed(self) -> bool:
        """Whether it holds values of kinds that do not go together."""
        return _dtype(self.kinds) == pl.String and len(self.kinds - {dict, _Huge}) > 1

    def given(self, name: str) -> pl.Series | None:
        """The values as JSON texts where they are of kinds that have only texts in common; None for others."""
        if self.texts is None or _dtype(self.kinds) != pl.String or not (self.is_mixed or _Huge in self.kinds):
            return None
        return as_given(self.series(name), pl.concat([piece.cast(pl.Boolean) for piece in self.texts]))

    def is_empty(self) -> bool:
        """Whether it holds nothing but missing values and empty records."""
        return self.kinds <= {dict} and all(piece.null_count() == len(piece) for piece in self.packed)

    def series(self, name: str) -> pl.Series:
        """All values, in the one type that fits every piece."""
        dtype = _dtype(self.kinds)
        return pl.concat([_as(piece, dtype) for piece in self.packed]).alias(name)

    def typed(self, name: str, remarks: list[Remark]) -> pl.Series:
        """The same, but numbers or truth values with hardly a text among them in the type of these, unless it is for a
        model; says in `remarks` what became missing, and where kinds that do not go together were read as text."""
        series = self.series(name)
        if self.texts is not None:
            return series
        others = self.kinds - {str}
        if str in self.kinds and others and (others <= {int, float, Decimal} or others == {bool}):
            values, said = (truths_among_texts if bool in others else numbers_among_texts)(series)
            if values is not None:
                remarks += said
                return values.cast(pl.Float64) if others & {float, Decimal} else values
        if self.is_mixed:
            remarks.append(
                decision("mixed_values", f"“{name}” holds values of different kinds; they were read as text.")
            )
        return series


class Columns:
    """Values gathered column by column; a record that lacks a column has a missing value there. For a model nothing is
    changed that is odd in its column: `given` are, after `frame`, the values of columns of several kinds."""

    def __init__(self, limits: Limits, *, for_model: bool = False):
        self.given: dict[str, pl.Series] = {}
        self._limits = limits
        self._for_model = for_model
        self._columns: dict[str, Column] = {}
        self._cells = self._fresh_cells = 0
        self.height = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """Take in one record. Raises TooLarge, UnreadableFile."""
        self._limits.check(0, len(record))
        flat = flatten(record)
        for name, value in flat.items():
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = Column(for_model=self._for_model)
                self._limits.check(0, len(self._columns))
            column.add(value, self.height)
        self.height += 1
        self._cells += len(flat)
        self._fresh_cells += len(flat)
        if self.height > self._limits.max_rows:
            self._limits.check(self.height, len(self._columns))
        if self._fresh_cells > _CELLS_AT_ONCE:
            for column in self._columns.values():
                column.seal()
            self._fresh_cells = 0

    def frame(self, remarks: list[Remark]) -> pl.DataFrame:
        """The columns with one type each; says in `remarks` which held several. Raises UnreadableFile when nearly
        all of a large table would be empty."""
        n_cells = self.height * len(self._columns)
        if n_cells > _LARGE_TABLE and n_cells > _MOST_EMPTINESS * self._cells:
            raise UnreadableFile(
                f"The records have hardly any fields in common: of {len(self._columns):,} columns and {self.height:,}"
                " rows nearly every cell would be empty.",
                hint="A table is made of records that are alike.",
            )
        for column in self._columns.values():
            column.pack(self.height)
        series = []
        inner = {name[:end] for name in self._columns for end in range(len(name)) if name[end] == "."}
        for name, column in self._columns.items():
            if name in inner and column.is_empty():
                # Some records have nothing where others have a record; its fields say that already.
                continue
            if (given := column.given(name)) is not None:
                self.given[name] = given
            series.append(column.typed(name, remarks))
            column.packed, column.texts = [], None
        return pl.DataFrame(series)


def to_series(name: str, values: list[Any]) -> tuple[pl.Series, bool]:
    """A column of one type for JSON values, and whether they were of kinds that do not go together."""
    column = Column()
    column.values = values
    column.pack(len(values))
    if not column.packed:
        return pl.Series(name, [], dtype=pl.String), False
    return column.series(name), column.is_mixed


def _are_texts(values: list[Any], kinds: set[type]) -> pl.Series:
    if len(kinds) == 1:
        # As nearly always; where one is missing does not matter.
        return pl.Series("", [is_quoted(*kinds)]).new_from_index(0, len(values))
    return pl.Series("", [is_quoted(type(value)) for value in values], dtype=pl.Boolean)


def _kinds(values: Iterable[Any]) -> set[type]:
    return {type(value) for value in values} - {type(None)}


def _dtype(kinds: set[type]) -> pl.DataType:
    if len(kinds) == 1:
        (kind,) = kinds
        if kind in _TYPES:
            found: pl.DataType = _TYPES[kind]
            return found
    if kinds & {float, Decimal} and kinds <= _NUMBERS:
        return pl.Float64()
    return pl.Datetime("us") if kinds == {date, datetime} else pl.String()


def _packed(values: list[Any], kinds: set[type]) -> pl.Series:
    dtype = _dtype(kinds)
    if dtype == pl.Float64:
        values = [None if value is None else _float(value) for value in values]
    elif kinds == {datetime}:
        values = [None if value is None else _in_utc(value) for value in values]
    elif kinds == {date, datetime}:
        values = [None if value is None else _moment(value) for value in values]
    elif dtype == pl.String and not kinds <= {str}:
        # An empty record stands for nothing at all.
        values = [None if value is None or value == {} else _text(value) for value in values]
    return pl.Series("", values, dtype=dtype)


def _as(piece: pl.Series, dtype: pl.DataType) -> pl.Series:
    """A packed piece in the type of the whole column."""
    if piece.dtype == dtype or piece.null_count() == len(piece):
        return piece.cast(dtype, strict=False)
    if dtype == pl.String and piece.dtype == pl.Float64:
        texts = [None if value is None else json.dumps(value) for value in piece]
        return pl.Series("", texts, dtype=pl.String)
    return piece.cast(dtype)


def _moment(day: date) -> datetime:
    return _in_utc(day) if isinstance(day, datetime) else datetime.combine(day, time())


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        # As in a column of its own: text where it is some, else Base64.
        with contextlib.suppress(UnicodeDecodeError):
            return value.decode("utf-8")
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, date | time | timedelta | Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=_text)


def as_json(value: Any) -> str:
    """A list or record as JSON text; what JSON does not know (dates, decimals, bytes) as text."""
    return json.dumps(value, ensure_ascii=False, default=_text)
