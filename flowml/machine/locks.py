"""Locks among the processes of one machine."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowml.domain import locking

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


@contextmanager
def taken(path: Path) -> Iterator[bool]:
    """Take a lock for the time of the block, without waiting; says whether it was free.

    It is a lock on a file, whatever that holds: the system lets go of it however its process ends. On a file system
    without locks, as some networks have, everything is free.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            is_mine = locking.lock(file)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            is_mine = True
        yield is_mine
    finally:
        os.close(file)
