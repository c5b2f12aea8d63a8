"""Databases on a full disk, and such as the disk gives back otherwise than they were written."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def full_database(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a database with a table `t` of blobs that may not grow any more, as on a full disk."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (content BLOB)")
        let_grow_no_more(connection)
        yield connection


def let_grow_no_more(connection: sqlite3.Connection) -> None:
    """From now on its database is as full as a disk: SQLite answers in the same way."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")


def damage_table(path: Path, table: str) -> None:
    """Overwrite the pages of this table in a closed database, but leave the database one that can be opened."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xa5" * size)
