"""From a column to the simple columns inside it: what a date or a text consists of.

Every derivation is written twice in one place, for a whole column and for one value, with the same formula.
"""

import math
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from flowml.automl.features.prepared import Labels, Numbers, PreparedColumn, days_of, label_of, number_of
from flowml.domain.datasets import Role

MANY_LEVELS = 30
_MAX_WORDS = 30
_WORD = re.compile(r"[^\W_]+")
_LAST_NUMBER = re.compile(r"(\d{1,15})(?!.*\d)", re.DOTALL)


@dataclass(frozen=True)
class Part:
    """One derived column. `flag`: only ever 0 or 1, never missing; `period`: after so much it begins again."""

    name: str
    column: PreparedColumn
    flag: bool = False
    period: float | None = None


class Derivation(ABC):
    """How one original column becomes parts. `columns` and `value` give the same parts in the same order."""

    kind: ClassVar[str]

    def __init__(self, name: str):
        self.name = name

    @abstractmethod
    def columns(self, column: PreparedColumn) -> list[Part]:
        """The parts of a whole column."""

    @abstractmethod
    def value(self, raw: Any) -> tuple[Any, ...]:
        """The parts of one value: a float (NaN: missing) for numbers and flags, a label or None for labels."""

    def state(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Derivation":
        return cls(str(state["name"]))


class Number(Derivation):
    kind = "number"

    def columns(self, column: PreparedColumn) -> list[Part]:
        return [Part(self.name, column)]

    def value(self, raw: Any) -> tuple[Any, ...]:
        return (number_of(raw),)


class Category(Derivation):
    kind = "category"

    def columns(self, column: PreparedColumn) -> list[Part]:
        return [Part(self.name, column)]

    def value(self, raw: Any) -> tuple[Any, ...]:
        return (label_of(raw),)


class ManyCategories(Derivation):
    """A category with so many levels that what they begin with says something of its own."""

    kind = "many_categories"

    def columns(self, column: PreparedColumn) -> list[Part]:
        assert isinstance(column, Labels)
        return [Part(self.name, column), Part(f"{self.name} begins with", _map_labels(column, _prefix))]

    def value(self, raw: Any) -> tuple[Any, ...]:
        label = label_of(raw)
        return (label, None if label is None else _prefix(label))


class Moment(Derivation):
    """A date or time: how long ago, and where in its year, month, week and day."""

    kind = "moment"
    _PARTS: ClassVar[tuple[tuple[str, float | None], ...]] = (
        ("", None),
        (" year", None),
        (" month", 12.0),
        (" day", None),
        (" weekday", 7.0),
        (" hour", 24.0),
    )

    def columns(self, column: PreparedColumn) -> list[Part]:
        assert isinstance(column, Numbers)
        days = column.values
        known = np.isfinite(days)
        whole = np.floor(np.where(known, days, 0.0))
        dates = np.datetime64("1970-01-01") + whole.astype("timedelta64[D]")
        months = dates.astype("datetime64[M]")
        year = dates.astype("datetime64[Y]").astype(float) + 1970
        month = months.astype(int) % 12 + 1
        day = (dates - months).astype(float) + 1
        weekday = (whole + 3) % 7
        hour = np.round((np.where(known, days, 0.0) - whole) * 24, 6)
        parts = (days, year, month, day, weekday, hour)
        return [
            Part(self.name + suffix, Numbers(np.where(known, part, np.nan)), period=period)
            for (suffix, period), part in zip(self._PARTS, parts, strict=True)
        ]

    def value(self, raw: Any) -> tuple[Any, ...]:
        days = days_of(raw)
        if math.isnan(days):
            return (math.nan,) * len(self._PARTS)
        parts = (part.column for part in self.columns(Numbers(np.array([days]))))
        return tuple(float(part.values[0]) for part in parts if isinstance(part, Numbers))


class Text(Derivation):
    """Free text: how long, which number it holds, how it begins, and which of the frequent words occur."""

    kind = "text"

    def __init__(self, name: str, words: tuple[str, ...]):
        super().__init__(name)
        self.words = words

    @classmethod
    def fit(cls, name: str, column: Labels) -> "Text":
        """Choose the words by how many rows they occur in: neither rare ones nor those that nearly all have."""
        rows_of_level = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
        counts: Counter[str] = Counter()
        for level, rows in zip(column.levels, rows_of_level.tolist(), strict=True):
            if rows:
                for word in _words(level):
                    counts[word] += rows
        total = len(column.codes)
        least, most = max(5.0, 0.004 * total), 0.95 * total
        chosen = [word for word, rows in counts.items() if least <= rows <= most and len(word) > 1]
        chosen.sort(key=lambda word: (-counts[word], word))
        return cls(name, tuple(chosen[:_MAX_WORDS]))

    def columns(self, column: PreparedColumn) -> list[Part]:
        assert isinstance(column, Labels)
        table = np.array([self._numbers(level) for level in column.levels] + [self._missing()])
        rows = table[np.where(column.codes < 0, len(column.levels), column.codes)]
        numbers = [
            Part(f"{self.name} {what}", Numbers(rows[:, index]))
            for index, what in enumerate(("length", "words", "number"))
        ]
        flags = [
            Part(f"{self.name} has “{word}”", Numbers(rows[:, 3 + index]), flag=True)
            for index, word in enumerate(self.words)
        ]
        return [*numbers, Part(f"{self.name} begins with", _map_labels(column, _prefix)), *flags]

    def value(self, raw: Any) -> tuple[Any, ...]:
        label = label_of(raw)
        numbers = self._missing() if label is None else self._numbers(label)
        return (*numbers[:3], None if label is None else _prefix(label), *numbers[3:])

    def _numbers(self, text: str) -> tuple[float, ...]:
        words = _words(text)
        number = _LAST_NUMBER.search(text)
        return (
            float(len(text)),
            float(text.count(" ") + 1),
            float(number[1]) if number else math.nan,
            *(float(word in words) for word in self.words),
        )

    def _missing(self) -> tuple[float, ...]:
        return (math.nan,) * 3 + (0.0,) * len(self.words)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "words": list(self.words)}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Text":
        return cls(str(state["name"]), tuple(str(word) for word in state["words"]))


