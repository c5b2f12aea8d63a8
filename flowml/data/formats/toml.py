"""TOML: arrays of tables, tables by their key, and single records."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from flowml.data.decoding.encoding import looks_like_text
from flowml.data.format import NO, POSSIBLE, Format, Option, Reading, Source
from flowml.domain.errors import UnreadableFile

_ARRAY_OF_TABLES = re.compile(rb"^[ \t]*\[\[[^\]\n]{1,200}\]\][ \t\r]*(#[^\n]*)?$", re.MULTILINE)
_LARGEST = 50_000_000
# tomllib takes time by the square of the parts of a key.
_LONG_KEY = re.compile(rb"(\.[ \t]*[\w\"'-]+[ \t]*){60}")


def sniff(head: bytes, path: Path) -> float:
    if not head or not looks_like_text(head):
        return NO
    return POSSIBLE + 0.2 if _ARRAY_OF_TABLES.search(head) and b"=" in head else POSSIBLE


def read(source: Source) -> Reading:
    from flowml.data.nested.shapes import read_document

    content = source.path.read_bytes()
    if len(content) > _LARGEST:
        raise UnreadableFile(
            f"The TOML is larger than {_LARGEST // 1_000_000} MB.", hint="Export the table as JSON Lines or Parquet."
        )
    if _LONG_KEY.search(content):
        raise UnreadableFile("The TOML is nested too deeply to be a table.", hint="Flatten it first.")
    try:
        document = tomllib.loads(content.decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise UnreadableFile(f"The file is not valid TOML: {error}.", hint="It may be cut off.") from error
    except RecursionError as error:
        raise UnreadableFile("The TOML is nested too deeply to be a table.", hint="Flatten it first.") from error
    except UnicodeDecodeError as error:
        raise UnreadableFile("The file is not valid TOML: it is not UTF-8 text.", hint="Save it as UTF-8.") from error
    return read_document(document, "TOML", source, [])


FORMAT = Format(
    name="toml",
    title="TOML",
    extensions=("toml",),
    sniff=sniff,
    read=read,
    options=(Option("table", "the name of the list of tables to read"),),
)
