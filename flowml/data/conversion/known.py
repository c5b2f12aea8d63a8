"""Texts that a column is known to have, and values that stand for one of them in another file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import polars as pl

from flowml.data.conversion.cells import is_spelled_missing


class Known:
    """The texts of a column whose table had types of its own, so that nothing else is known of how they are written."""

    def __init__(self, texts: Sequence[str]):
        self._texts = frozenset(texts)

    def texts(self, raw: pl.Series) -> pl.Series:
        """Texts as they stand where they are known; others without blanks around them, and missing if they say so."""
        distinct = raw.drop_nulls().unique().to_list()
        return _mapped(raw, {text: self._text(text) for text in distinct})

    def labels(self, column: pl.Series) -> pl.Series:
        """Values of another type as the known text that has the same value, or as people write them."""
        distinct = column.drop_nulls().unique().to_list()
        return _mapped(column, {value: self.label(value) for value in distinct})

    def label(self, value: Any) -> str | None:
        """2.0 is the only known one of “2”, “2.0” and “2,00”; without one “2”."""
        if isinstance(value, bool):
            return self._words.get("true" if value else "false", "true" if value else "false")
        if isinstance(value, float) and not math.isfinite(value):
            return None
        if isinstance(value, int | float):
            plain = str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else str(value)
            return plain if plain in self._texts else self._numbers.get(float(value), plain)
        return str(value)

    def _text(self, text: str) -> str | None:
        if text in self._texts:
            return text
        return None if is_spelled_missing(text) else text.strip()

    @cached_property
    def _numbers(self) -> dict[float, str]:
        return _only([(number, text) for text in self._texts if (number := _number(text)) is not None])

    @cached_property
    def _words(self) -> dict[str, str]:
        return _only([(text.lower(), text) for text in self._texts if text.lower() in ("true", "false")])


def _number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _only(pairs: list[tuple[Any, str]]) -> dict[Any, str]:
    """The text of each value that only one text has."""
    found: dict[Any, list[str]] = {}
    for value, text in pairs:
        found.setdefault(value, []).append(text)
    return {value: texts[0] for value, texts in found.items() if len(texts) == 1}


def _mapped(column: pl.Series, labels: dict[Any, str | None]) -> pl.Series:
    if not labels:
        return pl.Series(column.name, [None] * len(column), dtype=pl.String)
    old = pl.Series("old", list(labels), dtype=column.dtype)
    new = pl.Series("new", list(labels.values()), dtype=pl.String)
    return column.replace_strict(old, new, default=None, return_dtype=pl.String)
