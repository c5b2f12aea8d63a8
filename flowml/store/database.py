"""One SQLite database: pragmas, one writer a process, as many readers as threads.

Several processes open the same database (server, conductors, trainers). WAL lets them read while one writes;
`BEGIN IMMEDIATE` and the busy timeout make writers queue up instead of failing.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

BUSY_TIMEOUT_SECONDS = 20.0
_STEPS_BETWEEN_LOOKS = 10_000
_MOST_FINDINGS = 3


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


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written in it is stored, or nothing, also when it cannot be committed; what went wrong is raised."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # Where the disk is full SQLite has rolled back by itself, and there is nothing to roll back any more.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


class Database:
    """The connections of one process. Safe to use from any of its threads, not across a fork."""

    def __init__(self, path: Path):
        self.path = path
        self._writer = connect(path)
        self._write_lock = threading.RLock()
        self._transaction_thread: int | None = None
        self.models_version = 0
        """Changes whenever this process has stored which models there are, or which is the best one of a job."""
        self._models_changed = False
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
            self._transaction_thread = threading.get_ident()
            try:
                with transaction(self._writer):
                    yield self._writer
            finally:
                self._transaction_thread = None
                # After the commit: whoever looks before it finds what was there, and has to look again.
                self.models_version += self._models_changed
                self._models_changed = False

    def changes_models(self) -> None:
        """To be called inside a transaction that changes which model a name stands for."""
        self._models_changed = True

    @contextmanager
    def maintenance(self) -> Iterator[sqlite3.Connection]:
        """The writer alone, outside any transaction: for migrations, which make their own."""
        with self._write_lock:
            yield self._writer

    def data_version(self) -> int:
        """A number that changes whenever anyone, in any process, has committed."""
        with self._watch_lock:
            return int(self._watcher.execute("PRAGMA data_version").fetchone()[0])

    def shorten_log(self) -> None:
        """Bring what the log holds into the database and give back its room, as far as nobody just needs it."""
        with closing(sqlite3.connect(self.path, timeout=0, isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def damage(self, seconds: float) -> str | None:
        """What is wrong with the database, if anything was found within so many seconds; large ones take longer."""
        until = time.monotonic() + seconds
        with closing(connect(self.path, readonly=True)) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS_BETWEEN_LOOKS)
            try:
                found = [row[0] for row in connection.execute(f"PRAGMA quick_check({_MOST_FINDINGS})")]
            except sqlite3.DatabaseError as error:
                return None if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT else str(error)
        return None if found == ["ok"] else " ".join(found)

    def close(self) -> None:
        """Close the writer and the watcher; readers go with their threads."""
        with self._write_lock:
            self._writer.close()
        with self._watch_lock:
            self._watcher.close()
