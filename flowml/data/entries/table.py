"""Entries with fields of their own as a table: a field has a column as soon as one entry has it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from flowml.data.format import Limits
from flowml.domain.remarks import Remark, note

OTHER = "other"
# What a file may cost that gives every entry names of its own.
_MOST_NAMES = 500
_MOST_RARE_CELLS = 5_000_000
_LONGEST_JOINED = 20_000
_INT64 = 1 << 63


class Entries:
    """Rows gathered one by one.

    `known` names the columns that the format has; they come first and in this order. Any others are those of a program
    or of a hostile file: when their columns would not fit, the rarest of them are kept as JSON in the column “other”.
    `always` names known columns, and the type of their values, that are there even where no entry has a value.
    """

    def __init__(self, limits: Limits, known: Sequence[str], always: Mapping[str, type] | None = None):
        self._limits = limits
        self._known: dict[str, list[Any]] = {name: [] for name in known}
        self._always = dict(always or {})
        self._rare: dict[str, dict[int, Any]] = {}
        # Entry → the inside of a JSON object, which takes less memory than a record.
        self._overflow: dict[int, str] = {}
        self.height = 0

    def add(self, row: Mapping[str, Any]) -> int:
        """Take in one entry and answer its index. Raises TooLarge. Values that are None or empty are missing."""
        index = self.height
        self.height += 1
        if self.height > self._limits.max_rows:
            self._limits.check(self.height, 1)
        for name, value in row.items():
            if value is not None and value != "":
                self.put(index, name, value)
        return index

    def put(self, index: int, name: str, value: Any) -> None:
        """Give an entry another value."""
        values = self._known.get(name)
        if values is not None:
            values.extend([None] * (index + 1 - len(values)))
            values[index] = value
        elif (cells := self._rare.get(name)) is not None:
            cells[index] = value
        elif len(self._rare) < _MOST_NAMES:
            self._rare[name] = {index: value}
        else:
            self._put_aside(index, name, value)

    def _put_aside(self, index: int, name: str, value: Any) -> None:
        cell = f"{json.dumps(name)}: {json.dumps(str(value), ensure_ascii=False)}"
        before = self._overflow.get(index)
        self._overflow[index] = cell if before is None else f"{before}, {cell}"

    def padded(self, name: str) -> list[Any]:
        """The values of a known column, one per entry."""
        values = self._known[name]
        return values + [None] * (self.height - len(values))

    def frame(self, remarks: list[Remark]) -> pl.DataFrame:
        """The table, with one type per column; says in `remarks` what has no column of its own."""
        most = _MOST_RARE_CELLS // max(self.height, 1)
        for name in sorted(self._rare, key=lambda name: -len(self._rare[name]))[most:]:
            for index, value in self._rare.pop(name).items():
                self._put_aside(index, name, value)
        columns = {name: values for name, values in self._known.items() if values or name in self._always}
        columns |= {name: [cells.get(index) for index in range(self.height)] for name, cells in self._rare.items()}
        if self._overflow:
            said = f"Fields that only few entries have stand together as JSON in the column “{OTHER}”."
            remarks.append(note("fields_together", said))
            aside = (self._overflow.get(index) for index in range(self.height))
            columns[OTHER] = [None if inside is None else f"{{{inside}}}" for inside in aside]
        self._limits.check(self.height, len(columns))
        order = {name: position for position, name in enumerate(self._known)}
        names = sorted(columns, key=lambda name: _position(name, order))
        return pl.DataFrame([_series(name, columns.pop(name), self.height, self._always.get(name)) for name in names])


def _position(name: str, order: Mapping[str, int]) -> int:
    """Where a column stands: a rare one beside the known one that its name begins with, such as phone_cell_2."""
    while name not in order and "_" in name:
        name = name.rpartition("_")[0]
    return order.get(name, len(order))


def _series(name: str, values: list[Any], height: int, usual: type | None) -> pl.Series:
    values.extend([None] * (height - len(values)))
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds and usual is not None:
        kinds = {usual}
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds == {int} and all(value is None or -_INT64 <= value < _INT64 for value in values):
        return pl.Series(name, values, dtype=pl.Int64)
    if kinds and kinds <= {int, float}:
        return pl.Series(name, [None if value is None else float(value) for value in values], dtype=pl.Float64)
    if kinds == {datetime}:
        return pl.Series(name, values, dtype=pl.Datetime("us"))
    if kinds == {date}:
        return pl.Series(name, values, dtype=pl.Date)
    return pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)


def add_value(row: dict[str, Any], name: str, value: Any, most: int = 9) -> None:
    """Put a value into a row; where the name is taken, as `name_2` and so on, and from `most` on joined to the last.

    >>> row = {}
    >>> for number in ("1", "2"): add_value(row, "phone", number)
    >>> row
    {'phone': '1', 'phone_2': '2'}
    """
    if value is None or value == "":
        return
    if row.get(name) is None:
        row[name] = value
        return
    for number in range(2, most + 1):
        numbered = f"{name}_{number}"
        if row.get(numbered) is None:
            row[numbered] = value
            return
    if len(str(row[numbered])) < _LONGEST_JOINED:
        row[numbered] = f"{row[numbered]}; {value}"
