"""A header of log lines while it is being learned."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SHARE = 0.9
_WHEN = frozenset({"weekday", "date", "month", "day", "year", "time", "epoch"})
# What the table has names for already.
_RESERVED = ("content", "matched", "event", "timestamp")


@dataclass
class Header:
    """What is known so far: the unread rests of the lines, and the pattern of what was read."""

    rests: list[str]
    pieces: list[str] = field(default_factory=list)
    separators: list[str] = field(default_factory=list)
    notation: str = ""
    names: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    moment: tuple[str, ...] = ()
    # How many of the pieces a line must have: up to its first moment.
    required: int = 0
    delimiter: str | None = None

    def commit(self, separator: str, pattern: str, names: tuple[str, ...], kind: str, rests: list[str]) -> None:
        """Take one more part in; `pattern` has {0}, {1}, … where the names of its groups go."""
        taken = [_unused(self.names, name) for name in names]
        self.names += taken
        piece = pattern
        for index, name in enumerate(taken):
            piece = piece.replace(f"(?P<{{{index}}}>", f"(?P<{name}>")
        self.pieces.append(piece)
        self.separators.append(separator)
        self.kinds.append(kind)
        self.rests = rests
        self.notation += _shown_separator(separator) + _shown(kind, pattern, taken)
        is_time = bool({"time", "epoch"} & set(names))
        if is_time and (not self.moment or "epoch" in self.moment[0]):
            self.moment = tuple(own for own, name in zip(taken, names, strict=True) if name in _WHEN)
            self.required = self.required or len(self.pieces)


def fits(rests: list[str], probe: re.Pattern[str]) -> bool:
    """Whether nearly all texts begin so."""
    return sum(probe.match(rest) is not None for rest in rests) >= max(1, SHARE * len(rests))


def whole(texts: list[str], probe: re.Pattern[str]) -> bool:
    """Whether nearly all texts are so from beginning to end."""
    return sum(probe.fullmatch(text) is not None for text in texts) >= SHARE * len(texts)


def after(rests: list[str], probe: re.Pattern[str]) -> list[str]:
    """What follows, in the texts that begin so."""
    return [rest[found.end() :] for rest in rests if (found := probe.match(rest))]


def _unused(names: list[str], name: str) -> str:
    if name not in names and name not in _RESERVED and not name.endswith("_alone"):
        return name
    number = 2
    while f"{name}_{number}" in names:
        number += 1
    return f"{name}_{number}"


def _shown_separator(separator: str) -> str:
    plain = re.sub(r"\{1,3\}|\(\?:\\s:\)\?|:\?", "", separator).replace(r"\t", " ").replace(r"\|", "|")
    return re.sub(r"(?:\\s[+*])+", " ", plain)


def _shown(kind: str, pattern: str, names: list[str]) -> str:
    if kind == "component":
        return f"<{names[0]}>: "
    opening, closing = ("", "")
    if kind == "bracket" and (edge := re.match(r"\\?([\[(<\"{])\\s", pattern)):
        opening = edge[1]
        closing = {"[": "]", "(": ")", "<": ">", "{": "}"}.get(opening, opening)
    return opening + " ".join(f"<{name}>" for name in names) + closing
