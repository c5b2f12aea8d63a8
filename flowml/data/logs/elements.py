"""What the headers of log lines are made of, and how each part is recognised at the beginning of a text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from flowml.data.logs.moments import SHAPES, Shape

LEVELS = (
    "TRACE|FINEST|FINER|FINE|CONFIG|DEBUG|DBG|VERBOSE|INFORMATIONAL|INFORMATION|INFO|INF|NOTICE|NOTE|WARNING|WARN|WRN|ERROR"
    "|ERR|SEVERE|FATAL|CRITICAL|CRIT|ALERT|EMERGENCY|EMERG|FAILURE|PANIC|SUCCESS"
)
_LEVEL = rf"(?i:{LEVELS})"
_WORD = r"[^\s:\[\]|]{1,80}"
_IP = r"(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?"
_ID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|[0-9a-fA-F]{16,40}"
_DATE = r"\d{4}[-/.]\d{2}[-/.]\d{2}"
_CLOCK = r"\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?"
_SOURCE = "(?:java|py|go|cc|cpp|cs|c|hpp|h|js|ts|rb|rs|php|kt|scala|swift|mm|m|pl|lua|ex)"
_MOMENT_END = r"(?!\w|[:.,]\d)"
_END = r"(?=[\s|,;:\])}>/-]|$)"
# Bracketed parts, one pair within the other at most.
BRACKETS = (
    (r"\[", r"(?:[^\[\]]|\[[^\[\]]*\])*", r"\]"),
    (r"\(", r"[^()]*", r"\)"),
    ("<", r"[^<>]*", ">"),
    ('"', r'[^"]*', '"'),
    (r"\{", r"[^{}]*", r"\}"),
)
_MONTH_NAMES = "(?:Jan|"
_SHORT_LEVELS = frozenset("VDIWEFTCNA")


@dataclass(frozen=True)
class Element:
    """A part of a header: `probe` recognises it in Python at the beginning of a text, `pattern` takes its columns
    (with `{name}` where the names of groups go), `names` are what its columns would be called."""

    kind: str
    probe: re.Pattern[str]
    pattern: str
    names: tuple[str, ...]


def _element(kind: str, pattern: str, *names: str, end: str = _END, probe: str | None = None) -> Element:
    plain = re.sub(r"\(\?P<\{\d\}>", "(?:", probe or pattern)
    return Element(kind, re.compile(plain + end), pattern, names)


def _group(index: int, pattern: str) -> str:
    return f"(?P<{{{index}}}>{pattern})"


def moment_elements(shape: Shape) -> list[Element]:
    """A moment as one column where a T or nothing joins its parts, else one column for each of its words."""
    if shape.form.startswith("epoch"):
        return [_element("moment", _group(0, shape.pattern), "epoch", end=_MOMENT_END)]
    if "[- ]" in shape.pattern:
        variants = (replace(shape, pattern=shape.pattern.replace("[- ]", joint)) for joint in ("-", " "))
        return [element for variant in variants for element in moment_elements(variant)]
    result = []
    for joint in ("[T ]", "[- T]", "[: ]"):
        if joint in shape.pattern:
            others = joint.strip("[]").replace(" ", "")
            whole = shape.pattern.replace(joint, f"[{others}]")
            result.append(_element("moment", _group(0, whole), "time", end=_MOMENT_END))
    words = _words(re.sub(r"\[[-T: ]+\]", " ", shape.pattern))
    names = _moment_names(words)
    pattern = " +".join(_group(index, word) for index, word in enumerate(words))
    result.append(_element("moment", pattern, *names, end=_MOMENT_END))
    return result


def _words(pattern: str) -> list[str]:
    """A pattern split at the blanks outside of its groups; AM and PM belong to the time."""
    words = [""]
    depth = 0
    position = 0
    while position < len(pattern):
        character = pattern[position]
        depth += (character in "([") - (character in ")]")
        if character == " " and depth == 0:
            words.append("")
            position += 2 if pattern[position + 1 : position + 2] == "+" else 1
            continue
        words[-1] += character
        position += 1
    if words[-1] == "[AP]M":
        words[-2:] = [f"{words[-2]} [AP]M"]
    return words


def _moment_names(words: list[str]) -> tuple[str, ...]:
    if len(words) == 1:
        return ("time",)
    if len(words) == 2:
        return ("date", "time")
    names: list[str] = []
    for word in words:
        if word.startswith("(?:Mon|"):
            names.append("weekday")
        elif word.startswith(_MONTH_NAMES):
            names.append("month")
        elif ":" in word.replace("(?:", ""):
            names.append("time")
        else:
            names.append("year" if word.startswith(r"\d{4}") else "day")
    return tuple(names)


MOMENTS: tuple[Element, ...] = tuple(element for shape in SHAPES for element in moment_elements(shape))
DATE = _element("date", _group(0, _DATE), "date")
CLOCK = _element("clock", _group(0, _CLOCK), "time", end=_MOMENT_END)
LEVEL = _element("level", _group(0, _LEVEL), "level", end=r"(?![\w-])")
SHORT_LEVEL = _element("short_level", _group(0, "[VDIWEFTCNA]"), "level", end=r"(?=[\s/|:])")
ADDRESS = _element("address", _group(0, _IP), "client")
IDENTIFIER = _element("identifier", _group(0, _ID), "id")
NUMBER = _element("number", _group(0, r"\d{1,18}"), "pid")
LOCATION = _element(
    "location", _group(0, rf"[\w./\\-]{{1,120}}\.{_SOURCE}") + ":" + _group(1, r"\d{1,6}"), "file", "line"
)
PROCESS = _element("number", _group(0, r"\d{1,10}") + "#" + _group(1, r"\d{1,10}") + ":", "pid", "tid", end=r"(?=\s|$)")
# The name of a program or class before a colon: with its process, and what it speaks for, where given.
_SPEAKER = (
    _group(0, rf"{_WORD}(?: {_WORD}){{0,2}}?") + r"\s*(?:\[" + _group(1, r"\d{1,10}") + r"\])?"
    r"(?: \(" + _group(2, r"[^()]{1,200}") + r"\))?:(?:\s+|$)"
)
_SPEAKS = r"(?: \([^()]{1,200}\))?:(?:\s+|$)"
_ONE_WORD = rf"(?=[^\s:]*[A-Za-z]){_WORD}(?:\[\d{{1,10}}\]|\s{{1,8}}(?=:))?"
COMPONENT = _element("component", _SPEAKER, "component", "pid", "address", probe=_ONE_WORD + _SPEAKS, end="")
# Several words prove that they are a name only after a host, which they would swallow.
LONG_COMPONENT = _element(
    "component",
    _SPEAKER,
    "component",
    "pid",
    "address",
    probe=rf"(?:{_WORD}(?: {_WORD}){{1,2}}\[\d{{1,10}}\]|{_WORD} [\d.]+|{_ONE_WORD}){_SPEAKS}",
    end="",
)
DOTTED = _element("dotted", _group(0, r"[A-Za-z_$][\w$-]*(?:\.[\w$-]+)+"), "component", end=r"(?=\s)")
PADDED = _element("padded", _group(0, r"\S{1,60}"), "component", end=r"(?=\s{2,}|\t)")
WEAK = _element("weak", _group(0, r"\S{1,120}"), "field", end=r"(?=\s)")
PAIR = re.compile(r"([A-Za-z_][\w.-]{0,40})=(\"[^\"]*\"|[^\s\",;|]*)")

# Between parts; the first that fits.
SEPARATORS = (
    r"\s*\|\s*",
    r"\t",
    r"\s+-{1,3}(?:\s:)?\s+",
    r"\s+::?\s+",
    r";\s*",
    r",\s*",
    r":\s+",
    r"\s+",
    "/",
    ":",
    "-",
)
DELIMITERS = {r"\s*\|\s*": r"[^|]*", r"\t": r"[^\t]*", r";\s*": r"[^;]*", r",\s*": r"[^,]*"}


def is_short_level(values: list[str]) -> bool:
    """Whether single letters are levels: several of them, all of levels."""
    return len(set(values)) > 1 and set(values) <= _SHORT_LEVELS