_KINDS: dict[str, type[Derivation]] = {kind.kind: kind for kind in (Number, Category, ManyCategories, Moment, Text)}


def fit_derivation(name: str, role: Role, column: PreparedColumn) -> Derivation:
    """What suits this column, learned from the training rows."""
    if role is Role.DATETIME:
        return Moment(name)
    if isinstance(column, Labels):
        if role is Role.TEXT:
            return Text.fit(name, column)
        n_levels = len(np.unique(column.codes[column.codes >= 0]))
        return ManyCategories(name) if n_levels > MANY_LEVELS else Category(name)
    return Number(name)


def load_derivation(state: Mapping[str, Any]) -> Derivation:
    """The derivation behind a state. Raises KeyError for a kind that this version does not know."""
    return _KINDS[state["kind"]].of(state)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _prefix(text: str) -> str:
    """The letters it begins with (at most four), or `#` for digits."""
    letters = re.match(r"[^\W\d_]{1,4}", text)
    if letters:
        return (
            letters[0].upper()
            if len(text) <= len(letters[0]) or not text[len(letters[0])].isalpha()
            else text[0].upper()
        )
    return "#" if text[:1].isdigit() else text[:1]


def _map_labels(column: Labels, function: Any) -> Labels:
    mapped = [function(level) for level in column.levels]
    levels = sorted(set(mapped))
    position = {level: index for index, level in enumerate(levels)}
    table = np.array([position[level] for level in mapped] + [-1], dtype=np.int32)
    return Labels(table[column.codes], tuple(levels))
