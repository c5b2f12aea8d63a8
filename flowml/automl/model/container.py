"""What a `.flowml` file consists of, read with bounds: its entries, its description, its arrays.

Nothing in it is believed before it was measured: how many entries there are and how far they expand, how many objects
the description would become, whether an array has the bytes that it says. Every entry but the description is read once,
so that a file is never more in memory than it is when it is unpacked.
"""

import hashlib
import json
import math
import re
import struct
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np

from flowml.domain.errors import InvalidInput
from flowml.domain.wording import shortened

MANIFEST = "manifest.json"
HASHES = "entries"
"""Where the description has the hash of every other entry, from version 4 on."""

_MAX_ENTRIES = 50_000
_MAX_BYTES = 4_000_000_000
_MAX_MANIFEST_BYTES = 300_000_000
# How far an entry may expand; and all of them together, or very many small ones would make gigabytes of a small file.
_MAX_RATIO = 200
_SMALL = 1_000_000
_MAX_RATIO_IN_ALL = 50
_SMALL_IN_ALL = 50_000_000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

# The end of a zip: its record of 22 bytes with no comment behind it, and what says that there is a longer one.
_END = b"PK\5\6"
_END_BYTES = 22
_LONG_END = b"PK\6\7"
_LONG_END_BYTES = 20
_BYTES_AN_ENTRY = 400

_BEGINNING_BYTES = 4

# What Python takes for a dictionary, a list and a value, about.
_DICTIONARY_BYTES, _LIST_BYTES, _VALUE_BYTES = 240, 64, 60
_MANIFEST_MEMORY = 200_000_000
_MANIFEST_MEMORY_RATIO = 100

_HEADER = re.compile(
    rb"\{'descr': '([<|][fiu][1248])', 'fortran_order': False, "
    rb"'shape': \(((?:[0-9]{1,12}, ?){0,4}(?:[0-9]{1,12})?)\), \} *\n"
)
_TYPES = {f"{order}{name}" for name in ("i1", "u1") for order in "|<"} | {
    f"<{name}" for name in ("f2", "f4", "f8", "i2", "i4", "i8", "u2", "u4", "u8")
}


# A folder at most, and nothing that leads out of it.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_ENCRYPTED = 1


class Unfit(ValueError):
    """What is wrong with a model file, in words that may be shown to whoever has it."""


class Container:
    """The entries of an open file. Raises InvalidInput for what is too large, Unfit, zipfile.BadZipFile and others of
    that kind for what is no zip."""

    def __init__(self, file: IO[bytes]):
        _check_end(file)
        self._archive = zipfile.ZipFile(file)
        self._taken: set[str] = set()
        self._hashes: Mapping[str, str] | None = None
        self._odd_words: set[str] = set()
        entries = self._archive.infolist()
        if len(entries) > _MAX_ENTRIES or sum(entry.file_size for entry in entries) > _MAX_BYTES:
            raise InvalidInput("This model file is larger than any that FlowML writes.")
        if bombs(entries):
            raise InvalidInput("This model file expands beyond measure; it is damaged or made to do harm.")
        if any(entry.compress_type not in _METHODS for entry in entries):
            raise Unfit("an entry is compressed in another way than FlowML does")
        _check_names(entries)
        if min((entry.header_offset for entry in entries), default=0):
            raise Unfit("it has something in front of its first entry")

    def manifest(self) -> Any:
        """The description of the model."""
        if MANIFEST not in self._archive.NameToInfo:
            raise Unfit(f"it has no {MANIFEST}, which describes the model")
        entry = self._archive.getinfo(MANIFEST)
        if entry.file_size > _MAX_MANIFEST_BYTES:
            raise InvalidInput("The description in this model file is larger than any that FlowML writes.")
        content = self._archive.read(entry)
        needed = (
            len(content)
            + _DICTIONARY_BYTES * content.count(b"{")
            + _LIST_BYTES * content.count(b"[")
            + _VALUE_BYTES * content.count(b",")
        )
        if needed > _MANIFEST_MEMORY + _MANIFEST_MEMORY_RATIO * entry.compress_size:
            raise InvalidInput("The description in this model file is larger than any that FlowML writes.")
        try:
            text = content.decode()
            return json.loads(text, object_pairs_hook=_once, parse_constant=self._note, parse_float=_finite)
        except RecursionError:
            raise Unfit("its description is nested deeper than any that FlowML writes") from None
        except (UnicodeDecodeError, json.JSONDecodeError):
            raise Unfit("its description is no JSON") from None

    def _note(self, word: str) -> float:
        self._odd_words.add(word)
        return float(word)

    def expect(self, hashes: Any) -> None:
        """Have only entries with these SHA-256 hashes, and no others than these, and a description of JSON's numbers
        alone, as files from version 4 on do. Raises Unfit."""
        if self._odd_words:
            raise Unfit(f"its description holds {min(self._odd_words)}, which is no number")
        if not isinstance(hashes, dict) or not all(isinstance(value, str) for value in hashes.values()):
            raise Unfit("its description does not say which entries it has")
        names = set(self._archive.NameToInfo) - {MANIFEST}
        for name in sorted(names ^ set(hashes)):
            lacking = name in hashes
            raise Unfit(
                f"{'it lacks' if lacking else 'its description knows nothing of'} the entry “{shortened(name)}”"
            )
        self._hashes = hashes

    def beginnings(self, suffix: str) -> list[bytes]:
        """The first bytes of each entry whose name ends so."""
        found = []
        for name in self._archive.namelist():
            if name.endswith(suffix):
                with self._archive.open(name) as entry:
                    found.append(entry.read(_BEGINNING_BYTES))
        return found

    def take(self, name: str) -> bytes:
        """An entry that nothing else has asked for."""
        if name in self._taken or name == MANIFEST:
            raise Unfit(f"two of its parts share the entry “{shortened(name)}”")
        if name not in self._archive.NameToInfo:
            raise Unfit(f"it lacks the entry “{shortened(name)}”")
        self._taken.add(name)
        content = self._archive.read(name)
        if self._hashes is not None and hashlib.sha256(content).hexdigest() != self._hashes.get(name):
            raise Unfit(f"the content of “{shortened(name)}” is not what its description says (another hash)")
        return content

    def take_array(self, name: str) -> np.ndarray:
        content = self.take(name)
        try:
            return array_of(content)
        except Unfit as problem:
            raise Unfit(f"“{shortened(name)}” is {problem}") from None


