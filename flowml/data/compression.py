"""Files inside .gz, .bz2, .xz, .zst and .zip, unpacked within bounds before they are read.

Nothing is believed that an archive says of itself: bytes are counted while they come out, and no name inside an archive
ever names a file on the disk.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any

from flowml.data.format import Source
from flowml.domain.errors import FlowMLError, InvalidInput, NotReady, UnreadableFile, UnsupportedFormat
from flowml.domain.remarks import Remark, decision, note

MOST_BYTES = 20 << 30
# Real tables shrink to a tenth, logs to a fiftieth; what grows like this was made to do harm.
MOST_EXPANSION = 200
FREE_BYTES = 100_000_000
EXTENSIONS = ("gz", "bz2", "xz", "zst", "zip")

_CHUNK = 1 << 20
_ZIP = b"PK\x03\x04"
_SIGNATURES = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (_ZIP, "zip"),
)
# Skippable frames of Zstandard, as pzstd writes them in front: 0x184D2A50 to 0x184D2A5F, the lowest byte first.
_SKIPPABLE = b"\x2a\x4d\x18"
_NESTED = ((b"7z\xbc\xaf\x27\x1c", "7-Zip"), (b"Rar!\x1a", "RAR"))
# What says in a zip file that it is one document: office documents, books, Java programs.
_DOCUMENT_PARTS = frozenset({"[Content_Types].xml", "mimetype", "META-INF/MANIFEST.MF", "META-INF/container.xml"})
_NO_TABLES = ("readme", "license", "licence", "copying", "changelog", "notice", "metadata", "manifest")
_MOST_MEMBERS = 10_000
_AGAIN = "Download, copy or compress it again."


@dataclass
class Unpacked:
    """A file as it is inside its archive, and what its owner should know."""

    source: Source
    remarks: list[Remark] = field(default_factory=list)
    decided: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)


def kind_of(head: bytes) -> str | None:
    """How a file is compressed, by its first bytes; None when it is not.

    >>> kind_of(b"\\x1f\\x8b\\x08rest"), kind_of(b"a,b")
    ('gzip', None)
    """
    if head.startswith(b"BZh") and head[4:10] != b"1AY&SY":
        return None
    if head[1:4] == _SKIPPABLE and head[:1] >= b"\x50" and head[:1] <= b"\x5f":
        return "Zstandard"
    return next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), None)


def unpack(source: Source, tables: Sequence[str]) -> Unpacked:
    """The file that is inside a compressed one; the source itself when it is not compressed.

    `tables` are the extensions of files that hold tables. The option `member` names the file inside a zip. Raises
    UnreadableFile (damaged, encrypted, or far larger than it looks), UnsupportedFormat (an archive in an archive),
    InvalidInput (no such member).
    """
    with source.path.open("rb") as file:
        kind = kind_of(file.read(16))
    if kind == "zip":
        return _unzip(source, tables)
    claimed = source.extension in EXTENSIONS
    filename = Path(source.filename).stem if claimed else source.filename
    if kind is None:
        if not claimed or not Path(filename).suffix:
            return Unpacked(source)
        said = f"The file's name ends in .{source.extension}, but it is not compressed."
        return Unpacked(replace(source, filename=filename), [note("not_compressed", said)])
    if source.extension == "tgz":
        filename = f"{Path(source.filename).stem}.tar"
    inner = _write(source, kind, lambda: _opened(kind, source.path), filename)
    return Unpacked(inner)


def _opened(kind: str, path: Path) -> IO[bytes]:
    openers = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open, "Zstandard": zstandard().open}
    file: IO[bytes] = openers[kind](path)
    return file


def zstandard() -> Any:
    """The module that knows Zstandard: Python's own from 3.14 on."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def _write(source: Source, kind: str, opened: Callable[[], IO[bytes]], filename: str) -> Source:
    """Unpack into the scratch folder under a name of our own."""
    target = source.scratch / "unpacked"
    packed = source.path.stat().st_size
    written = 0
    try:
        out = target.open("wb")
    except OSError as error:
        raise _no_room() from error
    with out, _told(kind), opened() as file:
        while chunk := file.read(_CHUNK):
            written += len(chunk)
            if written > MOST_BYTES or (written > FREE_BYTES and written > MOST_EXPANSION * packed):
                raise too_much(f"The {kind} file")
            try:
                out.write(chunk)
            except OSError as error:
                raise _no_room() from error
    _refuse_archives(target, source.filename)
    return replace(source, path=target, filename=filename)


def too_much(what: str) -> UnreadableFile:
    """The answer to a file that unpacks to far more than it should."""
    return UnreadableFile(
        f"{what} unpacks to far more data than a table of its size holds.",
        hint="Unpack it yourself and upload the table inside.",
    )


def _no_room() -> NotReady:
    return NotReady("The file could not be unpacked on the server.", hint="Its disk may be full; remove what is old.")


@contextmanager
def _told(kind: str) -> Iterator[None]:
    """What the libraries raise about damaged archives, as sentences."""
    try:
        yield
    except FlowMLError:
        raise
    except EOFError as error:
        raise UnreadableFile(f"The {kind} file is cut off: its end is missing.", hint=_AGAIN) from error
    except MemoryError as error:
        raise UnreadableFile(f"The {kind} file needs too much memory to be unpacked.", hint=_AGAIN) from error
    except NotImplementedError as error:
        raise UnsupportedFormat(
            f"The {kind} file is compressed in a way that FlowML cannot unpack.",
            hint="Compress it again in the usual way (Deflate), or upload the table inside.",
        ) from error
    except (OSError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, zstandard().ZstdError) as error:
        raise _damaged(kind) from error


