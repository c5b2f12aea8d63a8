"""What the system says when its disk is full, or gives back something else than was written, in FlowML's own words.

Python, SQLite, Polars and other libraries each say it in their way; here all of them end.
"""

import errno
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from flowml.domain.errors import Damaged, DamagedDatabase, FlowMLError, NoRoom, NotReady

# A limit on the size of files or a quota leaves as little room as the disk itself.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_WRITABLE = frozenset({errno.EROFS})
_DISK_FAILS = frozenset({errno.EIO})
MAKE_ROOM = "Make room on it, or delete data sets and runs here, which works on a full disk, too; then try again."
# What is written in Rust carries the system's number in its text alone.
_IN_WORDS = re.compile(r"\(os error (\d+)\)")


class _SQLite:
    """Kinds of SQLite's errors (https://www.sqlite.org/rescode.html); its module is for rooms that have databases."""

    PERM, BUSY, LOCKED, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB = 3, 5, 6, 8, 10, 11, 13, 14, 26
    # The memory that connections share is a file, and cannot be made larger.
    IOERR_SHMSIZE = IOERR | 19 << 8


_log = logging.getLogger(__name__)


def fault_of(error: BaseException, *, of_database: bool = True) -> FlowMLError | None:
    """NoRoom, Damaged or NotReady for an error that came of the disk or of what is on it, however it was wrapped; None
    for any other. `of_database`: whether an error of SQLite may be of FlowML's own database; people bring databases,
    too.

    >>> fault_of(OSError(28, "No space left on device"))
    NoRoom("The disk that holds FlowML's folder is full.")
    >>> fault_of(ValueError("no such thing")) is None
    True
    """
    cause: BaseException | None = error
    while cause is not None:
        found: FlowMLError | None
        if isinstance(cause, FlowMLError):
            found = cause if isinstance(cause, NoRoom | Damaged) and cause is not error else None
        else:
            code = getattr(cause, "sqlite_errorcode", None)
            if code is not None and not of_database:
                return None
            found = _of_system(cause) if code is None else _of_sqlite(code)
        if found is not None:
            return found
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return None


@contextmanager
def kept_if_there_is_room(what: str) -> Iterator[None]:
    """Around storing what is only stored to be quicker the next time: on a full disk it goes on without."""
    try:
        yield
    except Exception as error:
        if not isinstance(fault_of(error), NoRoom):
            raise
        _log.warning("%s is not kept: the disk is full", what)


def _of_sqlite(code: int) -> FlowMLError | None:
    if code == _SQLite.IOERR_SHMSIZE:
        return _no_room()
    # The last byte is the kind; what stands before it says where that happened.
    match code & 0xFF:
        case _SQLite.FULL:
            return _no_room()
        case _SQLite.CORRUPT | _SQLite.NOTADB:
            return _damaged_database()
        case _SQLite.IOERR:
            return Damaged("The disk does not read or write the database.", hint="The server's log says more.")
        case _SQLite.BUSY | _SQLite.LOCKED:
            return NotReady("The database is busy with something else.", hint="Try again in a moment.")
        case _SQLite.READONLY | _SQLite.CANTOPEN | _SQLite.PERM:
            return _not_writable()
    return None


def _of_system(error: BaseException) -> FlowMLError | None:
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (told := _IN_WORDS.search(str(error))):
        number = int(told[1])
    if number in _NO_ROOM:
        return _no_room()
    if number in _NOT_WRITABLE:
        return _not_writable()
    if number in _DISK_FAILS:
        return Damaged("The disk that holds FlowML's folder fails.", hint="The server's log says more.")
    return None


def _damaged_database() -> DamagedDatabase:
    return DamagedDatabase(
        "A part of FlowML's database is damaged, and what is asked for stands in it.",
        hint="Restore FlowML's folder from a backup.",
    )


def _no_room() -> NoRoom:
    return NoRoom(
        "The disk that holds FlowML's folder is full.",
        hint=MAKE_ROOM,
    )


def _not_writable() -> NotReady:
    return NotReady(
        "FlowML's folder cannot be written to.", hint="See who may write to it, and whether its disk is read-only."
    )
