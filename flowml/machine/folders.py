"""Folders for what a program has on its way, which are gone when it is: where it is killed, the next one like it
removes them."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowml.domain import locking

_NEW, _LOCK = "new-lock", "lock"


@contextmanager
def own_folder(prefix: str) -> Iterator[Path]:
    """A folder among the system's temporary ones, which nobody else reads, for this process and those that it forks;
    at the end it is gone. Those of this prefix that processes of the same user have left are removed first. Raises
    OSError where there is no room for one."""
    _remove_left(Path(tempfile.gettempdir()), prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    # Whoever finds a lock finds it taken. Forked processes hold it with this one, until the last of them has ended.
    held = os.open(folder / _NEW, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # Without locks, as on some networks, nobody can tell who has ended.
        with contextlib.suppress(OSError):
            if locking.lock(held):
                (folder / _NEW).rename(folder / _LOCK)
        yield folder
    finally:
        os.close(held)
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left(among: Path, prefix: str) -> None:
    """A folder without a lock in it may be one that begins at this moment; one of somebody else is theirs."""
    if not hasattr(os, "getuid"):
        return
    for folder in among.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            file = os.open(folder / _LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            try:
                if locking.lock(file):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(file)
