"""The first lines of a text table, without those that are not part of it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

COMMENTS = ("#", "//", "%", ";", "--", "!")
# What databases draw between the names and the values: ----+----.
_RULE = re.compile(r"[-=\s+|:]{3,200}")
_SEPARATOR_LINE = re.compile(r'^"?sep=(.)"?[\s,;]*$', re.IGNORECASE)


@dataclass
class Sample:
    """`lines` are what is left, `numbers` their places in the file (from 1).

    `comment` is how the lines begin that were taken for comments, `comments` these lines with their numbers.
    `delimiter` is what the file itself says in a line that only Excel understands.
    """

    lines: list[str]
    numbers: list[int]
    comment: str = ""
    comments: list[tuple[int, str]] = field(default_factory=list)
    delimiter: str | None = None

    def physical(self, index: int) -> int:
        """How many lines of the file come before the line `index`."""
        return self.numbers[index] - 1 if index < len(self.numbers) else self.numbers[-1]


def take_sample(lines: list[str], *, skip: int = 0, comment: str | None = None, delimiter: str | None = None) -> Sample:
    """Set comments aside. `comment` is how they begin (empty: there are none), `delimiter` what is known of it."""
    said = _SEPARATOR_LINE.match(lines[skip]) if skip < len(lines) else None
    first = skip + 1 if said else skip
    numbered = list(enumerate(lines, start=1))[first:]
    own = said[1] if said else None
    if comment is None:
        comment = _find_comment([line for _, line in numbered], delimiter or own)
    starts = _record_starts([line for _, line in numbered])
    kept: list[tuple[int, str]] = []
    comments: list[tuple[int, str]] = []
    for (number, line), is_start in zip(numbered, starts, strict=True):
        if is_start and ((comment and line.lstrip().startswith(comment)) or is_rule(line)):
            comments.append((number, line))
        else:
            kept.append((number, line))
    return Sample([line for _, line in kept], [number for number, _ in kept], comment, comments, own)


def is_rule(line: str) -> bool:
    """Whether a line is only drawn, to part names from values.

    >>> is_rule("----+-----"), is_rule("-,-"), is_rule("- -")
    (True, False, False)
    """
    return _RULE.fullmatch(line) is not None and ("--" in line or "==" in line)


def _find_comment(lines: list[str], delimiter: str | None) -> str:
    """How comments begin: a few lines unlike the others, or those on top."""
    starts = _record_starts(lines)
    filled = [line for line, is_start in zip(lines, starts, strict=True) if is_start and line.strip()]
    if len(filled) < 2:
        return ""
    for comment in COMMENTS:
        if comment == delimiter:
            continue
        marked = [line.lstrip().startswith(comment) for line in filled]
        count = sum(marked)
        if count == 0 or count > 0.6 * len(filled):
            continue
        on_top = marked.index(False) if False in marked else 0
        if comment in (";", "--", "!", "%"):
            # These also begin values (an empty first one, a minus, a percentage).
            others = [line for line, is_comment in zip(filled, marked, strict=True) if not is_comment]
            if on_top == 0 or comment == ";" and sum(";" in line for line in others) > 0.5 * len(others):
                continue
        elif on_top == 0 and _alike(filled, marked):
            continue
        return comment
    return ""


def _alike(lines: list[str], marked: list[bool]) -> bool:
    """Whether the marked lines have as many delimiters as the others: then they are values."""

    def counts(line: str) -> tuple[int, ...]:
        return tuple(line.count(delimiter) for delimiter in ",;\t|")

    usual = Counter(counts(line) for line, is_marked in zip(lines, marked, strict=True) if not is_marked)
    common, _ = usual.most_common(1)[0]
    same = sum(counts(line) == common for line, is_marked in zip(lines, marked, strict=True) if is_marked)
    return any(common) and same > 0.5 * sum(marked) or (not any(common) and same == sum(marked))


def _record_starts(lines: list[str]) -> list[bool]:
    """Which lines begin a record: not those inside a quoted value of several lines."""
    starts, inside = [], False
    for line in lines:
        starts.append(not inside)
        inside ^= line.count('"') % 2 == 1
    return [True] * len(lines) if inside and starts.count(False) > 0.5 * len(lines) else starts
