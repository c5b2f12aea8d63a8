"""The JSON object in what a model says, whatever it says around it; and one text of it while it still grows."""

import json
import math
import re
from typing import Any

_FENCE = re.compile(r"```[a-zA-Z]{0,40}[^\S\n]{0,100}\n(.*?)```", re.DOTALL)
_THOUGHT, _THOUGHT_ENDS = "<think>", "</think>"
_MOST_STARTS = 200


class NoJSON(ValueError):
    """There is no such object in it; says what is wrong, in words that a model can use."""


def found(text: str) -> dict[str, Any]:
    """The object that a text consists of, or holds: in a fence of Markdown, or among words. Raises NoJSON.

    >>> found('{"a": 1}'), found('Sure!\\n```json\\n{"a": 2}\\n```\\nAnything else?'), found('It is {"a": {"b": []}}.')
    ({'a': 1}, {'a': 2}, {'a': {'b': []}})
    """
    text = _without_thoughts(text).strip().removeprefix("\ufeff")
    problem = NoJSON("there is no JSON object in it")
    for part in (text, *(match[1] for match in _FENCE.finditer(text))):
        try:
            whole = _decoded(part)
        except NoJSON as wrong:
            problem = wrong if part.lstrip().startswith("{") else problem
            continue
        if isinstance(whole, dict):
            return whole
        problem = NoJSON("it is JSON, but no object")
    longest: tuple[int, dict[str, Any]] | None = None
    start = text.find("{")
    for _ in range(_MOST_STARTS):
        if start < 0:
            break
        end = start + 1
        try:
            value, end = _DECODER.raw_decode(text, start)
            if isinstance(value, dict) and (longest is None or end - start > longest[0]):
                longest = end - start, value
        except (ValueError, RecursionError):
            pass
        start = text.find("{", end)
    if longest is None:
        raise problem
    return longest[1]


def _without_thoughts(text: str) -> str:
    parts, at = [], 0
    while (start := text.find(_THOUGHT, at)) >= 0 and (end := text.find(_THOUGHT_ENDS, start)) >= 0:
        parts.append(text[at:start])
        at = end + len(_THOUGHT_ENDS)
    return "".join([*parts, text[at:]])


def _decoded(text: str) -> Any:
    try:
        return _DECODER.decode(text.strip())
    except NoJSON:
        raise
    except RecursionError:
        raise NoJSON("it is nested too deeply") from None
    except json.JSONDecodeError as problem:
        raise NoJSON(f"it is not valid JSON: {problem.msg[:1].lower()}{problem.msg[1:]}, {_where(problem)}") from None
    except ValueError:
        raise NoJSON("a number in it is too long") from None


def _where(problem: json.JSONDecodeError) -> str:
    if problem.pos >= len(problem.doc.rstrip()):
        return "at its end, which is missing"
    return f"near “{problem.doc[max(0, problem.pos - 10) : problem.pos + 10]}”"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NoJSON("it has the same name twice in one object")
    return found


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NoJSON("a number in it is too large")
    return value


def _constant(name: str) -> Any:
    raise NoJSON(f"it says {name}, which is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_constant)


_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Growing:
    """The text of one field of the outermost object, from an answer that still comes. What is cut in the middle of an
    escape is held back; words before the object, and a fence around it, are passed over. Of a text that is longer than
    `longest` nothing more is read (`is_too_long`).

    >>> answer = Growing("text")
    >>> pieces = ('Here: {"n": [{"text": 2}], "te', 'xt": "a\\\\u00', 'e9\\\\', '"b", "z": 1}')
    >>> [answer.take(piece) for piece in pieces]
    ['', 'a', 'é', '"b']
    >>> answer.text
    'aé"b'
    """

    def __init__(self, field: str, longest: int | None = None):
        self._field, self._longest = field, longest
        self.text = ""
        self._depth = 0
        self._in_string = self._is_key = False
        self._string: list[str] = []
        self._escape = ""
        self._half = ""
        self._key: str | None = None
        self._expects_value = False
        self.is_complete = self.is_too_long = False

    def take(self, piece: str) -> str:
        """What of the text is new with this piece."""
        before = len(self.text)
        for character in piece:
            if self.is_complete or self.is_too_long:
                break
            if self._in_string:
                self._inside(character)
            else:
                self._between(character)
        return self.text[before:]

    def _between(self, character: str) -> None:
        if character == '"' and self._depth:
            self._in_string, self._string = True, []
            self._is_key = self._depth == 1 and not self._expects_value
        elif character in "{[":
            if not self._depth and character == "[":
                return
            self._depth += 1
            self._expects_value = False
        elif character in "}]" and self._depth:
            self._depth -= 1
        elif self._depth == 1:
            if character == ":":
                self._expects_value = True
            elif character == ",":
                self._expects_value, self._key = False, None

    def _inside(self, character: str) -> None:
        if self._escape:
            self._escape += character
            code = self._escape[1:]
            if code[0] == "u":
                if len(code) == 5:
                    self._escape = ""
                    self._unit(code[1:])
            else:
                self._escape = ""
                self._add(_ESCAPES.get(code, code))
        elif character == "\\":
            self._escape = "\\"
        elif character == '"':
            self._in_string, self._half = False, ""
            if self._is_key:
                self._key = "".join(self._string)
            elif self._is_wanted:
                self.is_complete = True
        else:
            self._add(character)

    def _unit(self, digits: str) -> None:
        try:
            code = int(digits, 16)
        except ValueError:
            return
        if 0xD800 <= code < 0xDC00:
            self._half = digits
        elif 0xDC00 <= code < 0xE000:
            if self._half:
                high = int(self._half, 16)
                self._half = ""
                self._add(chr(0x10000 + ((high - 0xD800) << 10) + code - 0xDC00))
        else:
            self._add(chr(code))

    @property
    def _is_wanted(self) -> bool:
        return not self._is_key and self._depth == 1 and self._key == self._field

    def _add(self, text: str) -> None:
        self._half = ""
        if self._is_key:
            self._string.append(text)
        elif self._is_wanted:
            self.text += text
            self.is_too_long = self._longest is not None and len(self.text) > self._longest
