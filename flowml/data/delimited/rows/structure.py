"""One fast pass over the bytes of a delimited UTF-8 file: is every record whole, and where would parsing go wrong?

Quotation marks are followed by parity: inside quotes there has been an odd number of them, and a doubled mark changes
it twice. That holds for every file that keeps to RFC 4180, and where a file does not, `stray_quotes` says so.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_CHUNK = 4 << 20
_NEWLINE, _RETURN, _QUOTE = 10, 13, 34


@dataclass
class Structure:
    """What was counted. `inner_breaks` are line ends inside quoted values, `anchors` the offsets of record starts,
    about one in each 4 MiB of the file, `anchor_records` how many records are before each."""

    records: int = 0
    ragged: int = 0
    blank: int = 0
    trailing_blank: int = 0
    stray_quotes: int = 0
    inner_breaks: int = 0
    open_quote: bool = False
    longest_record: int = 0
    widest_record: int = 0
    anchors: list[int] = field(default_factory=list)
    anchor_records: list[int] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether a strict parser reads the file exactly as it stands, apart from blank lines at its end."""
        return self.ragged == 0 and self.stray_quotes == 0 and not self.open_quote and self.blank == self.trailing_blank


def scan(path: Path, delimiter: str, width: int, *, start: int = 0) -> Structure:
    """Count the records from the byte `start` on; `ragged` are those that do not have `width` fields."""
    structure = Structure(anchors=[start], anchor_records=[0])
    delimiter_byte = ord(delimiter) if delimiter else -1
    in_quotes = 0
    fields_open, bytes_open = 0, 0
    previous = _NEWLINE
    offset = start
    for piece in _pieces(path, start, delimiter_byte):
        data, ends, splits = piece.data, piece.ends, piece.splits
        if len(piece.quotes) or in_quotes:
            inside = inside_quotes(len(data), piece.quotes, in_quotes)
            structure.inner_breaks += int(np.count_nonzero(inside[ends]))
            ends, splits = ends[~inside[ends]], splits[~inside[splits]]
            structure.stray_quotes += _stray(data, piece.quotes, in_quotes, previous, piece.following, delimiter_byte)
            in_quotes = (in_quotes + len(piece.quotes)) & 1
        if len(ends):
            _count_records(structure, data, ends, splits, width, fields_open, bytes_open, previous)
            last = int(ends[-1])
            structure.anchors.append(offset + last + 1)
            structure.anchor_records.append(structure.records)
            fields_open = int(len(splits) - np.searchsorted(splits, last))
            bytes_open = len(data) - last - 1
        else:
            fields_open += len(splits)
            bytes_open += len(data)
        # A record that never ends, behind an open quotation mark, is one too.
        structure.longest_record = max(structure.longest_record, bytes_open)
        previous = int(data[-1])
        offset += len(data)
    structure.open_quote = bool(in_quotes)
    structure.anchors.pop()
    structure.anchor_records.pop()
    return structure


@dataclass
class _Piece:
    """Some of the bytes of a file, where line ends, delimiters and quotation marks are in it, and the byte after it."""

    data: NDArray[np.uint8]
    ends: NDArray[np.intp]
    splits: NDArray[np.intp]
    quotes: NDArray[np.intp]
    following: bytes


def _pieces(path: Path, start: int, delimiter: int) -> Iterator[_Piece]:
    """The pieces of a file in their order. The next ones are looked through while one is counted."""

    def look(chunk: bytes, following: bytes) -> _Piece:
        if not following and not chunk.endswith(b"\n"):
            chunk += b"\n"
        data = np.frombuffer(chunk, dtype=np.uint8)
        splits = np.flatnonzero(data == delimiter) if delimiter >= 0 else np.empty(0, dtype=np.intp)
        return _Piece(data, np.flatnonzero(data == _NEWLINE), splits, np.flatnonzero(data == _QUOTE), following[:1])

    with path.open("rb") as file, ThreadPoolExecutor(2) as pool:
        file.seek(start)
        waiting: deque[Future[_Piece]] = deque()
        chunk = file.read(_CHUNK)
        while chunk:
            following = file.read(_CHUNK)
            waiting.append(pool.submit(look, chunk, following))
            if len(waiting) > 2:
                yield waiting.popleft().result()
            chunk = following
        while waiting:
            yield waiting.popleft().result()


def inside_quotes(length: int, quotes: NDArray[np.intp], in_quotes: int) -> NDArray[np.bool_]:
    """Which of `length` bytes are between quotation marks, the opening one included; `in_quotes` is 1 when the bytes
    begin there. Runs between marks, as a running parity takes four times as long.
    """
    bounds = np.concatenate(([0], quotes, [length]))
    parity = (np.arange(len(quotes) + 1) + in_quotes) & 1
    return np.repeat(parity.astype(np.bool_), np.diff(bounds))


def _stray(
    data: NDArray[np.uint8], quotes: NDArray[np.intp], in_quotes: int, previous: int, following: bytes, delimiter: int
) -> int:
    """Marks that open in the middle of a field, or close before its end."""
    allowed = np.array([delimiter & 0xFF, _NEWLINE, _RETURN, _QUOTE], dtype=np.uint8)
    opening = quotes[in_quotes::2]
    closing = quotes[1 - in_quotes :: 2]
    before = np.where(opening > 0, data[opening - 1], previous)
    after_last = following[0] if following else _NEWLINE
    after = np.where(closing + 1 < len(data), data[np.minimum(closing + 1, len(data) - 1)], after_last)
    return int((~np.isin(before, allowed)).sum() + (~np.isin(after, allowed)).sum())


def _count_records(
    structure: Structure,
    data: NDArray[np.uint8],
    ends: NDArray[np.intp],
    splits: NDArray[np.intp],
    width: int,
    fields_open: int,
    bytes_open: int,
    previous: int,
) -> None:
    fields = np.diff(np.searchsorted(splits, ends), prepend=0) + 1
    fields[0] += fields_open
    lengths = np.diff(ends, prepend=-1) - 1
    lengths[0] += bytes_open
    before_end = np.where(ends > 0, data[ends - 1], previous)
    # A line of CR LF alone is blank too; its CR may be the last byte of the chunk before.
    blank = (lengths == 0) | ((lengths == 1) & (before_end == _RETURN))
    structure.records += len(ends)
    structure.widest_record = max(structure.widest_record, int(fields.max()))
    structure.ragged += int(((fields != width) & ~blank).sum())
    structure.blank += int(blank.sum())
    structure.longest_record = max(structure.longest_record, int(lengths.max()))
    filled = np.flatnonzero(~blank)
    if len(filled):
        structure.trailing_blank = len(blank) - 1 - int(filled[-1])
    else:
        structure.trailing_blank += len(blank)
