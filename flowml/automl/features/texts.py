"""What a text consists of: its size, the last number in it, how it begins, its words."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from flowml.automl.features.prepared import Labels

_READ_CHARACTERS = 1_000
_MANY_TEXTS = 2_000
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
        numbers = np.empty((len(levels), len(NUMBERS)))
        size = np.zeros(len(levels), dtype=np.int64)
        position: dict[str, int] = {}
        ascii_words = np.empty(0, dtype=np.int64)
        slow: Sequence[int] = range(len(levels))
        quick = np.zeros(len(levels), dtype=bool)
        if len(levels) >= _MANY_TEXTS:
            quick = np.array([text.isascii() for text in levels])
            slow = np.flatnonzero(~quick).tolist()
            texts = [text for text in levels if text.isascii()]
            numbers[quick], size[quick], vocabulary, ascii_words = _ascii_facts(texts)
            position = {word: index for index, word in enumerate(vocabulary)}
        words: list[int] = []
        for index in slow:
            found = words_of(levels[index])
            numbers[index] = numbers_of(levels[index])
            size[index] = len(found)
            words += [position.setdefault(word, len(position)) for word in found]
        word = np.empty(size.sum(), dtype=np.int64)
        is_quick = np.repeat(quick, size)
        word[is_quick], word[~is_quick] = ascii_words, words
        return cls(numbers, tuple(position), word, size)

    @cached_property
    def level(self) -> np.ndarray:
        """The level that each entry of `word` belongs to."""
        return np.repeat(np.arange(len(self.size)), self.size)

    @cached_property
    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """Level and word of each word of each level, once however often it occurs there."""
        size = max(len(self.vocabulary), 1)
        pairs = np.sort(self.level * size + self.word)
        # By sorting, which takes a third of the time of `np.unique`.
        pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])] if len(pairs) else pairs
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


def _ascii_facts(texts: list[str]) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    """Numbers, sizes, vocabulary and words of many texts of ASCII alone, in which case does not depend on Unicode."""
    import polars as pl

    column = pl.Series(texts, dtype=pl.String)
    read = column.str.slice(0, _READ_CHARACTERS)
    last = read.str.extract_all("[0-9]{1,15}").list.last().cast(pl.Float64)
    numbers = np.column_stack(
        [
            column.str.len_bytes().to_numpy(),
            column.str.count_matches(" ", literal=True).to_numpy() + 1.0,
            last.fill_null(np.nan).to_numpy(),
        ]
    )
    found = read.str.to_lowercase().str.extract_all("[a-z0-9]+")
    words = found.explode().drop_nulls()
    vocabulary = words.unique().sort()
    of_word = pl.DataFrame({"word": vocabulary, "index": np.arange(len(vocabulary))})
    indices = words.to_frame("word").join(of_word, on="word", how="left", maintain_order="left")["index"]
    sizes = found.list.len().to_numpy().astype(np.int64)
    return numbers, sizes, vocabulary.to_list(), indices.to_numpy().astype(np.int64)


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
