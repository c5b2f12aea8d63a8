"""How much memory a file may take while it is read.

Readers check what they can before they believe a file. What gets past them (a length that a library believes, a column
that is one value twenty million times) ends here: reading a file takes a multiple of its size, and what takes far more
is no table.
"""

from pathlib import Path

from flowml.domain.errors import UnreadableFile

_MiB = 1 << 20
# Python, Polars and their threads, before anything is read, and small files of whatever kind.
_LEAST = 400 * _MiB
# Documents of many small values become fifty times as large while they are parsed; large tables of text are read in
# pieces. Compressed columns unpack to more.
_TEXT = (50, 1024 * _MiB, 12)
_PACKED = (100, 4096 * _MiB, 20)
PACKED_STARTS = (
    b"PAR1",
    b"ARROW1",
    b"\xff\xff\xff\xff",
    b"Obj\x01",
    b"ORC",
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
    b"SQLite format 3",
)


def memory_for(path: Path) -> int:
    """Bytes that a process may take for reading this file; a file that is not there gets the least."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return _LEAST
    small, middle, large = _PACKED if head.startswith(PACKED_STARTS) else _TEXT
    return max(_LEAST, min(small * size, middle), large * size)


def check_bytes(path: Path, n_bytes: int) -> None:
    """Raise UnreadableFile for a file of which it is known, before anything is unpacked, that this takes more."""
    if n_bytes > memory_for(path):
        raise too_much_memory()


def too_long(timeout_seconds: float) -> UnreadableFile:
    """What to say of a file that took longer than it may."""
    return UnreadableFile(
        f"Reading the file took longer than {timeout_seconds:g} seconds and was stopped.",
        hint="Take a smaller part of it, or raise FLOWML_IMPORT_TIMEOUT_SECONDS.",
    )


def too_much_memory() -> UnreadableFile:
    """What to say of a file that took more memory than `memory_for` it."""
    return UnreadableFile(
        "Reading the file takes far more memory than a file of its size should need, and was stopped.",
        hint="It may be damaged, or made to do harm. Save it again, or as CSV or Parquet.",
    )
