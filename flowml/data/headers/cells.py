"""What a cell looks like, and what the cells of a column have in common."""

from __future__ import annotations

import contextlib
import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from flowml.data.conversion.missing import MISSING, MISSING_AMONG_NUMBERS

ABSENT, NUMBER, DATE, TIME, TEXT = "absent", "number", "date", "time", "text"
YEAR = re.compile(r"\s*(1[89]|20|21)\d\d\s*")
_NUMBER = re.compile(
    r"\s*(?:"
    r"[-+−(]?[$€£¥₹]?\s?[-+]?\d[\d.,'’ \u00a0\u202f]*(?:[eE][-+]?\d+)?\s?[%$€£¥₹]?[)-]?"  # 1,234.50 € and the like
    r"|[.,]\d+"
    r")\s*"
)
_DATE = re.compile(r"\s*(?:\d{1,4}-\d{1,2}-\d{1,4}|\d{1,4}([/.])\d{1,2}\1\d{1,4})(?:[T ].{0,30})?\s*")
_TIME = re.compile(r"\s*\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?\s*")
_MISSING = frozenset(text.lower() for text in (*MISSING, *MISSING_AMONG_NUMBERS, "inf", "-inf"))
_RUNS = re.compile(r"([+-]?\d+)|([A-ZÀ-Þ]+)|([^\W\d_]+)")
_USUAL_SHARE = 0.8
_LONGEST_VALUE = 80


def kind_of(cell: str) -> str:
    """ABSENT (empty, a spelling of missing, no letter or digit), NUMBER, DATE, TIME or TEXT.

    >>> [kind_of(cell) for cell in ("**", "1,234.50 €", "31.12.2024", "07:30", "Q1")]
    ['absent', 'number', 'date', 'time', 'text']
    """
    text = cell.strip()
    return _kind_of(text) if len(text) <= _LONGEST_VALUE else TEXT


@functools.lru_cache(maxsize=1 << 15)
def _kind_of(text: str) -> str:
    if text.lower() in _MISSING:
        return ABSENT
    if _DATE.fullmatch(text):
        return DATE
    if _TIME.fullmatch(text):
        return TIME
    if _NUMBER.fullmatch(text):
        return NUMBER
    return TEXT if any(map(str.isalnum, text)) else ABSENT


def is_value(cell: str) -> bool:
    """Whether a text is a number, an amount, a date or a time."""
    return kind_of(cell) in (NUMBER, DATE, TIME)


def shape_of(cell: str) -> str:
    """A text with each run of digits, capitals or other letters as one sign.

    >>> shape_of("AB-1001"), shape_of("Europe/Rome")
    ('A-9', 'Aa/Aa')
    """
    return _RUNS.sub(lambda run: "9" if run[1] else "A" if run[2] else "a", cell.strip())


@dataclass
class Cells:
    """The cells of a column below what may be its name."""

    cells: Sequence[str]
    kinds: Counter[str] = field(init=False)
    counts: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = Counter(cell.strip() for cell in self.cells)
        self.kinds = Counter()
        for cell, count in self.counts.items():
            self.kinds[kind_of(cell)] += count

    @cached_property
    def n_filled(self) -> int:
        return len(self.cells) - self.kinds[ABSENT]

    @cached_property
    def kind(self) -> str:
        """What nearly all cells are that are not missing; TEXT when they are not of one kind of value."""
        values = {kind: self.kinds[kind] for kind in (NUMBER, DATE, TIME)}
        if self.n_filled and sum(values.values()) >= _USUAL_SHARE * self.n_filled:
            return max(values, key=lambda kind: values[kind])
        return TEXT if self.n_filled else ABSENT

    @property
    def holds_values(self) -> bool:
        return self.kind in (NUMBER, DATE, TIME)

    @cached_property
    def shape(self) -> str | None:
        """The shape of nearly all texts; None when they have none in common."""
        filled = Counter({shape_of(cell): 0 for cell in self.counts if cell})
        for cell, count in self.counts.items():
            if cell:
                filled[shape_of(cell)] += count
        if not filled:
            return None
        shape, count = filled.most_common(1)[0]
        return shape if count >= _USUAL_SHARE * filled.total() else None

    @cached_property
    def unseen(self) -> float:
        """How likely one more cell is of a value not among these, by Good and Turing's estimate: the share of values
        that occur once."""
        filled = [count for cell, count in self.counts.items() if cell]
        return sum(count == 1 for count in filled) / max(1, sum(filled))

    @cached_property
    def range(self) -> tuple[float, float] | None:
        """The least and the largest number, where the cells are plain numbers."""
        numbers = []
        for cell in self.counts:
            with contextlib.suppress(ValueError):
                numbers.append(float(cell.replace(",", "")))
        return (min(numbers), max(numbers)) if numbers else None

    @cached_property
    def has_decimals(self) -> bool:
        """Whether most numbers are written with a decimal sign."""
        filled = [cell for cell in self.counts if kind_of(cell) == NUMBER]
        return sum("." in cell or "," in cell for cell in filled) > 0.5 * len(filled)


def columns_of(body: Sequence[Sequence[str]], width: int, most: int = 500) -> list[Cells]:
    """The columns of the first rows; of a wide table a few rows tell as much."""
    rows = body[: max(20, min(most, 50_000 // max(1, width)))]
    return [Cells([row[index] for row in rows]) for index in range(width)]
