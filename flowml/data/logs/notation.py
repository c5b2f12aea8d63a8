"""A layout that the owner of a log wrote down: `<Date> <Time> <Level> [<Thread>] <Component>: <Content>`."""

from __future__ import annotations

import re

from flowml.data.logs.layouts import Layout
from flowml.domain.errors import InvalidInput

_FIELD = re.compile(r"<([A-Za-z][A-Za-z0-9_ -]{0,39})>")
_LONGEST = 500
_MOST_FIELDS = 30
# Which fields together say when, in the order in which dates are written.
_MOMENT_WORDS = frozenset({"date", "month", "day", "year", "time", "timestamp", "datetime", "weekday"})


def compile_notation(text: str) -> Layout:
    """The layout that a text in this notation describes.

    A name in angle brackets is a column, a blank any number of blanks, and everything else stands for itself; a part
    in `(` and `)?` may be missing, and a backslash takes a sign's meaning away. What the owner writes never runs as
    a regular expression. Raises InvalidInput.
    """
    if len(text) > _LONGEST:
        raise _invalid(f"The pattern is longer than {_LONGEST} characters.")
    names: list[str] = []
    pieces: list[str] = []
    open_parts = 0
    position = 0
    while position < len(text):
        character = text[position]
        if found := _FIELD.match(text, position):
            names.append(_column_name(found[1]))
            pieces.append(f"(?P<{names[-1]}>.*?)" if found.end() < len(text) else f"(?P<{names[-1]}>.*)")
            position = found.end()
            continue
        if character == "\\" and position + 1 < len(text):
            pieces.append(re.escape(text[position + 1]))
            position += 2
            continue
        if character in " \t":
            if not pieces or pieces[-1] != "[ \\t]+":
                pieces.append("[ \\t]+")
        elif character == "(" and _closes_as_optional(text, position):
            pieces.append("(?:")
            open_parts += 1
        elif character == ")" and open_parts and text[position + 1 : position + 2] == "?":
            pieces.append(")?")
            open_parts -= 1
            position += 1
        else:
            pieces.append(re.escape(character))
        position += 1
    _check(names)
    moment = tuple(name for name in names if name in _MOMENT_WORDS)
    return Layout("pattern", f"the pattern {text}", f"^{''.join(pieces)}$", moment)


def _closes_as_optional(text: str, position: int) -> bool:
    depth = 0
    for index in range(position, len(text)):
        if text[index - 1 : index] == "\\":
            continue
        depth += (text[index] == "(") - (text[index] == ")")
        if depth == 0:
            return text[index + 1 : index + 2] == "?"
    return False


def _column_name(written: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", written)
    name = re.sub(r"[ -]+", "_", words).lower()
    # The parsed moment has this name.
    return "time" if name == "timestamp" else name


def _check(names: list[str]) -> None:
    if not names:
        raise _invalid("The pattern names no field.")
    if len(names) > _MOST_FIELDS:
        raise _invalid(f"The pattern names {len(names)} fields; at most {_MOST_FIELDS} are allowed.")
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise _invalid(f"The pattern names the field “{doubled}” twice.")
    reserved = next((name for name in names if name in ("matched", "event") or name.endswith("_alone")), None)
    if reserved is not None:
        raise _invalid(f"A field cannot be called “{reserved}”.")


def _invalid(message: str) -> InvalidInput:
    return InvalidInput.of_field(
        "options.pattern", message, hint="For example <Date> <Time> <Level> [<Thread>] <Component>: <Content>"
    )
