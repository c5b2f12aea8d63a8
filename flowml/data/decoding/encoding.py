"""Which encoding a text file is in, and the same file as UTF-8."""

import codecs
import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path

from flowml.data.decoding.codepages import guess_codepage
from flowml.data.decoding.nul import most_nuls, note_nuls
from flowml.data.named_lines import NamedLines
from flowml.domain.errors import InvalidInput, UnreadableFile

_CHUNK = 4 << 20
_JUDGED_BYTES = 1 << 19
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What text may contain below the space: tab, line feed, vertical tab, form feed, carriage return, escape, and the
# end-of-file mark that old spreadsheets append.
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x19\x1c-\x1f\x7f]")
# What a table of any script has between its values, or in them.
_BETWEEN = " ,;\t|0123456789"
_UNDEFINED_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


@dataclass(frozen=True)
class Encoding:
    """`name` is Python's; `mark` how many bytes of byte order mark come first; `broken` whether some bytes are not
    of this encoding and will be replaced; `guessed` whether it was judged by how the text looks; `nuls` are the lines
    with NULs in them, which will be left out."""

    name: str
    mark: int = 0
    broken: bool = False
    guessed: bool = False
    nuls: NamedLines = field(default_factory=NamedLines)

    @property
    def is_clean_utf8(self) -> bool:
        """Whether the text can be read as it stands in the file, apart from a mark."""
        return self.name == "utf-8" and not self.broken and not self.nuls.total


def looks_like_text(head: bytes) -> bool:
    """Whether the first bytes of a file can be text at all.

    >>> looks_like_text(b"a,b\\n1,2\\n"), looks_like_text(bytes(range(64)))
    (True, False)
    """
    if any(head.startswith(mark) for mark, _ in _MARKS) or _utf16_without_mark(head):
        return True
    if 0 < head.count(0) <= most_nuls(len(head)):
        head = head.replace(b"\x00", b"")
    controls = len(_CONTROL.findall(head))
    return controls <= len(head) // 500 or (controls <= len(head) // 5 and b"\x00" not in head and _is_utf8(head))


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def detect_encoding(path: Path, asked: str | None = None) -> Encoding:
    """The encoding of a whole file. `asked` is what its owner said. Raises InvalidInput for an unknown name,
    UnreadableFile when the content is not text."""
    with path.open("rb") as file:
        head = file.read(65_536)
    mark, marked = next(((len(mark), name) for mark, name in _MARKS if head.startswith(mark)), (0, None))
    if asked is not None:
        name = _known(asked)
        if name.startswith("utf-8") and not _is_utf8_throughout(path):
            raise _not_in(name)
        mark = mark if marked and name[:6] == marked[:6] else 0
        # In encodings of two and four bytes zeros are no characters.
        nuls = NamedLines() if name.startswith(("utf-16", "utf-32")) else _nuls(path, believed=True)
        return Encoding("utf-8" if name == "utf-8-sig" else name, mark, nuls=nuls)
    if marked is not None:
        return Encoding(marked, mark, nuls=_nuls(path) if marked == "utf-8" else NamedLines())
    if guessed := _utf16_without_mark(head):
        return Encoding(guessed)
    return _eight_bit(path)


def to_utf8(path: Path, encoding: Encoding, target: Path) -> Encoding:
    """Write the file's text as UTF-8 with line feeds only; returns the encoding as it turned out to be. Raises
    UnreadableFile when the file is not in the encoding that was asked for."""
    errors = "replace" if encoding.broken else "strict"
    try:
        with path.open("rb") as raw:
            raw.seek(encoding.mark)
            decoder = codecs.getincrementaldecoder(encoding.name)(errors)
            newlines = _Newlines()
            with target.open("w", encoding="utf-8", newline="") as out:
                while chunk := raw.read(_CHUNK):
                    text = decoder.decode(chunk)
                    out.write(newlines.feed(text.replace("\x00", "") if encoding.nuls.total else text))
                out.write(newlines.feed(decoder.decode(b"", final=True)))
    except UnicodeError as error:
        if encoding.guessed:
            return to_utf8(path, dataclasses.replace(encoding, broken=True, guessed=False), target)
        raise _not_in(encoding.name) from error
    return encoding


