"""The first rows of a file with their answers, to look at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from flowml.data.expected import ReadTable

FIRST_ROWS = 10
_MOST_COLUMNS = 200
_MOST_LETTERS = 200


def first_rows(table: ReadTable, answered: pl.DataFrame) -> dict[str, Any]:
    """Of a table and the same with its answers: `answers` and `columns`, the names of what was added and of what the
    file has, and `rows`, lists of values of both, in that order, as JSON has them. Of a very wide table the first
    columns, of a long text its beginning."""
    own = answered.columns[: table.frame.width][:_MOST_COLUMNS]
    added = answered.columns[table.frame.width :][:_MOST_COLUMNS]
    # What the file has as it has it, “007” and all, as long as that has kept its columns.
    source = table.written if table.written.columns[: len(own)] == own else table.frame
    answers, values = answered.head(FIRST_ROWS).select(added), source.head(FIRST_ROWS).select(own)
    rows = zip(answers.iter_rows(), values.iter_rows(), strict=True)
    return {"answers": added, "columns": own, "rows": [[*map(_shown, (*one, *other))] for one, other in rows]}


def more_rows(first: Mapping[str, Any] | None, more: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The first rows with those of the next piece, which may have been a small one."""
    if first is None or more is None:
        return first or more
    if (first["answers"], first["columns"]) != (more["answers"], more["columns"]):
        return first
    return {**first, "rows": [*first["rows"], *more["rows"]][:FIRST_ROWS]}


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    text = value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)
    if isinstance(value, date) or len(text) <= _MOST_LETTERS:
        return text
    return text[: _MOST_LETTERS - 1] + "…"
