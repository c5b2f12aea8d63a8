"""The lines of a text file in any encoding, and those of them that could not be used."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from flowml.data.decoding.encoding import Encoding, detect_encoding, to_utf8
from flowml.data.decoding.nul import said_of_nuls
from flowml.data.format import Option, Reading, Source
from flowml.domain.errors import InvalidInput, UnreadableFile
from flowml.domain.remarks import Remark, loss
from flowml.domain.wording import shortened

# The longest lines that people have are photos in Base64.
LONGEST_LINE = 16_000_000
_MOST_BLANK_LINES = 500_000
_MOST_BAD_LINES = 20_000
_NAMED = 5
_SHOWN = 60

ENCODING = Option("encoding", "such as utf-8 or cp1252")

# Kinds of lines that could not be used, as `BadLines` counts them.
NO_DATE = loss("values_left_out", "has no date that can be read, so it was left out")
NO_NUMBER = loss("values_left_out", "has no number, so it was left out")
NO_PLACE = loss("values_left_out", "has no place that can be read, so it was left out")


def encoding_of(source: Source, fallback: str | None = None) -> Encoding:
    """The encoding of a file: what its owner said, what its bytes show, and where these show only that it is some
    code page, the `fallback` that the file itself names."""
    encoding = detect_encoding(source.path, source.text_option("encoding"))
    if fallback and not source.options.get("encoding") and encoding.name in ("cp1252", "latin-1"):
        with contextlib.suppress(InvalidInput):
            return detect_encoding(source.path, fallback)
    return encoding


def utf8(source: Source, encoding: Encoding) -> Path:
    """The file's text in UTF-8 with line feeds, made once."""
    target = source.scratch / "text"
    if not target.exists():
        to_utf8(source.path, encoding, target)
    return target


def lines(source: Source, encoding: Encoding) -> Iterator[tuple[int, str]]:
    """Number and text of each line, without its end. Raises UnreadableFile for lines that no such file has."""
    number, blank = 0, 0
    with utf8(source, encoding).open(encoding="utf-8", newline="\n") as file:
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise too_long(number)
            if line == "\n":
                blank += 1
                if blank > _MOST_BLANK_LINES:
                    raise UnreadableFile(f"The file has more than {_MOST_BLANK_LINES:,} empty lines.")
            yield number, line.removesuffix("\n")


def too_long(number: int) -> UnreadableFile:
    return UnreadableFile(
        f"Line {number:,} is longer than {LONGEST_LINE:,} characters, which no line of such a file is.",
        hint="Export the file again.",
    )


class BadLines:
    """Lines and values that could not be used, a few of each kind named and the others counted."""

    def __init__(self) -> None:
        self._count: dict[Remark, int] = {}
        self._named: dict[Remark, list[str]] = {}

    def add(self, kind: Remark, number: int, content: str) -> None:
        """Note that line `number` is of a kind, whose text says what it is or has: “has no number, so it was left out”.
        Raises UnreadableFile when so many are that the file cannot be what it says."""
        count = self._count[kind] = self._count.get(kind, 0) + 1
        if count > _MOST_BAD_LINES:
            raise UnreadableFile(
                f"More than {_MOST_BAD_LINES:,} lines of the file cannot be understood, the last at line {number:,}:"
                f" “{shown(content)}” {kind.text}.",
                hint="Export the file again.",
            )
        if count <= _NAMED:
            self._named.setdefault(kind, []).append(f"Line {number:,} {kind.text}: “{shown(content)}”.")

    def remarks(self) -> list[Remark]:
        """One for each line that is named, and one for all others of its kind."""
        result = []
        for kind, named in self._named.items():
            sentences = list(named)
            if left := self._count[kind] - len(named):
                sentences.append(f"{left:,} more {'line' if left == 1 else 'lines'} like this: {kind.text}.")
            result += [replace(kind, text=sentence) for sentence in sentences]
        return result


def shown(content: str) -> str:
    """A line as it may stand in a sentence."""
    text = "".join(character if character.isprintable() else " " for character in content[: _SHOWN + 1])
    return shortened(text, _SHOWN)


def say_encoding(reading: Reading, encoding: Encoding) -> None:
    """Tell in a reading which encoding was taken."""
    reading.decided["encoding"] = encoding.name
    reading.remarks += said_of_nuls(encoding.nuls)
    if encoding.broken:
        said = f"Some bytes are no valid {encoding.name} and were replaced by “\ufffd”."
        reading.remarks.append(loss("damaged_characters", said))