def _damaged(kind: str) -> UnreadableFile:
    return UnreadableFile(
        f"The {kind} file is damaged: its content does not fit its checksum or its form.", hint=_AGAIN
    )


def _refuse_archives(path: Path, filename: str) -> None:
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise UnreadableFile(f"The file inside “{filename}” is empty.", hint="Check that it was packed completely.")
    if head[257:262] == b"ustar":
        what = "a tar archive"
    else:
        nested = next((name for signature, name in _NESTED if head.startswith(signature)), None) or kind_of(head)
        if nested is None or (nested == "zip" and is_document(path)):
            return
        what = f"another compressed file ({nested})"
    raise UnsupportedFormat(
        f"Inside “{filename}” is {what}, not a table.", hint="Unpack it and upload the table that is inside."
    )


def is_document(path: Path) -> bool:
    """Whether a zip file is one document made of parts, such as a workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            return not _DOCUMENT_PARTS.isdisjoint(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        # A cut-off archive has lost its directory, but not the name in front of its first part.
        with path.open("rb") as file:
            head = file.read(2048)
        return any(part.encode() in head for part in (*_DOCUMENT_PARTS, "_rels/", "docProps/", "xl/"))


def _unzip(source: Source, tables: Sequence[str]) -> Unpacked:
    if _entries_claimed(source.path) > _MOST_MEMBERS:
        raise UnreadableFile(f"The zip file holds more than {_MOST_MEMBERS:,} files.", hint="Upload one table alone.")
    if is_document(source.path):
        return Unpacked(source)
    try:
        archive = zipfile.ZipFile(source.path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UnreadableFile(
            "The zip file is cut off or damaged: its list of files cannot be read.", hint=_AGAIN
        ) from error
    with archive:
        members = [member for member in archive.infolist() if not _is_junk(member)]
        unpacked = Unpacked(source)
        member = _chosen(members, source.text_option("member"), tables, unpacked)
        if member.flag_bits & 1:
            raise UnreadableFile(
                f"“{member.filename[:80]}” in the zip file is protected by a password.",
                hint="Unpack it, or compress it again without a password.",
            )
        name = PurePosixPath(member.filename.replace("\\", "/")).name
        inner = _write(source, "zip", lambda: archive.open(member), name)
    options = {name: value for name, value in source.options.items() if name != "member"}
    unpacked.source = replace(inner, options=options)
    return unpacked


def _entries_claimed(path: Path) -> int:
    """The number of files in a zip by the record at its end, before a list of millions is read."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 65_557))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    count = int.from_bytes(tail[at + 10 : at + 12], "little") if at >= 0 else 0
    size = int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
    # The count may lie; an entry of the list takes 46 bytes, its name and what tools add. Fields of all ones stand for
    # larger numbers that are kept elsewhere.
    return max(count if count != 0xFFFF else 0, size // 200 if size != 0xFFFFFFFF else 0)


def _is_junk(member: zipfile.ZipInfo) -> bool:
    parts = member.filename.replace("\\", "/").split("/")
    # A folder ends with a slash, and a damaged list has names of nothing.
    return not parts[-1] or parts[0] == "__MACOSX" or parts[-1].startswith(".") or parts[-1].lower() == "thumbs.db"


def _chosen(
    members: list[zipfile.ZipInfo], asked: str | None, tables: Sequence[str], unpacked: Unpacked
) -> zipfile.ZipInfo:
    names = [member.filename for member in members]
    shown = ", ".join(f"“{name[:80]}”" for name in names[:10])
    if not members:
        raise UnreadableFile("The zip file holds no file.", hint="Pack a table into it, or upload the table itself.")
    if asked is not None:
        if asked not in names:
            raise InvalidInput.of_field(
                "options.member", f"There is no file “{asked[:80]}” in the zip file. It has {shown}."
            )
        member = members[names.index(asked)]
    else:
        candidates = [member for member in members if _holds_table(member.filename, tables)] or members
        if len(candidates) > 1 and not _holds_table(candidates[0].filename, tables):
            raise UnreadableFile(
                f"The zip file holds several files, and none is clearly a table: {shown}.",
                hint="The option “member” chooses one of them.",
            )
        member = max(candidates, key=lambda candidate: candidate.file_size)
        if len(members) > 1:
            which = "the largest table in" if len(candidates) > 1 else "the table in"
            others = ", ".join(f"“{name[:80]}”" for name in names if name != member.filename)
            said = f"“{member.filename[:80]}”, {which} the zip file, was read; there is also {others[:400]}."
            unpacked.remarks.append(decision("table_chosen", f"{said} The option “member” chooses."))
    unpacked.decided["member"] = member.filename
    if len(members) > 1:
        unpacked.choices["member"] = names[:200]
    return member


def _holds_table(name: str, tables: Sequence[str]) -> bool:
    path = PurePosixPath(name.replace("\\", "/").lower())
    return path.suffix.removeprefix(".") in tables and not path.name.startswith(_NO_TABLES)
