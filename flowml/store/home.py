"""The home folder: everything FlowML keeps, and the promise that one server at a time keeps it."""

import errno
import os
import re
from pathlib import Path

from flowml.domain import locking
from flowml.domain.errors import NoRoom, StartupError
from flowml.domain.faults import fault_of
from flowml.store.room import Ballast

# What is FlowML's in a folder that may be somebody else's, too.
_DATABASE = re.compile(r"(flowml|queue)\.sqlite(-wal|-shm|-journal)?")
_BESIDE = re.compile(r"files|tmp|cache|set-aside|ballast|(server|gpu-\d+)\.lock(-journal)?")
ON_ITS_WAY = r"[0-9a-f]{24}|[0-9a-z]+-\d+-[0-9a-f]{64}"
"""Names in `tmp`; the second are of what trainers on other machines hand over."""
MADE_AGAIN = r"(download|lines|order|tested|scored)-.+"
"""Names in `cache`."""
_INSIDE = re.compile(rf"[0-9a-f]{{2}}|latest|{ON_ITS_WAY}|{MADE_AGAIN}")
# What a server writes before it can be asked to delete something.
_STARTING_BYTES = 1_000_000
# Where SQLite's locks lie in a file (https://www.sqlite.org/src/file/src/os.h: PENDING_BYTE and what follows it).
_LOCKS_OF_SQLITE = (0x40000000, 512)


class Home:
    """The places inside a home folder, made when they are missing."""

    def __init__(self, path: Path):
        self.path = path.expanduser().absolute()
        self.database = self.path / "flowml.sqlite"
        self.queue = self.path / "queue.sqlite"
        self.files = self.path / "files"
        self.temporary = self.path / "tmp"
        self.cache = self.path / "cache"
        self.set_aside = self.path / "set-aside"
        self.ballast = Ballast(self.path / "ballast")

    def prepare(self, *, starting: bool = False) -> None:
        """Make the folder, for its owner alone. Raises StartupError when that is not possible, or it cannot be written
        to. A server that is `starting` does so on a full disk, too, as long as there is ballast: it is wanted where
        something is to be deleted."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            if starting:
                self.ballast.give_up(self._missing(_STARTING_BYTES))
            if self._missing(1):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._keep_private()
        except OSError as error:
            raise self.unusable(error) from error

    def _missing(self, n_bytes: int) -> int:
        """For how many of so many bytes there is no room on the disk."""
        probe = self.path / ".writable"
        try:
            probe.write_bytes(bytes(n_bytes))
        except OSError as error:
            if isinstance(fault_of(error), NoRoom):
                return n_bytes - (probe.stat().st_size if probe.exists() else 0)
            raise
        finally:
            probe.unlink(missing_ok=True)
        return 0

    def _keep_private(self) -> None:
        """What is in it is for its owner alone, also where the folder was there before and others may look into it.
        What is not FlowML's stays as it is."""
        for folder in (self.files, self.temporary, self.cache):
            folder.mkdir(mode=0o700, exist_ok=True)
            if all(_INSIDE.fullmatch(entry.name) for entry in folder.iterdir()):
                _take_from_others(folder)
        self.database.touch(mode=0o600)
        found = list(self.path.iterdir())
        for entry in found:
            if _DATABASE.fullmatch(entry.name):
                _take_from_others(entry)
        if all(_BESIDE.fullmatch(entry.name) or _DATABASE.fullmatch(entry.name) for entry in found):
            _take_from_others(self.path)

    def unusable(self, error: Exception) -> StartupError:
        """Why nothing can be done with this folder, in words."""
        fault = fault_of(error)
        if isinstance(fault, NoRoom):
            return StartupError(
                f"The disk that holds the home folder {self.path} is full.",
                hint="Make room on it, or choose another folder with --home.",
            )
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        return StartupError(
            f"The home folder {self.path} cannot be used: {reason}.",
            hint="Choose another with --home, or make this one writable.",
        )


def _take_from_others(path: Path) -> None:
    """Leave it to its owner; what belongs to somebody else stays as it is."""
    found = path.stat()
    if hasattr(os, "geteuid") and found.st_mode & 0o077 and found.st_uid == os.geteuid():
        path.chmod(found.st_mode & 0o700)


class ServerLock:
    """Held by the one server of a home folder; the operating system lets go of it however the process ends.
    What the file of the lock holds does not matter. It is taken before anything else is done to the folder, which is
    made where it is missing. Raises StartupError.
    """

    def __init__(self, home: Home):
        try:
            home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(home.path / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                # A server of an earlier version holds it as a database of SQLite.
                is_mine = locking.is_free(self._file, *_LOCKS_OF_SQLITE) and locking.lock(self._file)
            except OSError:
                os.close(self._file)
                raise
        except OSError as error:
            raise home.unusable(error) from error
        if not is_mine:
            os.close(self._file)
            raise StartupError(
                f"Another FlowML server is already using the home folder {home.path}.",
                hint="Stop it first, or choose another folder with --home.",
            )

    def release(self) -> None:
        os.close(self._file)
