"""Files by the hash of their content: each once, reached by nothing else, and gone when nothing needs them."""

import os
import sqlite3
import time
from pathlib import Path

import pytest

from flowml.domain.errors import Damaged, NotFound
from flowml.domain.stored import hash_file
from flowml.store.store import Store
from tests.services.records import add_dataset


def test_files_are_stored_once_under_their_hash(store: Store) -> None:
    first, second = store.files.put_bytes(b"content"), store.files.put_bytes(b"content")
    temporary = store.files.new_temp()
    temporary.write_bytes(b"content")
    assert first == second == store.files.put_path(temporary) == hash_file(store.files.path(first))
    assert not temporary.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 64, "/etc/passwd"])
def test_only_hashes_of_stored_files_lead_to_a_path(store: Store, name: str) -> None:
    with pytest.raises(NotFound):
        store.files.path(name)


def test_unused_files_go_when_they_are_old(store: Store) -> None:
    used, unused = add_dataset(store).table, store.files.put_bytes(b"unused")
    assert store.files.remove_unused(older_than=0.0) == 0
    assert store.files.remove_unused(older_than=1e12) == 1
    assert store.files.path(used).exists()
    with pytest.raises(NotFound):
        store.files.path(unused)


def test_what_is_stored_again_is_young_again(store: Store) -> None:
    stored = store.files.put_bytes(b"content")
    os.utime(store.files.path(stored), (1.0, 1.0))
    assert store.files.put_bytes(b"content") == stored
    assert store.files.remove_unused(older_than=1e9) == 0


def test_a_lost_database_deletes_nothing_of_what_the_files_hold(tmp_path: Path) -> None:
    lost = Store(tmp_path, now=1.0)
    kept = {add_dataset(lost).table, lost.files.put_bytes(b"a model")}
    lost.close()
    for file in tmp_path.glob("flowml.sqlite*"):
        file.unlink()
    store = Store(tmp_path, now=2.0)
    assert store.files.remove_unused(older_than=1e12) == 0
    assert set(store.files.strays().files) == kept
    assert store.files.strays().n_bytes == len(b"d1") + len(b"a model")


def test_an_older_database_deletes_nothing_that_came_after_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "home", now=1.0)
    again = store.files.put_bytes(b"unused then, stored again later")
    store.close()
    backup = (tmp_path / "home" / "flowml.sqlite").read_bytes()
    os.utime(store.files.path(again), (1e9, 1e9))
    store = Store(tmp_path / "home", now=2.0)
    later = store.files.put_bytes(b"later")
    store.files.put_bytes(b"unused then, stored again later")
    store.close()
    (tmp_path / "home" / "flowml.sqlite").write_bytes(backup)
    place = store.files.path(again)
    os.utime(place, (place.stat().st_mtime + 3600,) * 2)

    store = Store(tmp_path / "home", now=3.0)
    assert store.files.remove_unused(older_than=1e12) == 0
    assert set(store.files.strays().files) == {later, again}


def test_what_could_not_be_noted_is_not_stored(store: Store) -> None:
    def refuse(action: int, word: str | None, *_: object) -> int:
        return sqlite3.SQLITE_DENY if (action, word) == (sqlite3.SQLITE_TRANSACTION, "COMMIT") else sqlite3.SQLITE_OK

    with store._database.maintenance() as connection:
        connection.set_authorizer(refuse)
    with pytest.raises(sqlite3.DatabaseError):
        store.files.put_bytes(b"content")
    assert store.files.strays().files == () and not list(store.home.temporary.iterdir())


def test_a_file_on_its_way_is_as_old_as_what_was_last_done_to_it(store: Store) -> None:
    file, folder = store.files.new_temp(), store.files.new_temp()
    folder.mkdir()
    for path in (file, folder / "sheet.xml"):
        path.touch()
        os.utime(path, (315_532_800.0, 315_532_800.0))
    os.utime(folder, (315_532_800.0, 315_532_800.0))
    store.files.remove_unused(older_than=time.time() - 10)
    assert file.exists() and (folder / "sheet.xml").exists()
    store.files.remove_temporary()
    assert not list(store.home.temporary.iterdir())


def test_a_file_that_was_changed_on_the_disk_is_not_what_was_stored(store: Store) -> None:
    sha256 = store.files.put_bytes(b"content")
    assert store.files.content(sha256) == b"content"
    store.files.path(sha256).write_bytes(b"c0ntent")
    with pytest.raises(Damaged, match="changed on this server's disk"):
        store.files.content(sha256)
