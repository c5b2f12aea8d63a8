"""The elements of an OFX file, 1.x (SGML) and 2.x (XML), as they stand.

The tags are read here and not by ofxtools, whose parser is made for files that keep to the specification: it takes an
empty element without its end (`<MEMO>`) for an aggregate and everything after it for its content, so that fields get
lost, stops at text after an element and at headers with fields missing, and its models refuse a whole statement for
one aggregate in a wrong place. All of that is in what banks write. Its models do say what is a date and what an
amount (`ofx_schema`). Only the entities of characters are resolved, and nothing outside of the file is ever opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flowml.domain.errors import UnreadableFile

_CHUNK = 1 << 20
_LONGEST_TEXT = 1_000_000
_LONGEST_TAG = 1_000
_MOST_DEPTH = 100
_MOST_ELEMENTS = 150_000
_MOST_STRAY = 100_000
_TAG = re.compile(r"(/?)([A-Za-z][A-Za-z0-9._-]{0,63})(?:\s[^>]*)?(?<!/)(/?)$")
_ENTITY = re.compile(r"&(amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_CHARACTERS = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": " "}
# The only entry inside of another that is one of its own.
_OWN_INSIDE = ("INVBAL", "BAL")


@dataclass(slots=True)
class Element:
    """`text` is its content, or `children` are where it is an aggregate; `line` is where it begins."""

    tag: str
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def leaves(self) -> dict[str, str]:
        """The texts directly inside, by their tag."""
        return {child.tag: child.text for child in self.children if child.text}

    def size(self) -> int:
        return 1 + sum(child.size() for child in self.children)


class Statements:
    """A file's elements of the tags in `wanted`, in the order in which they end.

    SGML lets an element go without its end tag: it then ends where the next begins, or where what is around it ends.
    `leaves` are the tags known to have no elements inside; for others it shows once what is around them ends.
    `cut_off` says after reading whether the file ended too early. `path` is a text in UTF-8.
    """

    def __init__(self, path: Path, wanted: frozenset[str], leaves: frozenset[str]):
        self.cut_off = False
        self._path = path
        self._wanted = wanted
        self._leaves = leaves
        self._stack: list[Element] = []
        self._live = 0

    def __iter__(self) -> Iterator[Element]:
        """Raises UnreadableFile for what no statement is."""
        stray = 0
        for line, closes, tag, text in _tokens(self._path):
            if not closes:
                yield from self._open(tag, line, text)
            elif any(element.tag == tag for element in self._stack):
                yield from self._close_through(tag)
            else:
                stray += 1
                if stray > _MOST_STRAY:
                    raise UnreadableFile(f"The file has more than {_MOST_STRAY:,} end tags that end nothing.")
        self.cut_off = any(element.tag in self._wanted or element.tag == "OFX" for element in self._stack)
        while self._stack:
            yield from self._close(ended=False)

    def _open(self, tag: str, line: int, text: str) -> Iterator[Element]:
        if self._stack and (self._stack[-1].text or self._stack[-1].tag in self._leaves):
            yield from self._close(ended=True)
        if tag in self._wanted and any(element.tag == tag for element in self._stack):
            # The one before has lost its end.
            yield from self._close_through(tag)
        self._live += 1
        if self._live > _MOST_ELEMENTS or len(self._stack) >= _MOST_DEPTH:
            raise UnreadableFile(
                f"The file's elements are nested or piled up as in no statement, up to line {line:,}.",
                hint="Download the statement again.",
            )
        self._stack.append(Element(tag, line, text))

    def _close_through(self, tag: str) -> Iterator[Element]:
        while self._stack[-1].tag != tag:
            yield from self._close(ended=False)
        yield from self._close(ended=True)

    def _close(self, *, ended: bool) -> Iterator[Element]:
        done = self._stack.pop()
        around = next((element.tag for element in reversed(self._stack) if element.tag in self._wanted), None)
        if done.tag in self._wanted and (around is None or (around, done.tag) == _OWN_INSIDE):
            self._live -= done.size()
            yield done
        elif self._stack:
            parent = self._stack[-1].children
            parent.append(done)
            if not ended and done.children:
                # It was empty: what came after it belongs beside it.
                parent += done.children
                done.children = []


def _tokens(path: Path) -> Iterator[tuple[int, bool, str, str]]:
    """Line, whether it is an end tag, tag in upper case, and the text after it."""
    tag: tuple[int, bool, str] | None = None
    texts: list[str] = []
    for line, markup, text in _markup(path):
        match = _TAG.match(markup) if len(markup) <= _LONGEST_TAG else None
        if match is None:
            # A less-than sign in a text, or text out of a CDATA section.
            texts.append(text)
            if sum(map(len, texts)) > _LONGEST_TEXT or len(texts) > 10_000:
                raise _too_long(line)
            continue
        if tag is not None:
            yield *tag, "".join(texts).strip()
        tag, texts = (line, bool(match[1]), match[2].upper()), [_unescape(text)]
        if match[3]:
            yield *tag, ""
            tag, texts = (line, True, match[2].upper()), [""]
    if tag is not None:
        yield *tag, "".join(texts).strip()


def _markup(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, what stands between `<` and `>`, and the text after it; text alone where it is no markup."""
    until, kept = "", ""
    for line, piece in _pieces(path):
        if not until and piece.startswith(("![CDATA[", "!--")):
            until = "]]>" if piece.startswith("![") else "-->"
            kept, piece = "", piece.removeprefix("![CDATA[").removeprefix("!--")
        elif until:
            piece = f"<{piece}"
        if until:
            inside, end, after = piece.partition(until)
            kept += inside
            if len(kept) > _LONGEST_TEXT:
                raise _too_long(line)
            if end:
                yield line, "", (kept if until == "]]>" else "") + _unescape(after)
                until = ""
            continue
        if piece[:8].upper() == "!ENTITY " or (piece[:8].upper() == "!DOCTYPE" and "[" in piece):
            raise UnreadableFile(
                f"The file declares entities of its own (line {line:,}), which no statement of a bank does.",
                hint="Download the statement again.",
            )
        markup, end, text = piece.partition(">")
        if not end:
            yield line, "", _unescape(f"<{piece}")
        elif markup[:1] not in ("?", "!"):
            yield line, markup, text if _TAG.match(markup[:_LONGEST_TAG]) else _unescape(f"<{piece}")


def _pieces(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text from one `<` to the next."""
    rest, line, first = "", 1, True
    with path.open(encoding="utf-8", newline="\n") as file:
        while chunk := file.read(_CHUNK):
            pieces = (rest + chunk).split("<")
            rest = pieces.pop()
            if len(rest) > _LONGEST_TEXT:
                raise _too_long(line)
            for piece in pieces:
                # Before the first one stands the header.
                if not first:
                    yield line, piece
                first = False
                line += piece.count("\n")
    if not first:
        yield line, rest


def _unescape(text: str) -> str:
    if "&" not in text:
        return text

    def character(match: re.Match[str]) -> str:
        name = match[1]
        if name[0] != "#":
            return _CHARACTERS[name]
        code = int(f"0{name[1:]}", 0) if name[1] in "xX" else int(name[1:])
        return chr(code) if 0 < code < 0xD800 or 0xE000 <= code <= 0x10FFFF else "\ufffd"

    return _ENTITY.sub(character, text)


def _too_long(line: int) -> UnreadableFile:
    return UnreadableFile(
        f"The text from line {line:,} on is longer than {_LONGEST_TEXT:,} characters, which none of a statement is.",
        hint="Download the statement again.",
    )
