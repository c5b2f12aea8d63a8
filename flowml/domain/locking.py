"""Locks on open files, among the processes of one machine: the system lets go of them however a process ends."""

import os
import sys

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def lock(file: int) -> bool:
    """Take the lock of an open file, without waiting; says whether it was free. Raises OSError where its file system
    has no locks."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def is_free(file: int, start: int, length: int) -> bool:
    """Whether no other process holds any of these bytes of an open file, as SQLite does. What this process holds of
    them is lost. Raises as `lock` does."""
    try:
        if sys.platform == "win32":
            os.lseek(file, start, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, length)
            msvcrt.locking(file, msvcrt.LK_UNLCK, length)
            os.lseek(file, 0, os.SEEK_SET)
        else:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
            fcntl.lockf(file, fcntl.LOCK_UN, length, start)
    except (BlockingIOError, PermissionError):
        return False
    return True
