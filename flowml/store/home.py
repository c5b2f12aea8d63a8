"""The home folder: everything FlowML keeps, and the promise that one server at a time keeps it."""

import os
import sqlite3
from pathlib import Path

from flowml.domain.errors import NoRoom, StartupError
from flowml.domain.faults import fault_of


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

    def prepare(self) -> None:
        """Make the folder, for its owner alone. Raises StartupError when that is not possible, or it cannot be written
        to."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = self.path / ".writable"
            try:
                probe.write_bytes(b"something")
            finally:
                probe.unlink(missing_ok=True)
            self._keep_private()
        except OSError as error:
            raise self.unusable(error) from error

    def _keep_private(self) -> None:
        """What is in it is for its owner alone, also where the folder was there before and others may look into it."""
        for folder in (self.files, self.temporary, self.cache):
            folder.mkdir(mode=0o700, exist_ok=True)
            _take_from_others(folder)
        self.database.touch(mode=0o600)
        for file in self.path.glob("*.sqlite*"):
            _take_from_others(file)
        if all(_is_ours(entry.name) for entry in self.path.iterdir()):
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


def _is_ours(name: str) -> bool:
    return name in ("files", "tmp", "cache", "set-aside", "server.lock") or name.startswith(
        ("flowml.sqlite", "queue.sqlite", "gpu-")
    )


def _take_from_others(path: Path) -> None:
    """Leave it to its owner; what belongs to somebody else stays as it is."""
    found = path.stat()
    if found.st_mode & 0o077 and found.st_uid == os.geteuid():
        path.chmod(found.st_mode & 0o700)


class ServerLock:
    """Held by the one server of a home folder; the operating system lets go of it however the process ends.

    It is a lock on a SQLite file of its own: the portable way to a lock that dies with its process.
    """

    def __init__(self, home: Home):
        path = home.path / "server.lock"
        try:
            try:
                self._connection = _locked(path)
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_NOTADB:
                    raise
                # Nothing is kept in it, and nobody can hold what is no database.
                path.unlink()
                self._connection = _locked(path)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                raise home.unusable(error) from error
            raise StartupError(
                f"Another FlowML server is already using the home folder {home.path}.",
                hint="Stop it first, or choose another folder with --home.",
            ) from error

    def release(self) -> None:
        self._connection.close()


def _locked(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
