"""What a text consists of: its size, the last number in it, how it begins, its words."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from flowml.automl.features.prepared import Labels

_READ_CHARACTERS = 1_000
_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"[0-9]{1,15}")
_FIRST_LETTERS = re.compile(r"[^\W\d_]{1,4}")

NUMBERS = ("length", "words", "number")


def numbers_of(text: str) -> tuple[float, float, float]:
    """Its length, how many parts it has between spaces, and the last number in it (NaN: none)."""
    digits = _DIGITS.findall(text[:_READ_CHARACTERS])
    return float(len(text)), float(text.count(" ") + 1), float(digits[-1]) if digits else math.nan


def words_of(text: str) -> list[str]:
    """The words of its first thousand characters, in small letters and in their order."""
    return _WORD.findall(text[:_READ_CHARACTERS].lower())


def beginning_of(text: str) -> str:
    """A first word of at most four letters, else the first letter; `#` for a digit.

    >>> [beginning_of(text) for text in ("PC 17599", "C85", "A/5 21171", "Braund, Mr. Owen", "347082")]
    ['PC', 'C', 'A', 'B', '#']
    """
    letters = _FIRST_LETTERS.match(text)
    if letters:
        whole = len(text) == letters.end() or not text[letters.end()].isalpha()
        return letters[0].upper() if whole else text[0].upper()
    return "#" if text[:1].isdigit() else text[:1]


@dataclass(frozen=True)
class Facts:
    """Of all levels of a column: `numbers` (levels, 3), and the words of each in their order.

    `word` are positions in `vocabulary`, level after level, `size` of them each.
    """

    numbers: np.ndarray
    vocabulary: tuple[str, ...]
    word: np.ndarray
    size: np.ndarray

    @classmethod
    def of(cls, levels: tuple[str, ...]) -> "Facts":
        position: dict[str, int] = {}
        word: list[int] = []
        sizes: list[int] = []
        for text in levels:
            found = words_of(text)
            sizes.append(len(found))
            word += [position.setdefault(item, len(position)) for item in found]
        return cls(
            numbers=np.array([numbers_of(text) for text in levels], dtype=np.float64).reshape(-1, len(NUMBERS)),
            vocabulary=tuple(position),
            word=np.array(word, dtype=np.int64),
            size=np.array(sizes, dtype=np.int64),
        )

    @cached_property
    def level(self) -> np.ndarray:
        """The level that each entry of `word` belongs to."""
        return np.repeat(np.arange(len(self.size)), self.size)

    @cached_property
    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """Level and word of each word of each level, once however often it occurs there."""
        size = max(len(self.vocabulary), 1)
        pairs = np.unique(self.level * size + self.word)
        return pairs // size, pairs % size

    def occurrences(self, rows_of_level: np.ndarray) -> np.ndarray:
        """In how many rows each word of the vocabulary occurs."""
        level, word = self.distinct
        rows = np.bincount(word, weights=rows_of_level[level], minlength=len(self.vocabulary))
        return np.asarray(rows.astype(np.int64))

    def flags(self, words: Mapping[str, int]) -> np.ndarray:
        """Which of the words occur in each level, and a last line for a missing text: float32 (levels + 1, words)."""
        column = np.array([words.get(word, -1) for word in self.vocabulary], dtype=np.int64)
        table = np.zeros((len(self.numbers) + 1, len(words)), dtype=np.float32)
        table[-1] = np.nan
        if len(self.word):
            wanted = column[self.word] >= 0
            table[self.level[wanted], column[self.word[wanted]]] = 1.0
        return table


def beginnings(column: Labels) -> Labels:
    """A column of how its texts begin."""
    table, levels = column.once("beginnings", _map_beginnings)
    return Labels(table[column.codes], levels)


def _map_beginnings(levels: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    mapped = [beginning_of(level) for level in levels]
    found = tuple(sorted(set(mapped)))
    position = {level: index for index, level in enumerate(found)}
    # The last entry is for the code -1 of a missing text.
    return np.array([position[level] for level in mapped] + [-1], dtype=np.int32), found
