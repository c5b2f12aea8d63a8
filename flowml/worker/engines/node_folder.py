"""The folder that a node of a cluster keeps for FlowML: tables, and what is written down of trials while they run."""

import contextlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from flowml.domain.errors import WrongState
from flowml.machine.facts import started
from flowml.worker.cache import Cache

_TABLES_BYTES = 10_000_000_000
_STALE_SECONDS = 3600.0
_NAME = re.compile(r"[0-9a-f]{1,64}")


class Folder:
    """The folder of a machine that runs tasks, for the user whom they run as. Processes of one machine share it."""

    def __init__(self) -> None:
        owner = os.getuid() if hasattr(os, "getuid") else 0
        self.path = Path(tempfile.gettempdir()) / f"flowml-node-{owner}"
        self.path.mkdir(mode=0o700, exist_ok=True)
        found = self.path.lstat()
        # Anybody may write beside it.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) & 0o077:
            raise WrongState(f"The folder {self.path} of this node is not its user's alone.", hint="Remove it there.")
        for name in ("coming", "errands", "idle"):
            self._of(name).mkdir(mode=0o700, exist_ok=True)
        self.tables = Cache(self._of("tables"), _TABLES_BYTES)

    def _of(self, kind: str, name: str = "") -> Path:
        return self.path / kind / name

    def coming(self, name: str) -> Path:
        """A table of which parts have come."""
        return self._of("coming", checked_name(name))

    def errand(self, name: str) -> Path:
        """What is written down of a trial while it runs."""
        return self._of("errands", checked_name(name))

    @contextlib.contextmanager
    def errand_at_work(self, name: str) -> Iterator[Path]:
        """The same, for as long as the block takes."""
        place = self.errand(name)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def idle(self, pid: int) -> Path:
        """Says that a process that trains has nothing to do."""
        return self._of("idle", str(pid))

    def now_idle(self, pid: int) -> None:
        """Write that down. Who is killed leaves it there, and its number is another process's some day."""
        self.idle(pid).write_text(started(pid) or "")

    def idle_pids(self) -> list[int]:
        """Of those that say so and live."""
        found = []
        for path in self._of("idle").iterdir():
            with contextlib.suppress(OSError):
                pid = int(path.name) if path.name.isdecimal() else 0
                began = started(pid) if pid else None
                if began is not None and path.read_text() == began:
                    found.append(pid)
                else:
                    path.unlink(missing_ok=True)
        return found

    def tidy(self) -> None:
        """Remove what somebody left who was ended."""
        long_ago = time.time() - _STALE_SECONDS
        for path in (*self._of("coming").iterdir(), *self._of("errands").iterdir()):
            with contextlib.suppress(OSError):
                if max(found.lstat().st_mtime for found in (path, *path.glob("*"))) < long_ago:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def checked_name(name: str) -> str:
    """A name that is one of FlowML's. Raises WrongState."""
    if not _NAME.fullmatch(name):
        raise WrongState("That is the name of nothing here.")
    return name
