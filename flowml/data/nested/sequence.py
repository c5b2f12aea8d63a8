"""JSON values that stand one after another in a file, with or without line ends or commas between them: what jq,
Firehose and RFC 7464 write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowml.domain.errors import UnreadableFile

_CHUNK = 4 << 20
_LONGEST_VALUE = 64 << 20
# The record separator of RFC 7464, and the commas of a list that has lost its brackets.
_BETWEEN = re.compile(r"[\s\x1e]*(?:,[\s\x1e]*)?")
_OPENING = ("{", "[")
# “1.” and “1e+” are the beginning of a number, of which a parser takes the 1.
_LONGEST_EXPONENT = 3


def values(path: Path) -> Iterator[Any]:
    """The values of a UTF-8 file, one piece of it in memory at a time. Raises UnreadableFile naming the line."""
    decoder = json.JSONDecoder()
    text, line, column = "", 1, 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        while True:
            chunk = _read(file, max(_CHUNK, len(text)))
            text += chunk
            at = 0
            while True:
                between = _BETWEEN.match(text, at)
                start = between.end() if between else at
                if start == len(text):
                    break
                try:
                    value, end = decoder.raw_decode(text, start)
                except json.JSONDecodeError as error:
                    if not chunk or len(text) - start > _LONGEST_VALUE:
                        raise _not_valid(error, line, column) from error
                    break
                except ValueError as error:
                    raise UnreadableFile(
                        "The JSON holds a number of far too many digits.", hint="Write it as text."
                    ) from error
                except RecursionError as error:
                    raise UnreadableFile(
                        "The JSON is nested too deeply to be a table.", hint="Flatten it first."
                    ) from error
                if text[start] not in _OPENING and end > len(text) - _LONGEST_EXPONENT and chunk:
                    # A number may go on in the next piece.
                    break
                yield value
                at = end
            line += text.count("\n", 0, at)
            newline = text.rfind("\n", 0, at)
            column = column + at if newline < 0 else at - newline - 1
            text = text[at:]
            if not chunk:
                return


def _read(file: Any, size: int) -> str:
    try:
        return str(file.read(size))
    except UnicodeError as error:
        raise UnreadableFile("The file is not valid JSON: it is not UTF-8 text.", hint="Save it as UTF-8.") from error


def _not_valid(error: json.JSONDecodeError, line: int, column: int) -> UnreadableFile:
    """The text with the error begins behind so many characters (`column`) of a line."""
    at_line = line + error.lineno - 1
    at_column = error.colno + column * (error.lineno == 1)
    return UnreadableFile(
        f"The file is not valid JSON: {error.msg.lower()} at line {at_line:,}, column {at_column:,}.",
        hint="It may be cut off. Export it again.",
    )
