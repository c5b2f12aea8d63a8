"""A database that cannot be opened is said so, and left as it is."""

import sqlite3
from pathlib import Path

import pytest

from flowml.domain.errors import StartupError
from flowml.store.migrations import MIGRATIONS
from flowml.store.store import Store


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path, now=1.0)
    store.close()
    with sqlite3.connect(tmp_path / "flowml.sqlite") as connection:
        connection.execute("INSERT INTO migrations VALUES (?, 'from the future', 1)", (MIGRATIONS[-1].number + 1,))
    with pytest.raises(StartupError, match="newer version"):
        Store(tmp_path, now=1.0)


def test_a_damaged_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "flowml.sqlite").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StartupError, match="cannot be opened"):
        Store(tmp_path, now=1.0)
