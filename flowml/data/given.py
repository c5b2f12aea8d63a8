"""Columns whose values are of several kinds, in formats that say the kind of every value: beside the column, which can
only be one of texts, each value as a JSON text. By that it is read for a model as what it is, and goes back as it came.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from itertools import groupby

import polars as pl

_WRITTEN_PLAINLY = (bool, int, float, list, dict)
_NOT_IN_JSON = ("NaN", "Infinity", "-Infinity")


def is_quoted(kind: type) -> bool:
    """Whether values of a kind are texts in JSON.

    >>> is_quoted(str), is_quoted(int)
    (True, False)
    """
    return not issubclass(kind, _WRITTEN_PLAINLY)


def as_given(texts: pl.Series, quoted: pl.Series) -> pl.Series:
    """The values as JSON texts: those of `texts` as they are, but quoted where it is said so.

    >>> as_given(pl.Series("x", ["7", "7", None]), pl.Series([True, False, None])).to_list()
    ['"7"', '7', None]
    """
    record = pl.DataFrame({"v": texts}).select(pl.struct("v").struct.json_encode()).to_series()
    in_marks = record.str.slice(5, record.str.len_chars() - 6)
    found = texts.zip_with(~quoted.fill_null(value=False), in_marks)
    return found.set(texts.is_null() | (found.is_in(_NOT_IN_JSON)), None).alias(texts.name)


def is_text(given: pl.Series) -> pl.Series:
    """Which of such values are texts."""
    return given.str.starts_with('"').fill_null(value=False)


def json_lines(frame: pl.DataFrame, given: Mapping[str, pl.Series]) -> bytes:
    """A table as JSON lines, in which these columns are as they were given."""
    target = io.BytesIO()
    if not given.keys() & set(frame.columns):
        frame.write_ndjson(target)
        return target.getvalue()
    parts: list[pl.Series] = []
    for is_given, names in groupby(frame.columns, given.__contains__):
        if is_given:
            parts += [json.dumps(name, ensure_ascii=False) + ":" + given[name].fill_null("null") for name in names]
        else:
            # As a whole table is written, without the braces around each row.
            piece = io.BytesIO()
            frame.select(names).write_ndjson(piece)
            rows = pl.Series(piece.getvalue().decode().split("\n")[: frame.height], dtype=pl.String)
            parts.append(rows.str.slice(1, rows.str.len_chars() - 2))
    table = pl.DataFrame([part.alias(str(at)) for at, part in enumerate(parts)])
    lines = table.select("{" + pl.concat_str(pl.all(), separator=",") + "}\n").to_series()
    return "".join(lines.to_list()).encode()
