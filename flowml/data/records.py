"""Records of no fixed shape (JSON and its kin) as columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from flowml.data.formats.base import Limits
from flowml.domain.errors import UnreadableFile

_MOST_NESTING = 20
_INT64 = 1 << 63


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


class Columns:
    """Values gathered column by column; a record that lacks a column has a missing value there."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self._values: dict[str, list[Any]] = {}
        self.height = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """Take in one record. Raises TooLarge, UnreadableFile."""
        for name, value in flatten(record).items():
            values = self._values.get(name)
            if values is None:
                values = self._values[name] = [None] * self.height
                self._limits.check(0, len(self._values))
            elif len(values) < self.height:
                values.extend([None] * (self.height - len(values)))
            values.append(value)
        self.height += 1
        if self.height > self._limits.max_rows:
            self._limits.check(self.height, len(self._values))

    def frame(self, warnings: list[str]) -> pl.DataFrame:
        """The columns with one type each; says in `warnings` which held several."""
        columns = []
        inner = {name[:end] for name in self._values for end in range(len(name)) if name[end] == "."}
        for name, values in self._values.items():
            if name in inner and all(value is None or value == {} for value in values):
                # Some records have nothing where others have a record; its fields say that already.
                continue
            values.extend([None] * (self.height - len(values)))
            column, mixed = to_series(name, values)
            if mixed:
                warnings.append(f"“{name}” holds values of different kinds; they were read as text.")
            columns.append(column)
        return pl.DataFrame(columns)


def to_series(name: str, values: list[Any]) -> tuple[pl.Series, bool]:
    """A column of one type for JSON values, and whether they were of kinds that do not go together."""
    kinds = _kinds(values)
    if kinds <= {bool}:
        return pl.Series(name, values, dtype=pl.Boolean if kinds else pl.String), False
    if kinds == {int} and all(value is None or -_INT64 <= value < _INT64 for value in values):
        return pl.Series(name, values, dtype=pl.Int64), False
    if kinds <= {int, float} and float in kinds:
        return pl.Series(name, [None if value is None else float(value) for value in values], dtype=pl.Float64), False
    if kinds == {str}:
        return pl.Series(name, values, dtype=pl.String), False
    # An empty record stands for nothing at all.
    texts = [None if value is None or value == {} else _text(value) for value in values]
    return pl.Series(name, texts, dtype=pl.String), len(kinds - {dict}) > 1


def _kinds(values: Iterable[Any]) -> set[type]:
    return {type(value) for value in values} - {type(None)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
