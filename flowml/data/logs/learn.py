"""A layout learned from the lines of a log: what stands at the same place in nearly all of them is their header.

The lines of a sample are read side by side from their beginnings. At each step the part is looked for that nearly all
of them have next: a moment, a level, something in brackets, a number, a name before a colon, a field before a
delimiter. Words that could be anything count only where one of these follows. What is left is the content.
"""

from __future__ import annotations

import copy
import re

from flowml.data.logs import elements as el
from flowml.data.logs.elements import Element
from flowml.data.logs.header import SHARE, Header, after, fits, whole
from flowml.data.logs.layouts import Layout, ascii_classes

_MOST_LINES = 600
_LONGEST = 400
_FEWEST_LINES = 2
_STARTING_SHARE = 0.4
_MOST_PARTS = 20
# How many words of unknown meaning may stand before what proves that they are of the header.
_REACH = {"moment": 6, "date": 3, "level": 4, "component": 2, "bracket": 1, "delimited": 0}
# Delimiters that also stand once in a header or a sentence.
_PUNCTUATION = (r";\s*", r",\s*")


def learn(lines: list[str]) -> Layout | None:
    """The layout of lines that share a header, or None. The answer's title is the header in LogHub's notation.

    >>> found = learn(["10:00:01 [a] <x> one", "10:00:02 [b] <y> and two", "10:00:03 [a] <x> three more"])
    >>> found.title
    '<time> [<thread>] <<thread_2>> <content>'
    """
    rests = [line[:_LONGEST].rstrip() for line in lines if line.strip() and not line[0].isspace()]
    step = max(1, len(rests) // _MOST_LINES)
    header = Header(_with_common_start(rests[::step]))
    if len(header.rests) < _FEWEST_LINES:
        return None
    while len(header.pieces) < _MOST_PARTS and _advance(header):
        pass
    if not header.pieces:
        return None
    return _layout(header)


def _with_common_start(rests: list[str]) -> list[str]:
    """Only the lines that begin with the same kind of moment where there are many such: the others go on with them."""
    most: list[str] = []
    for element in el.MOMENTS:
        for opening in ("", r"[\[(<\"]"):
            probe = re.compile(opening + element.probe.pattern)
            starting = [rest for rest in rests if probe.match(rest)]
            most = max(most, starting, key=len)
    return most if len(most) >= _STARTING_SHARE * len(rests) else rests


def _advance(header: Header) -> bool:
    """Read one more part of the header; False at its end."""
    before = header.rests
    separator = _separator(header)
    if separator is None:
        return False
    rests = after(before, re.compile(separator))
    if separator in el.DELIMITERS and header.delimiter in (None, separator):
        if _delimited(header, separator, rests):
            header.delimiter = separator
            return True
        if header.delimiter or separator not in _PUNCTUATION:
            return "component" not in header.kinds and _dashed(header, separator, rests)
    for element in _strong(header):
        if _take(header, separator, rests, element):
            return True
    if _bracket(header, separator, rests) or _pair(header, separator, rests):
        return True
    if "component" in header.kinds:
        return False
    if header.pieces:
        if _dashed(header, separator, rests):
            return True
        if any(_take(header, separator, rests, element) for element in (el.DOTTED, el.PADDED)):
            return True
    return _after_weak_words(header, separator, rests)


def _separator(header: Header) -> str | None:
    if not header.pieces:
        return ""
    if header.kinds[-1] == "component":
        # Its pattern ends after the blank.
        return ""
    for separator in el.SEPARATORS:
        if fits(header.rests, re.compile(separator)):
            return separator
    return "" if header.kinds[-1] == "bracket" else None


def _strong(header: Header) -> list[Element]:
    """What may come next and is a part of a header without doubt."""
    found = [element for element in el.MOMENTS if not header.moment or element.names != ("epoch",)]
    found.append(el.DATE)
    if not header.moment:
        found.append(el.CLOCK)
    if "level" not in header.names:
        found += [el.LEVEL, el.SHORT_LEVEL]
    if "component" not in header.kinds:
        found += [el.ADDRESS, el.IDENTIFIER, el.PROCESS, el.NUMBER, el.LOCATION, el.COMPONENT]
    return found


def _take(header: Header, separator: str, rests: list[str], element: Element) -> bool:
    if not fits(rests, element.probe):
        return False
    if element is el.SHORT_LEVEL and not el.is_short_level([rest[0] for rest in rests if element.probe.match(rest)]):
        return False
    names = element.names
    if element is el.NUMBER:
        names = ("pid",) if "pid" not in header.names else ("tid",) if "tid" not in header.names else ("number",)
        if not header.pieces:
            names = ("number",)
    elif element is el.WEAK and header.moment and header.kinds[-1] in ("moment", "clock"):
        names = ("host",)
    header.commit(separator, element.pattern, names, element.kind, after(rests, element.probe))
    return True


def _bracket(header: Header, separator: str, rests: list[str]) -> bool:
    for opening, inner, closing in el.BRACKETS:
        probe = re.compile(rf"{opening}\s*({inner})\s*{closing}(?=[\s:|,;\[(<-]|$)")
        if not fits(rests, probe):
            continue
        inners = [found[1].strip() for rest in rests if (found := probe.match(rest))]
        pattern, names = _inside(header, inners, inner)
        header.commit(separator, rf"{opening}\s*{pattern}\s*{closing}", names, "bracket", after(rests, probe))
        return True
    return False


def _inside(header: Header, inners: list[str], inner: str) -> tuple[str, tuple[str, ...]]:
    """The pattern of what stands in brackets, and its columns."""
    for element in (*el.MOMENTS, el.CLOCK):
        if whole(inners, element.probe):
            ungrouped = re.sub(r"\(\?P<\{\d\}>", "(?:", element.pattern)
            return f"(?P<{{0}}>{ungrouped})", ("time",)
    if "level" not in header.names and whole(inners, el.LEVEL.probe):
        return el.LEVEL.pattern, ("level",)
    if "level" not in header.names and whole(inners, re.compile(rf"[\w.]*:(?i:{el.LEVELS})")):
        return r"(?P<{0}>[\w.]*):(?P<{1}>\w+)", ("module", "level")
    if whole(inners, re.compile(r"\d{1,18}")):
        return r"(?P<{0}>\d{1,18})", (("pid",) if "pid" not in header.names else ("tid",))
    if whole(inners, re.compile(r"pid[ :=]\d+(?:[:, ]\s?tid[ :=]\d+)?")):
        return r"pid[ :=](?P<{0}>\d+)(?:[:, ]\s?tid[ :=](?P<{1}>\d+))?", ("pid", "tid")
    if whole(inners, re.compile(r".+[@:]\d{1,6}")):
        return r"(?P<{0}>.+?)[@:](?P<{1}>\d{1,6})", ("component", "line")
    if "level" not in header.names and whole(inners, re.compile(rf".+[/:](?i:{el.LEVELS})")):
        return rf"(?P<{{0}}>.+?)[/:](?P<{{1}}>(?i:{el.LEVELS}))", ("thread", "level")
    return _header_inside(header, inners, inner) or (f"(?P<{{0}}>{inner})", ("thread",))


def _header_inside(header: Header, inners: list[str], inner: str) -> tuple[str, tuple[str, ...]] | None:
    """What stands in brackets taken apart like a line, when it begins with a moment or a level."""
    part = Header(inners, names=[name for name in header.names if name == "level"])
    known = len(part.names)
    for element in (*el.MOMENTS, el.CLOCK, el.LEVEL):
        if element.kind not in header.kinds and _take(part, "", inners, element):
            break
    else:
        return None
    while len(part.pieces) < _MOST_PARTS and _advance(part):
        pass
    pattern = "".join(separator + piece for separator, piece in zip(part.separators, part.pieces, strict=True))
    names = part.names[known:]
    if any(part.rests):
        separator = next((found for found in el.SEPARATORS if fits(part.rests, re.compile(found))), "")
        pattern += rf"{separator}(?P<thread>{inner})"
        names.append("thread")
    for index, name in enumerate(names):
        pattern = pattern.replace(f"(?P<{name}>", f"(?P<{{{index}}}>")
    return pattern, tuple(names)


def _pair(header: Header, separator: str, rests: list[str]) -> bool:
    keys = [found[1] for rest in rests if (found := el.PAIR.match(rest))]
    if not keys or keys.count(keys[0]) < SHARE * len(rests):
        return False
    key = re.escape(keys[0])
    name = re.sub(r"\W", "_", keys[0]).lower()
    probe = re.compile(rf"{key}=(?:\"[^\"]*\"|[^\s\",;|]*)")
    header.commit(separator, rf"{key}=(?P<{{0}}>\"[^\"]*\"|[^\s\",;|]*)", (name,), "pair", after(rests, probe))
    return True


def _dashed(header: Header, separator: str, rests: list[str]) -> bool:
    """A name of a few words before a dash."""
    probe = re.compile(r"\S+(?: \S+){0,2}?(?=\s+-{1,3}\s)")
    if not fits(rests, probe):
        return False
    header.commit(separator, r"(?P<{0}>\S+(?: \S+){0,2}?)", ("component",), "bracket", after(rests, probe))
    return True


def _delimited(header: Header, delimiter: str, rests: list[str]) -> bool:
    """A field up to the next of the same delimiter."""
    body = el.DELIMITERS[delimiter]
    probe = re.compile(rf"({body})(?={delimiter})")
    if not fits(rests, probe):
        return False
    values = [found[1].strip() for rest in rests if (found := probe.match(rest))]
    pattern, names = _inside(header, values, body)
    if names == ("thread",):
        names = ("component",) if "component" not in header.names else ("field",)
    header.commit(delimiter, rf"{pattern}[ ]*", names, "delimited", after(rests, probe))
    return True


def _after_weak_words(header: Header, separator: str, rests: list[str]) -> bool:
    """Words of unknown meaning, when a part of a header follows them."""
    trial = copy.deepcopy(header)
    for reach in range(1, max(_REACH.values()) + 1):
        if not _take(trial, separator, rests, el.WEAK):
            return False
        separator = r"\s+"
        rests = after(trial.rests, re.compile(separator))
        for element in (*_strong(trial), el.LONG_COMPONENT):
            if reach <= _REACH.get(element.kind, 0) and _take(trial, separator, rests, element):
                return _adopt(header, trial)
        if reach <= _REACH["bracket"] and _bracket(trial, separator, rests):
            return _adopt(header, trial)
    return False


def _adopt(header: Header, trial: Header) -> bool:
    header.__dict__.update(trial.__dict__)
    return True


def _layout(header: Header) -> Layout:
    """The pattern of the whole line. A line that begins as an entry is one, whatever its header lacks after the
    moment; each part takes the separator behind it along, so that a part cannot end early."""
    required = header.required or len(header.pieces)
    behind = [*header.separators[1:], _final(header)]
    parts = [
        piece if after == "" else f"{piece}(?:{after}|$)" for piece, after in zip(header.pieces, behind, strict=True)
    ]
    if required < len(parts):
        parts[required - 1] = f"{header.pieces[required - 1]}(?:{behind[required - 1]}|\\s+|$)"
    optional = parts[required:]
    tail = "".join(f"(?:{part}" for part in optional) + ")?" * len(optional)
    pattern = f"^{''.join(parts[:required])}{tail}\\s*(?P<content>.*)$"
    notation = re.sub(" +", " ", f"{header.notation} <content>")
    return Layout("learned", notation, ascii_classes(pattern), header.moment)


def _final(header: Header) -> str:
    """What separates the last part from the content."""
    if header.kinds[-1] == "component":
        return ""
    for separator in el.SEPARATORS[:8]:
        if fits(header.rests, re.compile(separator)):
            return separator
    return ""
