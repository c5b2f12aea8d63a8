"""The home folder: everything FlowML keeps, and the promise that one server at a time keeps it."""

import sqlite3
from pathlib import Path

from flowml.domain.errors import StartupError


class Home:
    """The places inside a home folder, made when they are missing."""

    def __init__(self, path: Path):
        self.path = path.expanduser().absolute()
        self.database = self.path / "flowml.sqlite"
        self.queue = self.path / "queue.sqlite"
        self.files = self.path / "files"
        self.temporary = self.path / "tmp"
        self.cache = self.path / "cache"

    def prepare(self) -> None:
        """Make the folder. Raises StartupError when that is not possible, or it cannot be written to."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = self.path / ".writable"
            probe.write_bytes(b"")
            probe.unlink(missing_ok=True)
        except OSError as error:
            raise StartupError(
                f"The home folder {self.path} cannot be used: {error.strerror or error}.",
                hint="Choose another with --home, or make this one writable.",
            ) from error


class ServerLock:
    """Held by the one server of a home folder; the operating system lets go of it however the process ends.

    It is a lock on a SQLite file of its own: the portable way to a lock that dies with its process.
    """

    def __init__(self, home: Home):
        self._connection = sqlite3.connect(
            home.path / "server.lock", timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            self._connection.close()
            raise StartupError(
                f"Another FlowML server is already using the home folder {home.path}.",
                hint="Stop it first, or choose another folder with --home.",
            ) from error

    def release(self) -> None:
        self._connection.close()
