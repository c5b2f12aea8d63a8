"""Lines of words kept apart by blanks, those with blanks of their own in quotation marks."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence

_LONGEST = 100_000
_FEWEST_LINES = 3
_LOOKED_AT = 500
# Bare words that statistics programs write among quoted texts.
_BARE = re.compile(r"[-+]?(\d+(\.\d*|,\d+)?|[.,]\d+)([eE][-+]?\d+)?|NA|NaN|-?Inf|TRUE|FALSE|\d{4}-\d\d-\d\d")


def split_words(line: str, quote: str) -> list[str]:
    """The values of a line, without the marks around them.

    >>> split_words("'Mazda RX4' 21 5' 'it''s'", "'")
    ['Mazda RX4', '21', "5'", "it's"]
    """
    if not quote or quote not in line:
        return line.split()
    return [_bare(word, quote) for word in _words(quote).findall(line)]


def are_words(lines: Sequence[str], quote: str) -> bool:
    """Whether lines are made of blank-separated numbers and quoted texts, the same number nearly everywhere.

    The first line may have one less: names with none over the names of the rows.
    """
    filled = [line for line in lines[:_LOOKED_AT] if line.strip()]
    if len(filled) < _FEWEST_LINES or any("\t" in line or len(line) > _LONGEST for line in filled):
        return False
    if sum(quote in line for line in filled[1:]) < 0.9 * len(filled[1:]):
        return False
    rows = [_words(quote).findall(line) for line in filled]
    width, frequency = Counter(map(len, rows[1:])).most_common(1)[0]
    if width < 2 or frequency < 0.9 * len(rows[1:]) or len(rows[0]) not in (width, width - 1):
        return False
    words = [word for row in rows[1:] for word in row]
    return sum(_is_quoted(word, quote) or _BARE.fullmatch(word) is not None for word in words) >= 0.9 * len(words)


@functools.lru_cache(maxsize=8)
def _words(quote: str) -> re.Pattern[str]:
    mark = re.escape(quote)
    # A mark inside the marks is doubled or has a backslash in front; one that is never closed is part of its word.
    return re.compile(rf"{mark}(?:[^{mark}\\]|\\.|{mark}{mark})*+{mark}(?!\S)|\S+")


def _is_quoted(word: str, quote: str) -> bool:
    return len(word) >= 2 and word[0] == word[-1] == quote and _words(quote).fullmatch(word) is not None


def _bare(word: str, quote: str) -> str:
    if len(word) < 2 or not word[0] == word[-1] == quote:
        return word
    return word[1:-1].replace(quote + quote, quote).replace(f"\\{quote}", quote)
