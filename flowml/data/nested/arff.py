"""ARFF (Weka's attribute-relation file format, dense and sparse): the header says what each column is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flowml.data.entries.text import encoding_of, lines, say_encoding
from flowml.data.format import Reading, Source
from flowml.data.names import unique_names
from flowml.data.nested.records import Columns
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import loss

_WORD = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_WORD}|[^\s{{]+)\s*(.*)", re.IGNORECASE)
# Blanks around a value are matched with it: apart, a long run of them could be divided in too many ways.
_VALUE = re.compile(rf"\s*({_WORD})\s*(?:,|$)|([^,]*)(?:,|$)")
_LEVEL = re.compile(rf"\s*({_WORD})\s*(?:[,}}]|$)|([^,}}]*)(?:[,}}]|$)")
_INDEX = re.compile(r"\s*(\d{1,9})\s")
# Where a line has no comma, blanks and tabs stand between its values.
_APART = re.compile(rf"{_WORD}|\S+")
_QUOTED = re.compile(_WORD)
_WEIGHT = re.compile(r",\s*\{[^{}]*\}\s*$")
_ESCAPED = re.compile(r"\\(.)")
_NUMBERS = ("numeric", "real", "integer")
_WHOLE = re.compile(r"[-+]?\d{1,18}$")
_SHOWN_LINES = 5
_TOLERATED_SHARE = 0.1


@dataclass(frozen=True)
class _Attribute:
    """`first` is what a sparse row has where it says nothing: zero, or the first of the levels."""

    is_number: bool
    first: Any


def read_arff(source: Source) -> Reading:
    """Raises UnreadableFile where the header makes no sense, or too many rows do not fit it."""
    encoding = encoding_of(source)
    numbered = _statements(lines(source, encoding))
    attributes: list[_Attribute] = []
    names: list[str] = []
    for number, line in numbered:
        word = line.split(None, 1)[0].lower()
        if word == "@data":
            break
        if word == "@attribute":
            name, attribute = _attribute(line, number)
            names.append(name)
            attributes.append(attribute)
            source.limits.check(0, len(names))
        elif word != "@relation":
            raise UnreadableFile(f"Line {number:,} of the ARFF file is no part of a header: “{line[:80]}”.")
    if not attributes:
        raise UnreadableFile("The ARFF file declares no columns.", hint="Export it again.")
    titles, remarks = unique_names(names)
    columns = Columns(source.limits, for_model=bool(source.expected))
    bad: list[str] = []
    n_bad = 0
    weights = 0
    for number, line in numbered:
        if _WEIGHT.search(line) and not line.startswith("{"):
            line, weights = _WEIGHT.sub("", line), weights + 1
        values = _sparse(line, attributes) if line.startswith("{") else _dense(line, attributes)
        if values is None:
            n_bad += 1
            if len(bad) < _SHOWN_LINES:
                bad.append(f"line {number:,}: “{line[:80]}”")
        else:
            columns.add(dict(zip(titles, values, strict=True)))
    if n_bad > max(1, _TOLERATED_SHARE * (columns.height + n_bad)):
        raise UnreadableFile(
            f"{n_bad:,} of {columns.height + n_bad:,} rows do not fit the columns that the ARFF file declares,"
            f" for example {bad[0]}."
        )
    if n_bad:
        rows = (
            "1 row does not fit the columns and was"
            if n_bad == 1
            else f"{n_bad:,} rows do not fit the columns and were"
        )
        remarks.append(loss("rows_left_out", f"{rows} left out: {'; '.join(bad)}."))
    if weights:
        remarks.append(loss("weights_left_out", f"The weights of {weights:,} rows were left out."))
    reading = Reading(columns.frame(remarks), "arff", typed=True, remarks=remarks, given=columns.given)
    say_encoding(reading, encoding)
    return reading


def _statements(numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The lines that are neither blank nor a comment."""
    for number, line in numbered:
        stripped = line.strip()
        if stripped and not stripped.startswith("%"):
            yield number, stripped


def _attribute(line: str, number: int) -> tuple[str, _Attribute]:
    match = _ATTRIBUTE.match(line)
    kind = match[2].strip() if match else ""
    word = kind.split(None, 1)[0].lower() if kind else ""
    if match is None or not (kind.startswith("{") or word in (*_NUMBERS, "string", "date")):
        hint = "Columns are numeric, string, date or a list of levels {a, b}."
        raise UnreadableFile(f"Line {number:,} of the ARFF file declares no column: “{line[:80]}”.", hint=hint)
    if word in _NUMBERS:
        return _plain(match[1]), _Attribute(is_number=True, first=0)
    level = _LEVEL.match(kind, 1) if kind.startswith("{") else None
    return _plain(match[1]), _Attribute(is_number=False, first=None if level is None else _plain(_word(level)))


def _word(match: re.Match[str]) -> str:
    return match[1] or (match[2] or "").strip()


def _plain(word: str) -> str:
    return _ESCAPED.sub(r"\1", word[1:-1]) if len(word) > 1 and word[0] in "'\"" and word[-1] == word[0] else word


def _dense(line: str, attributes: list[_Attribute]) -> list[Any] | None:
    if "," not in (_QUOTED.sub("", line) if "\t" in line else line):
        words = _APART.findall(line)
        return _typed(words if len(words) == len(attributes) else [line], attributes)
    words = []
    at = 0
    while at <= len(line):
        match = _VALUE.match(line, at)
        if match is None or len(words) == len(attributes):
            return None
        words.append(_word(match))
        # Behind a comma at the end there is one more value, which is empty.
        at = match.end() if match[0].endswith(",") else len(line) + 1
    return _typed(words, attributes)


def _sparse(line: str, attributes: list[_Attribute]) -> list[Any] | None:
    values: list[Any] = [attribute.first for attribute in attributes]
    inside = line[1:].removesuffix("}").strip()
    end = 0
    while end < len(inside):
        index = _INDEX.match(inside, end)
        value = index and _LEVEL.match(inside, index.end())
        if index is None or value is None or (at := int(index[1])) >= len(attributes):
            return None
        typed = _typed([_word(value)], attributes[at : at + 1])
        if typed is None:
            return None
        values[at] = typed[0]
        end = value.end()
    return values


def _typed(words: list[str], attributes: list[_Attribute]) -> list[Any] | None:
    """None where there are too few or too many, or a number is none."""
    if len(words) != len(attributes):
        return None
    values: list[Any] = []
    for word, attribute in zip(words, attributes, strict=True):
        text = _plain(word)
        if word in ("?", ""):
            values.append(None)
        elif not attribute.is_number:
            values.append(text)
        elif _WHOLE.match(text):
            values.append(int(text))
        else:
            try:
                values.append(float(text))
            except ValueError:
                return None
    return values
