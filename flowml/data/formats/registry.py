"""Every file format FlowML reads, found by looking into this package: a module with a `FORMAT` is one."""

from __future__ import annotations

import csv
import importlib
import pkgutil
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial

from flowml.data import formats as package
from flowml.data.compression import EXTENSIONS as COMPRESSED
from flowml.data.compression import Unpacked, unpack
from flowml.data.format import HEAD_BYTES, LIKELY, NO, Format, Option, Pieces, Reading, Source
from flowml.data.formats.foreign import recognise
from flowml.domain.errors import FlowMLError, InvalidInput, UnreadableFile, UnsupportedFormat
from flowml.domain.remarks import Remark, note

_READING_LIBRARIES = frozenset(
    {
        "polars",
        "fastexcel",
        "_fastexcel",
        "pyo3_runtime",
        "pyorc",
        "yaml",
        "icalendar",
        "ofxtools",
        "defusedxml",
    }
)
_CONTENT_ERRORS = (
    ValueError,
    OSError,
    EOFError,
    OverflowError,
    RecursionError,
    MemoryError,
    csv.Error,
    NotImplementedError,
    sqlite3.DatabaseError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@cache
def all_formats() -> tuple[Format, ...]:
    """The formats, by name. Reading libraries are imported only when a file is read."""
    modules = (
        importlib.import_module(f"{package.__name__}.{info.name}") for info in pkgutil.iter_modules(package.__path__)
    )
    found = [module.FORMAT for module in modules if isinstance(getattr(module, "FORMAT", None), Format)]
    return tuple(sorted(found, key=lambda format: format.name))


def format_option() -> Option:
    """What may be said of any file: which of the formats it is in."""
    return Option("format", "what kind of file it is", "choice", tuple(format.name for format in all_formats()))


def extensions() -> tuple[str, ...]:
    """Every extension that some format or kind of compression claims, without dots."""
    return tuple(sorted({*_table_extensions(), *COMPRESSED}))


def _table_extensions() -> set[str]:
    return {extension for format in all_formats() for extension in format.extensions}


def detect(source: Source) -> Format:
    """The format of a file: the one that its owner named, else by content, by extension among equals.

    Raises UnreadableFile for an empty file or one that is not what its name says, UnsupportedFormat for anything else.
    """
    with source.path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise UnreadableFile(
            "The file is empty.", hint="Check that it was saved or exported completely, then upload it again."
        )

    asked = source.choice_option("format", format_option().values)
    if asked is not None:
        return next(format for format in all_formats() if format.name == asked)

    def fit(format: Format) -> tuple[float, bool]:
        return format.sniff(head, source.path), source.extension in format.extensions

    best = max(all_formats(), key=fit)
    confidence, _ = fit(best)
    foreign = recognise(head) if confidence < LIKELY else None
    if foreign is not None:
        raise UnsupportedFormat(
            f"“{source.filename}” is {foreign}, which holds no table FlowML can read.", hint=_supported()
        )
    if confidence > NO:
        return best
    claimed = next((format.title for format in all_formats() if source.extension in format.extensions), None)
    if claimed is None and source.extension in COMPRESSED:
        claimed = "a compressed file"
    if claimed is not None:
        raise UnreadableFile(
            f"“{source.filename}” is named like {claimed}, but its content is something else or is damaged.",
            hint="Open it in the program it came from and save or export it again.",
        )
    raise UnsupportedFormat(f"“{source.filename}” is not a kind of file that FlowML can read.", hint=_supported())


def read(source: Source) -> Reading:
    """Unpack, detect and read a file; what a reading library raises about its content becomes UnreadableFile."""
    unpacked, format, remarks = _unpacked(source)
    source = unpacked.source
    with _about_content(format):
        reading = format.read(source)
    reading.remarks[:0] = remarks
    reading.reader = format.name
    reading.decided = {**unpacked.decided, **reading.decided}
    reading.choices = {**unpacked.choices, **reading.choices}
    source.limits.check(reading.frame.height, reading.frame.width)
    if reading.frame.width == 0 or reading.frame.height == 0:
        raise UnreadableFile(
            "The file holds no rows of data.",
            hint="A table needs a line of column names and at least one line of values.",
        )
    return reading


def read_in_pieces(source: Source) -> Pieces | None:
    """The pieces of a large file, for a model; None where it is to be read at once. Raises as `read` does, as do the
    pieces."""
    unpacked, format, remarks = _unpacked(source)
    with _about_content(format):
        pieces = format.pieces(unpacked.source)
    if pieces is not None:
        pieces.remarks[:0] = remarks
        pieces.readings = _guarded(pieces.readings, format)
    return pieces


def _guarded(readings: Iterator[Callable[[], Reading]], format: Format) -> Iterator[Callable[[], Reading]]:
    while True:
        with _about_content(format):
            reading = next(readings, None)
        if reading is None:
            return
        yield partial(_one, reading, format)


def _one(reading: Callable[[], Reading], format: Format) -> Reading:
    with _about_content(format):
        return reading()


def _unpacked(source: Source) -> tuple[Unpacked, Format, list[Remark]]:
    """The file inside, what it is, and what is to be said of either."""
    tables = _table_extensions()
    unpacked = unpack(source, sorted(tables))
    source = unpacked.source
    format = detect(source)
    _check_options(format, source)
    remarks = list(unpacked.remarks)
    if source.extension not in format.extensions and source.extension in tables:
        said = f"The file's name ends in .{source.extension}, but its content is {format.title}: read as that."
        remarks.append(note("format_by_content", said))
    return unpacked, format, remarks


@contextmanager
def _about_content(format: Format) -> Iterator[None]:
    try:
        yield
    except (FlowMLError, KeyboardInterrupt, SystemExit):
        raise
    # Rust panics arrive as a BaseException of their own.
    except BaseException as error:
        if not _is_about_content(error):
            raise
        raise UnreadableFile(
            f"The file looks like {format.title}, but it is damaged or incomplete and cannot be read.",
            hint="Save or export it again, or try another format such as CSV.",
        ) from error


def _is_about_content(error: BaseException) -> bool:
    """Whether an error tells of the file rather than of a mistake in this program."""
    return isinstance(error, _CONTENT_ERRORS) or type(error).__module__.partition(".")[0] in _READING_LIBRARIES


def _check_options(format: Format, source: Source) -> None:
    known = {"format", *(option.name for option in format.options)}
    for name in source.options:
        if name not in known:
            allowed = ", ".join(sorted(known))
            raise InvalidInput.of_field(
                f"options.{name}", f"There is no option “{name}” for {format.title}. It knows: {allowed}."
            )


def _supported() -> str:
    titles = ", ".join(format.title for format in all_formats())
    return f"FlowML reads {titles}. Export the table as one of these."