def _check_names(entries: Sequence[zipfile.ZipInfo]) -> None:
    names = set()
    for entry in entries:
        shown = shortened(entry.filename)
        if not _NAME.fullmatch(entry.filename):
            raise Unfit(f"it has an entry of a name that FlowML never gives: “{shown}”")
        if entry.filename in names:
            raise Unfit(f"it has two entries of the name “{shown}”")
        if entry.flag_bits & _ENCRYPTED:
            raise Unfit(f"its entry “{shown}” is encrypted")
        names.add(entry.filename)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise Unfit(f"its description says twice what “{shortened(twice)}” is")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Unfit(f"its description holds {shortened(digits)}, which is larger than any number")
    return number


def bombs(entries: Sequence[zipfile.ZipInfo]) -> frozenset[str]:
    """The names of those that expand more than any that FlowML writes, each by itself or all together."""
    expanded, packed = sum(entry.file_size for entry in entries), sum(entry.compress_size for entry in entries)
    too_much = expanded > _SMALL_IN_ALL + _MAX_RATIO_IN_ALL * packed
    return frozenset(
        entry.filename
        for entry in entries
        if entry.file_size > max(_SMALL, _MAX_RATIO * entry.compress_size)
        or (too_much and entry.file_size > _MAX_RATIO_IN_ALL * entry.compress_size)
    )


def array_of(content: bytes) -> np.ndarray:
    """The array in a `.npy` as `numpy.lib.format.write_array` writes it: numbers of a known type in the order of C,
    exactly as many as there are bytes. Raises ValueError for anything else."""
    if content[:8] != b"\x93NUMPY\x01\x00" or len(content) < 10:
        raise Unfit("no array of a kind that FlowML writes")
    end = 10 + struct.unpack_from("<H", content, 8)[0]
    header = _HEADER.fullmatch(content[10:end])
    if header is None or header[1].decode() not in _TYPES:
        raise Unfit("no array of a kind that FlowML writes")
    dtype = np.dtype(header[1].decode())
    shape = tuple(int(size) for size in header[2].replace(b" ", b"").split(b",") if size)
    if math.prod(shape) * dtype.itemsize != len(content) - end:
        raise Unfit("not as large as its header says")
    # A copy, since a view of bytes cannot be written to and need not be aligned.
    return np.frombuffer(content, dtype, offset=end).reshape(shape).copy()


def _check_end(file: IO[bytes]) -> None:
    """Before the list of entries is read, of which every byte may become a hundred."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_BYTES - _LONG_END_BYTES))
    tail = file.read()
    end, before = tail[-_END_BYTES:], tail[:-_END_BYTES]
    if len(end) < _END_BYTES or not end.startswith(_END) or end[-2:] != b"\0\0":
        raise Unfit("it is no zip archive, or one with something behind its end")
    if int.from_bytes(end[12:16], "little") > _MAX_ENTRIES * _BYTES_AN_ENTRY or before.startswith(_LONG_END):
        raise InvalidInput("This model file is larger than any that FlowML writes.")
    file.seek(0)
