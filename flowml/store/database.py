"""One SQLite database: pragmas, one writer a process, as many readers as threads.

Several processes open the same database (server, conductors, trainers). WAL lets them read while one writes;
`BEGIN IMMEDIATE` and the busy timeout make writers queue up instead of failing.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY_TIMEOUT_SECONDS = 20.0


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode with the pragmas that every connection needs."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    # The busy timeout comes first: switching to WAL itself may have to wait for another process.
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_SECONDS * 1000)}")
    connection.execute("PRAGMA journal_mode = WAL")
    # In WAL mode NORMAL survives a killed process; only a power cut may cost the last transactions.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    if readonly:
        connection.execute("PRAGMA query_only = ON")
    return connection


class Database:
    """The connections of one process. Safe to use from any of its threads, not across a fork."""

    def __init__(self, path: Path):
        self.path = path
        self._writer = connect(path)
        self._write_lock = threading.RLock()
        self._transaction_thread: int | None = None
        self._readers = threading.local()
        # `data_version` reports the commits of other connections, so it needs one that never writes.
        self._watcher = connect(path, readonly=True)
        self._watch_lock = threading.Lock()

    def read(self) -> sqlite3.Connection:
        """This thread's reading connection."""
        connection: sqlite3.Connection | None = getattr(self._readers, "connection", None)
        if connection is None:
            connection = connect(self.path, readonly=True)
            self._readers.connection = connection
        return connection

    def current(self) -> sqlite3.Connection:
        """The writer inside this thread's own transaction, so that it sees what it has just written; else a reader."""
        return self._writer if self._transaction_thread == threading.get_ident() else self.read()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: all of it or nothing. Nested use joins the outer transaction."""
        with self._write_lock:
            if self._writer.in_transaction:
                yield self._writer
                return
            self._writer.execute("BEGIN IMMEDIATE")
            self._transaction_thread = threading.get_ident()
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            else:
                self._writer.execute("COMMIT")
            finally:
                self._transaction_thread = None

    @contextmanager
    def maintenance(self) -> Iterator[sqlite3.Connection]:
        """The writer alone, outside any transaction: for migrations, which make their own."""
        with self._write_lock:
            yield self._writer

    def data_version(self) -> int:
        """A number that changes whenever anyone, in any process, has committed."""
        with self._watch_lock:
            return int(self._watcher.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the writer and the watcher; readers go with their threads."""
        with self._write_lock:
            self._writer.close()
        with self._watch_lock:
            self._watcher.close()
