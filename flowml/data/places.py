"""Where the values of a file are that something is to be said of, also of a file that is read in pieces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import polars as pl

from flowml.domain.wording import shortened

_SHOWN = 3
# Of more different values than this it is only said that there are more.
_MOST_TOLD_APART = 1_000
_COUNTED = re.compile(r"^(\d[\d,]*) (.*)$", re.DOTALL)
_SINGULAR = (
    ("values", "value"),
    ("times", "time"),
    ("count as", "counts as"),
    ("lines are no valid JSON records and were", "line is no valid JSON record and was"),
)


@dataclass(frozen=True)
class Places:
    """Where the rows of a table are in their file, for people."""

    line_of: Callable[[int], int | None]
    row_of: Callable[[int], int]

    def after(self, n_rows: int) -> Places:
        """Of the rows behind so many."""
        return Places(lambda row: self.line_of(n_rows + row), lambda row: self.row_of(n_rows + row)) if n_rows else self

    def counted(
        self, column: pl.Series, which: pl.Series, says: tuple[str, str], then: tuple[str, str] = ("", "")
    ) -> Counted:
        """In “Age”, 1 of 2 values is no number: “old” (line 2). `says` and `then`, which follows, are of one value and
        of several."""
        rows = which.arg_true()
        total = len(column) - column.null_count()
        # The first place of each different value.
        first = pl.DataFrame({"value": column.gather(rows).cast(pl.String), "row": rows}).unique(
            "value", keep="first", maintain_order=True
        )
        shown = {
            value: self._place(row)
            for value, row in zip(first["value"].head(_SHOWN), first["row"].head(_SHOWN), strict=True)
        }
        others = first["value"].slice(_SHOWN, _MOST_TOLD_APART).to_list()
        places: dict[Any, str | None] = {**shown, **dict.fromkeys(others)}
        return Counted.of(column.name, says, len(rows), total, places, then)

    def _place(self, row: int) -> str:
        line = self.line_of(row)
        return f"line {line:,}" if line else f"row {self.row_of(row):,}"


class Counted(str):
    """A sentence on values of a column, of which there are `count` among `total`. `places`: of each different value,
    in the order of the file, where it was first; of the first few alone."""

    name: str
    says: tuple[str, str]
    n_values: int
    total: int
    places: Mapping[Any, str | None]
    then: tuple[str, str]

    @classmethod
    def of(
        cls,
        name: str,
        says: tuple[str, str],
        count: int,
        total: int,
        places: Mapping[Any, str | None],
        then: tuple[str, str] = ("", ""),
    ) -> Self:
        """`says` and `then`, which follows, are of one value and of several."""
        shown = ", ".join(
            f"“{shortened(str(value))}” ({place})" for value, place in list(places.items())[:_SHOWN] if place
        )
        left = len(places) - _SHOWN
        at_least = "at least " if len(places) >= _MOST_TOLD_APART else ""
        more = f" and {at_least}{left:,} more" if left > 0 else ""
        said = f"In “{name}”, {count:,} of {total:,} values {says[count > 1]}: {shown}{more}."
        found = cls(f"{said} {then[count > 1]}".rstrip())
        found.name, found.says, found.n_values, found.total = name, says, count, total
        found.places, found.then = places, then
        return found

    @property
    def about(self) -> tuple[Any, ...]:
        """The same of what is said of the same column in several pieces of a file."""
        return self.name, self.says, self.then

    def with_later(self, later: Counted) -> Counted:
        """Together with what is said of a piece that comes after it."""
        places = dict(self.places)
        for value, place in later.places.items():
            if len(places) >= _MOST_TOLD_APART:
                break
            places.setdefault(value, place)
        count, total = self.n_values + later.n_values, self.total + later.total
        return Counted.of(self.name, self.says, count, total, places, self.then)

    def among(self, total: int) -> Counted:
        """The same, of so many values in all."""
        return Counted.of(self.name, self.says, self.n_values, total, self.places, self.then)


class Notes:
    """What is said of the pieces of a file, put together: each thing once, counts added up."""

    def __init__(self) -> None:
        self._notes: dict[Any, str] = {}
        self._totals: dict[str, int] = {}

    def add(self, notes: Iterable[str], totals: Mapping[str, int] | None = None) -> None:
        """Those of the next piece. `totals`: how many values it has of each column of which anything could be said."""
        for name, total in (totals or {}).items():
            self._totals[name] = self._totals.get(name, 0) + total
        for note in notes:
            key = note.about if isinstance(note, Counted) else _without_count(note)
            known = self._notes.get(key)
            if known is None:
                self._notes[key] = note
            elif isinstance(known, Counted) and isinstance(note, Counted):
                self._notes[key] = known.with_later(note)
            else:
                self._notes[key] = _added(known, note)

    def sentences(self) -> list[str]:
        """In the order in which they were first said."""
        return [
            note.among(self._totals.get(note.name, note.total)) if isinstance(note, Counted) else note
            for note in self._notes.values()
        ]


def _without_count(sentence: str) -> str:
    """The same for “1 value counts …” and “2 values count …”, whatever examples follow a colon."""
    counted = _COUNTED.match(sentence)
    if counted is None:
        return sentence
    rest = counted[2]
    for many, one in _SINGULAR:
        rest = rest.replace(many, one)
    return rest.partition(": ")[0].partition(" (and ")[0]


def _added(earlier: str, later: str) -> str:
    first, second = _COUNTED.match(earlier), _COUNTED.match(later)
    if first is None or second is None:
        return earlier
    total = _number(first[1]) + _number(second[1])
    # The earlier one has the first places; if it is of one value alone, the words of several are in the later one or
    # have to be made.
    words = first[2]
    if _number(first[1]) == 1:
        for many, one in _SINGULAR:
            words = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", many, words, count=1)
    return f"{total:,} {words}"


def _number(text: str) -> int:
    return int(text.replace(",", ""))
