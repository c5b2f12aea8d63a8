"""A database that cannot be opened is said so, and left as it is; what is deleted goes, on a full disk, too."""

import errno
import sqlite3
from pathlib import Path

import pytest

from flowml.domain.errors import NoRoom, StartupError
from flowml.store.migrations import MIGRATIONS
from flowml.store.store import Store
from tests.services.records import add_dataset


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


def test_a_deletion_on_a_full_disk_takes_the_room_of_the_ballast(store: Store) -> None:
    table = add_dataset(store).table

    def rows() -> None:
        store.datasets.delete("d1")
        if store.home.ballast.size() > 1_000_000:
            raise OSError(errno.ENOSPC, "No space left on device")

    store.home.ballast.fill(4_000_000)
    log = store.home.path / "flowml.sqlite-wal"
    assert log.stat().st_size > 0
    store.delete(rows)
    assert store.home.ballast.size() == 1_000_000
    assert store.datasets.count() == 0 and not store.files.has(table)

    add_dataset(store)
    store.home.ballast.fill(2_000_000)
    store.home.ballast.give_up_half()
    store.delete(lambda: store.datasets.delete("d1"))
    assert store.home.ballast.size() == 1_000_000, "where there is room it is left alone"


def test_a_deletion_for_which_there_is_no_room_at_all_says_so_and_keeps_everything(store: Store) -> None:
    def full() -> None:
        store.datasets.delete("d1")
        raise OSError(errno.ENOSPC, "No space left on device")

    table = add_dataset(store).table
    with pytest.raises(NoRoom, match="not even this can be noted"):
        store.delete(full)
    assert store.datasets.count() == 1 and store.files.has(table)


def test_a_damaged_database_deletes_no_file(store: Store) -> None:
    table = add_dataset(store).table
    store.damage = "row 7 missing from index"
    store.delete(lambda: store.datasets.delete("d1"))
    assert store.files.has(table)
