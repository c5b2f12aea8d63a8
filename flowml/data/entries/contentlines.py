"""The content lines that iCalendar (RFC 5545) and vCard (2.1, RFC 2426, RFC 6350) are made of.

One reader for both, because the libraries of the field stop at what people have: vobject raises at a quoted-printable
value that goes on in the next line, as Outlook and Android write them, and at a photo cut short; icalendar reads no
vCard 2.1 and takes the whole file into memory several times. This one takes a line at a time and names a bad one.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from flowml.data.entries.text import LONGEST_LINE, BadLines, too_long
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import loss

_MOST_FOLDS = 500_000
_LONGEST_HEADER = 65_536
_COMMON_HEADER = 200
_MOST_PARTS = 1_000
_NAME = re.compile(r"\s*(?:([A-Za-z0-9_-]{1,100})\s*\.)?\s*([A-Za-z0-9_-]{1,100})\s*$")
# Possessive, so that a quote without its end costs one pass.
_HEADER = re.compile(r'(?:[^":]++|"[^"]*+")*+:')
_ENCODINGS = frozenset({"QUOTED-PRINTABLE", "BASE64", "B", "Q", "8BIT", "7BIT"})
_ESCAPED = re.compile(r'\\([\\,;:"nN])')
_CARETS = re.compile(r"\^([n^'])")
_CARET_MEANS = {"n": "\n", "^": "^", "'": '"'}
# Stand for an escaped backslash and an escaped separator while a value is split; no text may hold them.
_BACKSLASH, _SEPARATOR = "\ufdd0", "\ufdd1"


@dataclass(slots=True)
class Property:
    """`name` and the names in `parameters` are upper case; `value` is unfolded, and otherwise as written."""

    name: str
    parameters: dict[str, list[str]]
    value: str
    group: str
    line: int

    def parameter(self, name: str) -> str:
        """The first value of a parameter, empty without it."""
        values = self.parameters.get(name)
        return values[0] if values else ""

    @property
    def types(self) -> list[str]:
        return [kind.strip().lower() for value in self.parameters.get("TYPE", ()) for kind in value.split(",")]

    @property
    def is_binary(self) -> bool:
        return self.parameter("ENCODING").upper() in ("B", "BASE64") or self.parameter("VALUE").upper() == "BINARY"

    def decoded(self) -> str:
        """The value with a quoted-printable encoding undone."""
        if self.parameter("ENCODING").upper() not in ("QUOTED-PRINTABLE", "Q"):
            return self.value
        encoded = binascii.a2b_qp(self.value.encode("utf-8"))
        charset = self.parameter("CHARSET")
        try:
            text = encoded.decode(charset, "replace") if charset else _guessed(encoded)
        except (LookupError, ValueError):
            text = _guessed(encoded)
        return text.replace("\r\n", "\n")

    def text(self) -> str:
        """The value as text, without escapes."""
        return unescape(self.decoded()).strip()

    def texts(self, separator: str) -> list[str]:
        """The parts of a structured value (`;`) or of a list (`,`)."""
        return split_escaped(self.decoded(), separator)


def _guessed(encoded: bytes) -> str:
    try:
        return encoded.decode("utf-8")
    except UnicodeDecodeError:
        return encoded.decode("cp1252", "replace")


def unescape(value: str) -> str:
    r"""A TEXT value without its escapes.

    >>> unescape(r"a\, b\nc")
    'a, b\nc'
    """
    if "\\" not in value:
        return value
    return _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)


def split_escaped(value: str, separator: str) -> list[str]:
    r"""Split at separators that are not escaped, and undo the escapes.

    >>> split_escaped(r"Doe;John;Richter\; James", ";")
    ['Doe', 'John', 'Richter; James']
    """
    if "\\" not in value:
        return [part.strip() for part in value.split(separator, _MOST_PARTS)]
    hidden = value.replace("\\\\", _BACKSLASH).replace(f"\\{separator}", _SEPARATOR)
    return [
        unescape(part.replace(_SEPARATOR, separator)).replace(_BACKSLASH, "\\").strip()
        for part in hidden.split(separator, _MOST_PARTS)
    ]


def properties(lines: Iterable[tuple[int, str]], bad_lines: BadLines) -> Iterator[Property]:
    """The properties of a file, unfolded; a line that is none is noted in `bad_lines`. Raises UnreadableFile for lines
    that no calendar or card has."""
    for number, line in _unfolded(lines):
        parsed = _parse(number, line)
        if parsed is not None:
            yield parsed
        else:
            bad_lines.add(loss("lines_left_out", "is no property and was left out"), number, line)


def _unfolded(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    parts: list[str] = []
    start = length = 0
    quoted = base64 = False
    for number, line in lines:
        if quoted and parts[-1].endswith("=") and line[:4].upper() != "END:":
            # A quoted-printable value goes on without the mark of folding.
            parts[-1] = parts[-1][:-1]
        elif not line or line.isspace():
            # Not the end of a property: some programs put an empty line in front of a folded one.
            continue
        elif parts and line[0] in " \t":
            line = line[1:]
        elif not base64 or ":" in line:
            if parts:
                yield start, "".join(parts)
            header = line[:_LONGEST_HEADER].upper() if ";" in line else ""
            quoted = "QUOTED-PRINTABLE" in header
            # Some phones do not fold their photos; Base64 has no colon.
            base64 = "BASE64" in header or "ENCODING=B" in header
            parts, start, length = [line], number, len(line)
            continue
        parts.append(line)
        length += len(line)
        if length > LONGEST_LINE:
            raise too_long(start)
        if len(parts) > _MOST_FOLDS:
            raise UnreadableFile(
                f"Line {start:,} goes on over more than {_MOST_FOLDS:,} lines, which none of such a file does."
            )
    if parts:
        yield start, "".join(parts)


def _parse(number: int, line: str) -> Property | None:
    colon = line.find(":", 0, _LONGEST_HEADER)
    if colon < 0:
        return None
    if '"' in line[:colon]:
        quoted = _HEADER.match(line, 0, _LONGEST_HEADER)
        colon = quoted.end() - 1 if quoted else colon
    header = line[:colon]
    parsed = _common_header(header) if colon < _COMMON_HEADER else _parse_header(header)
    if parsed is None:
        return None
    group, name, parameters = parsed
    return Property(name, parameters, line[colon + 1 :], group, number)


def _parse_header(header: str) -> tuple[str, str, dict[str, list[str]]] | None:
    """Group, name and parameters."""
    name, *parameters = _split_unquoted(header, ";")
    match = _NAME.match(name)
    return (match[1] or "", match[2].upper(), _parameters(parameters)) if match else None


# The headers of a file are few and come again in every entry; nobody changes their parameters.
_common_header = lru_cache(maxsize=4096)(_parse_header)


def _parameters(written: list[str]) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {}
    for parameter in written:
        name, equals, value = parameter.partition("=")
        name = name.strip().upper()
        if not equals:
            # vCard 2.1 writes the value alone.
            name, value = ("ENCODING" if name in _ENCODINGS else "TYPE"), name
        values = [
            _CARETS.sub(lambda match: _CARET_MEANS[match[1]], part.strip().strip('"'))
            for part in _split_unquoted(value, ",")
        ]
        result.setdefault(name, []).extend(part for part in values if part)
    return result


def _split_unquoted(text: str, separator: str) -> list[str]:
    if '"' not in text:
        return text.split(separator)
    outside = text.split('"')
    outside[::2] = [part.replace(separator, _SEPARATOR) for part in outside[::2]]
    return '"'.join(outside).split(_SEPARATOR)
