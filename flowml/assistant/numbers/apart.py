"""What looks like a number of a text and is none: citations, numbers of lists and places."""

import re
from dataclasses import dataclass

from flowml.assistant.numbers import dates
from flowml.assistant.numbers.signs import COUNTED, PERCENT, plain

# The pattern of `static/js/assistant/marks.js`. Blanks can be read in one way alone: with two, each doubles the time.
_CITED = re.compile(r"[\[(]\s*f\d+(?:\s*(?:[,;&]\s*)?f\d+)*\s*[\])]")
_FACT = re.compile(r"f\d+")
_LISTED = re.compile(
    r"^[ \t]*(?:(?:#{1,6} )?\(?(?P<item>\d{1,2})(?:[.)](?=\s)|[.):]?(?=[ \t]*$))"
    rf"|#{{1,6}} (?P<heading>\d)(?=[ \t])(?! {COUNTED}))",
    re.MULTILINE,
)
# There are few steps, places and points; with more behind it, or of something, it is a claim.
_ORDINAL = re.compile(
    r"\b\d+(?:st|nd|rd|th)\b|\b(?:#|no\. ?|nr\. ?)\d{1,3}\b"
    r"|(?:\b(?:step|place) (?:1?[1-9]|[12]0)|(?<!of )(?<!is )(?<!at )(?<!by )(?<!to )\bpoint [1-6])\b"
    rf"(?![.,]\d|{PERCENT}| (?:of|in)\b| {COUNTED})",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Citation:
    """A fact that a text cites, by its id."""

    start: int
    end: int
    id: str


def citations(text: str) -> list[Citation]:
    """Those in brackets: [f3], [f3, f7], (f3)."""
    return [
        Citation(found.start() + one.start(), found.start() + one.end(), one.group())
        for found in _CITED.finditer(text)
        for one in _FACT.finditer(found.group())
    ]


def without_citations(text: str) -> str:
    """With blanks in their places."""
    return _CITED.sub(lambda found: " " * len(found.group()), text)


def without_list_numbers(text: str) -> str:
    """With blanks in the places of numbers that count the entries of a list: those that count on, from one.

    >>> without_list_numbers("1. a"), without_list_numbers("87) rows"), without_list_numbers("(87) rows")
    ('   a', '87) rows', '(87) rows')
    """
    parts, at, seen = [], 0, {0}
    for found in _LISTED.finditer(plain(text)):
        if found["item"]:
            number = int(found["item"])
            if number and number - 1 not in seen:
                continue
            seen.add(number)
        parts += [text[at : found.start()], " " * len(found[0])]
        at = found.end()
    return "".join([*parts, text[at:]])


def only_numbers(text: str) -> str:
    """A sentence with signs that are no part of any number in the places of what is none."""
    text = without_citations(plain(text))
    for pattern in (_ORDINAL, dates.DIGITS):
        text = pattern.sub(lambda found: "\x00" * len(found.group()), text)
    return text
