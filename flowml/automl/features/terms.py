"""The terms of a text: its words, pairs of neighbouring words, and the letters inside words, three to five at a time.

Letters make words that were never seen speak through what they have in common with others (Bojanowski et al. 2017).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from flowml.automl.features.prepared import Labels
from flowml.automl.features.texts import Facts

MAX_TERMS = 4_000
_MOST = {"word": 1_500, "pair": 1_000, "piece": 1_500}
_SIZES = (3, 4, 5)
_LONGEST_WORD = 24
_COMMONEST = 0.95
_REMEMBERED = 20_000


def pair_of(first: str, second: str) -> str:
    """Two neighbouring words as one term."""
    return f"{first} {second}"


def pieces_of(word: str) -> list[str]:
    """What three to five letters stand in a word one after another; `<` and `>` are its ends.

    The first character tells them from words.

    >>> pieces_of("mrs")
    ['~<mr', '~mrs', '~rs>', '~<mrs', '~mrs>', '~<mrs>']
    """
    if word.isdecimal():
        # A number's digits say nothing of it.
        return []
    padded = f"<{word[:_LONGEST_WORD]}>"
    return [f"~{padded[at : at + size]}" for size in _SIZES for at in range(len(padded) - size + 1)]


@dataclass(frozen=True)
class Terms:
    """All terms of all levels of a column.

    `pair_at` are the second words of pairs of neighbours in the stream of words, `pair` their positions in
    `pair_words`, which holds both words' positions; `piece` are positions in `pieces`, one for each piece of each
    word of the vocabulary, which is `piece_word`.
    """

    facts: Facts
    pair_at: np.ndarray
    pair: np.ndarray
    pair_words: np.ndarray
    piece: np.ndarray
    piece_word: np.ndarray
    pieces: tuple[str, ...]

    @classmethod
    def of_column(cls, column: Labels) -> "Terms":
        """Computed once for a column and all its parts."""
        facts = column.once("facts", Facts.of)
        return column.once("terms", lambda _: cls._of(facts))

    @classmethod
    def _of(cls, facts: Facts) -> "Terms":
        size = max(len(facts.vocabulary), 1)
        pair_at = np.flatnonzero(facts.level[1:] == facts.level[:-1]) + 1
        keys, pair = np.unique(facts.word[pair_at - 1] * size + facts.word[pair_at], return_inverse=True)
        position: dict[str, int] = {}
        piece: list[int] = []
        counts: list[int] = []
        for word in facts.vocabulary:
            found = pieces_of(word)
            counts.append(len(found))
            piece += [position.setdefault(item, len(position)) for item in found]
        return cls(
            facts=facts,
            pair_at=pair_at,
            pair=pair,
            pair_words=np.column_stack([keys // size, keys % size]),
            piece=np.array(piece, dtype=np.int64),
            piece_word=np.repeat(np.arange(len(counts)), np.array(counts, dtype=np.int64)),
            pieces=tuple(position),
        )

    def choose(self, rows_of_level: np.ndarray) -> tuple[str, ...]:
        """The terms that most rows have, though neither a single one nor nearly all."""
        facts, n_rows = self.facts, rows_of_level.sum()
        words = rows_of_level[facts.level].astype(np.float64)
        word_rows = facts.occurrences(rows_of_level)
        pair_rows = np.bincount(self.pair, weights=words[self.pair_at], minlength=len(self.pair_words))
        piece_rows = np.bincount(self.piece, weights=word_rows[self.piece_word], minlength=len(self.pieces))
        vocabulary = facts.vocabulary
        named: list[str] = []
        for kind, rows in (("word", word_rows), ("pair", pair_rows), ("piece", piece_rows)):
            fitting = np.flatnonzero((rows >= 2) & (rows <= _COMMONEST * n_rows))
            if len(fitting) > _MOST[kind]:
                # Those of the last frequency that has a place are ranked by name.
                last = np.partition(rows[fitting], -_MOST[kind])[-_MOST[kind]]
                fitting = fitting[rows[fitting] >= last]
            if kind == "word":
                found = [vocabulary[index] for index in fitting]
            elif kind == "pair":
                found = [pair_of(vocabulary[a], vocabulary[b]) for a, b in self.pair_words[fitting]]
            else:
                found = [self.pieces[index] for index in fitting]
            # By name where equally frequent, so that other levels of the table do not change the choice.
            ranked = sorted(zip((-rows[fitting]).tolist(), found, strict=True))
            named += [term for _, term in ranked[: _MOST[kind]]]
        return tuple(dict.fromkeys(named))

    @cached_property
    def _numbers(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """The position of each word and of each piece."""
        words = {word: index for index, word in enumerate(self.facts.vocabulary)}
        return words, {piece: index for index, piece in enumerate(self.pieces)}

    def tables(self, terms: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where each word, pair and piece stands among chosen terms; -1 for one that was not chosen."""
        words, pieces = self._numbers
        of_word = np.full(len(words), -1, dtype=np.int64)
        of_pair = np.full(len(self.pair_words), -1, dtype=np.int64)
        of_piece = np.full(len(pieces), -1, dtype=np.int64)
        size = max(len(words), 1)
        keys = self.pair_words[:, 0] * size + self.pair_words[:, 1]
        for index, term in enumerate(terms):
            first, space, second = term.partition(" ")
            if space:
                key = words.get(first, -1) * size + words.get(second, -1)
                at = int(np.searchsorted(keys, key))
                if first in words and second in words and at < len(keys) and keys[at] == key:
                    of_pair[at] = index
            elif term in pieces:
                of_piece[pieces[term]] = index
            elif term in words:
                of_word[words[term]] = index
        return of_word, of_pair, of_piece

    def sums(self, table: np.ndarray, terms: Sequence[str]) -> np.ndarray:
        """The sum of the lines of an integer table over the terms of each level: float64 (levels, columns), exact."""
        facts = self.facts
        of_word, of_pair, of_piece = self.tables(terms)
        padded = np.vstack([table, np.zeros((1, table.shape[1]), dtype=table.dtype)]).astype(np.float64)
        answer = np.empty((len(facts.size), table.shape[1]))
        wanted_piece = of_piece[self.piece] >= 0
        piece, piece_word = of_piece[self.piece[wanted_piece]], self.piece_word[wanted_piece]
        of_second = of_pair[self.pair]
        wanted_pair = of_second >= 0
        pair, pair_level = of_second[wanted_pair], facts.level[self.pair_at[wanted_pair]]
        for index in range(table.shape[1]):
            column = padded[:, index]
            word = column[of_word] + np.bincount(piece_word, weights=column[piece], minlength=len(facts.vocabulary))
            answer[:, index] = np.bincount(facts.level, weights=word[facts.word], minlength=len(facts.size))
            answer[:, index] += np.bincount(pair_level, weights=column[pair], minlength=len(facts.size))
        return answer

    def stream(self, terms: Sequence[str], levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(number among `levels`, term) of each occurrence of a chosen term in these levels."""
        facts = self.facts
        of_word, of_pair, of_piece = self.tables(terms)
        line = np.full(len(facts.size), -1, dtype=np.int64)
        line[levels] = np.arange(len(levels))
        of_token = line[facts.level]
        kept = np.flatnonzero(of_token >= 0)
        lines, found = [of_token[kept]], [of_word[facts.word[kept]]]
        second = self.pair_at[of_token[self.pair_at] >= 0]
        kept_pair = of_token[self.pair_at] >= 0
        lines.append(of_token[second])
        found.append(of_pair[self.pair[kept_pair]])
        chosen = of_piece[self.piece] >= 0
        piece, piece_word = of_piece[self.piece[chosen]], self.piece_word[chosen]
        count = np.bincount(piece_word, minlength=len(facts.vocabulary))
        start = np.cumsum(count) - count
        each = count[facts.word[kept]]
        lines.append(np.repeat(of_token[kept], each))
        within = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
        found.append(piece[np.repeat(start[facts.word[kept]], each) + within])
        line_of, term_of = np.concatenate(lines), np.concatenate(found)
        return line_of[term_of >= 0], term_of[term_of >= 0]


class TermFinder:
    """The same for one text: positions of its terms among the chosen ones, as often as they occur."""

    def __init__(self, terms: Sequence[str]):
        self._position = {term: index for index, term in enumerate(terms)}
        self._of_word: dict[str, tuple[int, ...]] = {}

    def find(self, words: Sequence[str]) -> list[int]:
        position, known = self._position, self._of_word
        found: list[int] = []
        before = ""
        for word in words:
            inside = known.get(word)
            if inside is None:
                if len(known) >= _REMEMBERED:
                    known.clear()
                inside = tuple(position[term] for term in (word, *pieces_of(word)) if term in position)
                known[word] = inside
            found += inside
            if before:
                pair = position.get(f"{before} {word}")
                if pair is not None:
                    found.append(pair)
            before = word
        return found