def _not_in(name: str) -> UnreadableFile:
    return UnreadableFile(
        f"The file is not in the encoding {name}.",
        hint="Leave the option “encoding” out to have it detected, or save the file as UTF-8.",
    )


def _is_utf8_throughout(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if not chunk.isascii() or decoder.getstate()[0]:
                    decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


class _Newlines:
    """Turns CR LF and CR into LF across pieces of text."""

    def __init__(self) -> None:
        self._after_return = False

    def feed(self, text: str) -> str:
        if not text:
            return text
        ends_with_return = text.endswith("\r")
        if self._after_return and text.startswith("\n"):
            text = text[1:]
        self._after_return = ends_with_return
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _known(name: str) -> str:
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        found = None
    if found is None or not found._is_text_encoding:
        raise InvalidInput.of_field(
            "options.encoding", f"There is no encoding called “{name[:40]}”.", hint="For example utf-8, cp1252."
        )
    return found.name


def _utf16_without_mark(head: bytes) -> str | None:
    """Western text in UTF-16 has a zero in nearly every second byte; in other scripts at least blanks, digits and line
    ends have one."""
    sample = head[: min(4096, len(head) // 2 * 2)]
    half = len(sample) // 2
    if half < 4:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > half * 0.7 and even < half * 0.05:
        return "utf-16-le"
    if even > half * 0.7 and odd < half * 0.05:
        return "utf-16-be"
    for name, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros > half * 0.02 and others == 0:
            # The piece may end between the two halves of a character.
            text = sample.decode(name, "replace").rstrip("\ufffd")
            if "\n" in text and any(sign in text for sign in _BETWEEN) and _is_readable(text):
                return name
    return None


def _is_readable(text: str) -> bool:
    return all(character.isprintable() or character in "\t\r\n\u3000\u00a0" for character in text)


def _eight_bit(path: Path) -> Encoding:
    decoder = codecs.getincrementaldecoder("utf-8")()
    last = b""
    has_nuls = False
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            has_nuls = has_nuls or b"\x00" in chunk
            if chunk.isascii() and not decoder.getstate()[0]:
                continue
            last = chunk
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                return dataclasses.replace(_not_utf8(chunk, error.start), nuls=_nuls(path))
    nuls = _nuls(path) if has_nuls else NamedLines()
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return dataclasses.replace(_not_utf8(last, max(0, len(last) - 4)), nuls=nuls)
    return Encoding("utf-8", nuls=nuls)


def _nuls(path: Path, *, believed: bool = False) -> NamedLines:
    """The lines with NULs. Where these are so many that the file is no text, raises UnreadableFile, or is `believed`
    and keeps them."""
    named = NamedLines()
    n_nuls, lines = 0, 0
    most = most_nuls(path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if b"\x00" in chunk:
                n_nuls += chunk.count(0)
                if n_nuls > most and believed:
                    return NamedLines()
                if n_nuls > most:
                    raise UnreadableFile(
                        "The file contains binary data, not a table of text.",
                        hint="Export it again as CSV from the program it came from.",
                    )
                note_nuls(chunk, lines, named)
            lines += chunk.count(b"\n")
    return named


def _not_utf8(chunk: bytes, offset: int) -> Encoding:
    """Mostly valid UTF-8 is UTF-8 with damage; anything else is of a time before, or of a place that kept to it.

    `offset` is where in the chunk UTF-8 ended.
    """
    text = chunk.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    beyond_ascii = sum(len(run) for run in re.findall(r"[^\x00-\x7f\ufffd]+", text))
    if beyond_ascii > 20 * damaged:
        return Encoding("utf-8", broken=True)
    start = max(0, offset - 1000)
    # Whole lines, so that no character is cut in two.
    start = chunk.find(b"\n", start, offset) + 1 if start else 0
    guessed = guess_codepage(chunk[start : start + _JUDGED_BYTES])
    if guessed is not None:
        return Encoding(guessed, guessed=True)
    return Encoding("latin-1" if _UNDEFINED_IN_CP1252.search(chunk) else "cp1252", guessed=True)
