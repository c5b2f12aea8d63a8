"""The limits of time and memory of reading a file, for a program that reads it itself: a command has the limits that a
server gives to its children (`child`)."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flowml.data.ceiling import memory_for, too_long, too_much_memory
from flowml.domain.errors import UnreadableFile
from flowml.machine.facts import resident_bytes

_POLL_SECONDS = 0.05
_PREFIX = "flowml-{pid}-"


def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for temporary files of this process, removed at the end of its context, or when `guarded` ends it."""
    return tempfile.TemporaryDirectory(prefix=_PREFIX.format(pid=os.getpid()))


@contextmanager
def guarded(path: Path, *, timeout_seconds: float, end: Callable[[UnreadableFile], None]) -> Iterator[None]:
    """Watch this process while it reads a file. Beyond a limit its temporary files are removed and `end` is called with
    the reason, in a thread of its own: it has to end the process, for a library that reads cannot be interrupted."""
    done = threading.Event()
    most_bytes = resident_bytes(os.getpid()) + memory_for(path)
    ends_at = time.monotonic() + timeout_seconds

    def watch() -> None:
        while not done.wait(_POLL_SECONDS):
            problem = None
            if resident_bytes(os.getpid()) > most_bytes:
                problem = too_much_memory()
            elif time.monotonic() > ends_at:
                problem = too_long(timeout_seconds)
            if problem is not None and not done.is_set():
                for folder in Path(tempfile.gettempdir()).glob(_PREFIX.format(pid=os.getpid()) + "*"):
                    shutil.rmtree(folder, ignore_errors=True)
                end(problem)

    watcher = threading.Thread(target=watch, name="guard", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
