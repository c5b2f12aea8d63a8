"""From a column to the simple columns inside it: what a date or a text consists of.

Every derivation is written twice in one place, for a whole column and for one value, with the same formula.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

import numpy as np

from flowml.automl.features.prepared import Labels, Numbers, PreparedColumn
from flowml.automl.features.texts import NUMBERS, Facts, beginning_of, beginnings, numbers_of, words_of
from flowml.automl.features.values import days_of, label_of, number_of
from flowml.domain.datasets import Role

MANY_LEVELS = 30
_MAX_WORDS = 16
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Part:
    """One derived column. `flag`: 0 or 1, or missing; `period`: after so much it begins again; `text`: free text;
    `derived`: not the column itself, so that nothing is lost without it where it is the same in every row.
    """

    name: str
    column: PreparedColumn
    flag: bool = False
    period: float | None = None
    text: bool = False
    derived: bool = False


class Derivation(ABC):
    """How one original column becomes parts. `columns` and `value` give the same parts in the same order."""

    kind: ClassVar[str]
    labels: tuple[bool, ...]
    """Which of the parts are labels."""

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

    labels = (False,)

    def columns(self, column: PreparedColumn) -> list[Part]:
        return [Part(self.name, column)]

    def value(self, raw: Any) -> tuple[Any, ...]:
        return (number_of(raw),)


class Category(Derivation):
    kind = "category"

    labels = (True,)

    def columns(self, column: PreparedColumn) -> list[Part]:
        return [Part(self.name, column)]

    def value(self, raw: Any) -> tuple[Any, ...]:
        return (label_of(raw),)


class ManyCategories(Derivation):
    """A category with so many levels that what they begin with says something of its own."""

    kind = "many_categories"

    labels = (True, True)

    def columns(self, column: PreparedColumn) -> list[Part]:
        assert isinstance(column, Labels)
        return [Part(self.name, column), Part(f"{self.name} begins with", beginnings(column))]

    def value(self, raw: Any) -> tuple[Any, ...]:
        label = label_of(raw)
        return (label, None if label is None else beginning_of(label))


class Moment(Derivation):
    """A date or time: how long ago, and where in its year, month, week and day."""

    kind = "moment"
    _PARTS: ClassVar[tuple[tuple[str, float | None], ...]] = (
        ("", None),
        (" year", None),
        (" month", 12.0),
        (" day", None),
        (" day of year", 365.25),
        (" weekday", 7.0),
        (" hour", 24.0),
    )

    labels = (False,) * len(_PARTS)

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
        day_of_year = (dates - dates.astype("datetime64[Y]")).astype(float) + 1
        weekday = (whole + 3) % 7
        hour = (np.where(known, days, 0.0) - whole) * 24
        parts = (days, year, month, day, day_of_year, weekday, hour)
        return [
            Part(self.name + suffix, Numbers(np.where(known, part, np.nan)), period=period, derived=bool(suffix))
            for (suffix, period), part in zip(self._PARTS, parts, strict=True)
        ]

    def value(self, raw: Any) -> tuple[Any, ...]:
        days = days_of(raw)
        if math.isnan(days):
            return (math.nan,) * len(self._PARTS)
        whole = math.floor(days)
        day = date.fromordinal(whole + _EPOCH_ORDINAL)
        day_of_year = day.toordinal() - date(day.year, 1, 1).toordinal() + 1
        return (days, day.year, day.month, day.day, day_of_year, (whole + 3) % 7, (days - whole) * 24)


class Text(Derivation):
    """Free text: how long, which number it holds, how it begins, and which of the frequent words occur."""

    kind = "text"

    def __init__(self, name: str, words: tuple[str, ...]):
        super().__init__(name)
        self.words = words
        self.labels = (*(False for _ in NUMBERS), True, *(False for _ in words), True)
        self._position = {word: index for index, word in enumerate(words)}

    @classmethod
    def fit(cls, name: str, column: Labels) -> "Text":
        """Choose the words by how many rows they occur in: neither rare ones nor those that nearly all have."""
        facts = column.once("facts", Facts.of)
        rows = facts.occurrences(column.counts())
        total = len(column.codes)
        fitting = np.flatnonzero((rows >= max(5.0, 0.004 * total)) & (rows <= 0.95 * total)).tolist()
        words = [(-int(rows[index]), facts.vocabulary[index]) for index in fitting if len(facts.vocabulary[index]) > 1]
        return cls(name, tuple(word for _, word in sorted(words)[:_MAX_WORDS]))

    def columns(self, column: PreparedColumn) -> list[Part]:
        assert isinstance(column, Labels)
        facts = column.once("facts", Facts.of)
        numbers = np.vstack([facts.numbers, np.full(len(NUMBERS), np.nan)])[column.codes]
        flags = facts.flags(self._position)[column.codes]
        return [
            *(
                Part(f"{self.name} {what}", Numbers(numbers[:, index]), derived=True)
                for index, what in enumerate(NUMBERS)
            ),
            Part(f"{self.name} begins with", beginnings(column), derived=True),
            *(
                Part(f"{self.name} has “{word}”", Numbers(flags[:, index]), flag=True)
                for index, word in enumerate(self.words)
            ),
            Part(self.name, column, text=True),
        ]

    def value(self, raw: Any) -> tuple[Any, ...]:
        text = label_of(raw)
        if text is None:
            return (math.nan, math.nan, math.nan, None, *(math.nan for _ in self.words), None)
        flags = [0.0] * len(self.words)
        for word in words_of(text):
            index = self._position.get(word)
            if index is not None:
                flags[index] = 1.0
        return (*numbers_of(text), beginning_of(text), *flags, text)

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
        many = np.count_nonzero(column.counts()) > MANY_LEVELS
        telling = many and np.count_nonzero(beginnings(column).counts()) > 1
        return ManyCategories(name) if telling else Category(name)
    return Number(name)


def load_derivation(state: Mapping[str, Any]) -> Derivation:
    """The derivation behind a state. Raises KeyError for a kind that this version does not know."""
    return _KINDS[state["kind"]].of(state)
