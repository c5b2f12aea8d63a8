"""NUL characters in a text: a few are damage and left out, many mean that the file is no text."""

from __future__ import annotations

from flowml.data.named_lines import NamedLines
from flowml.domain.remarks import Remark, loss

_MOST_IN_SMALL = 3
_BYTES_EACH = 10_000


def most_nuls(size: int) -> int:
    """How many of them a text of so many bytes may have.

    >>> most_nuls(24), most_nuls(1_000_000)
    (3, 100)
    """
    return max(_MOST_IN_SMALL, size // _BYTES_EACH)


def note_nuls(chunk: bytes, lines_before: int, named: NamedLines) -> None:
    """Add the lines of a piece of a file that have NULs in them; `lines_before` is how many end before the piece."""
    for at, line in enumerate(chunk.split(b"\n") if b"\n" in chunk else chunk.split(b"\r"), start=1):
        if b"\x00" in line:
            named.add(lines_before + at, line.replace(b"\x00", b"").decode("utf-8", "replace"))


def said_of_nuls(named: NamedLines) -> list[Remark]:
    """The remark that names them, where there are any."""
    if not named.total:
        return []
    said = named.sentence(
        "1 line has a NUL character, which was left out", "lines have NUL characters, which were left out"
    )
    return [loss("damaged_characters", said)]
