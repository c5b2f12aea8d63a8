"""Files by the hash of their content: each once, reached by nothing else, and gone when nothing needs them."""

import hashlib
import multiprocessing
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from flowml.domain.errors import Damaged, NotFound
from flowml.domain.stored import hash_file
from flowml.store.files import Files, name_of
from flowml.store.store import Store
from tests.services.records import add_dataset, add_job, add_model


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


def make_old(store: Store, sha256: str) -> None:
    """As if it had been stored long ago, and nobody had needed it since."""
    with store._database.write() as connection:
        connection.execute("UPDATE files SET loose_since = 2.0 WHERE sha256 = ?", (sha256,))


def test_what_is_stored_again_is_young_again(store: Store) -> None:
    stored = store.files.put_bytes(b"content")
    make_old(store, stored)
    assert store.files.put_bytes(b"content") == stored
    assert store.files.remove_unused(older_than=1e9) == 0


def test_what_was_deleted_goes_at_once_unless_somebody_else_has_the_same(store: Store) -> None:
    add_dataset(store)
    other = add_dataset(store, "d2")
    job = add_job(store)
    for model_id, content in (("shared", b"a model"), ("own", b"another")):
        add_model(store, job, model_id, 0.9, file=store.files.put_bytes(content))
    kept = add_model(store, add_job(store), "kept", 0.9).file
    own, first = store.models.get("own").file, store.datasets.get("d1").table
    store.delete(lambda: store.jobs.delete(job.id))
    store.delete(lambda: store.datasets.delete("d1"))
    assert [store.files.has(sha256) for sha256 in (own, first, other.table, kept)] == [False, False, True, True]
    assert store.files.strays().files == ()


def test_a_model_that_took_the_place_of_another_leaves_its_file_for_an_hour(store: Store) -> None:
    job = add_job(store)
    before = add_model(store, job, "ensemble", 0.8, file=store.files.put_bytes(b"before")).file
    after = add_model(store, job, "ensemble", 0.9, file=store.files.put_bytes(b"after")).file
    assert store.files.remove_unused(older_than=time.time() - 60) == 0 and store.files.has(before)
    store.files.remove_unused(older_than=time.time() + 60)
    assert store.files.has(after) and not store.files.has(before)


def test_only_what_changed_is_looked_at(store: Store) -> None:
    for number in range(20):
        add_dataset(store, f"d{number}")
    store.files.remove_unused(older_than=1e12)
    steps: list[int] = []
    with store._database.maintenance() as writer:
        for connection in (writer, store._database.read()):
            connection.set_progress_handler(lambda: steps.append(1), 100)
    store.files.remove_unused(older_than=1e12)
    assert len(steps) < 3


def test_a_copy_of_the_folder_with_other_times_knows_what_was_deleted(store: Store, tmp_path: Path) -> None:
    kept = add_dataset(store).table
    deleted, unnamed = add_dataset(store, "d2").table, store.files.put_bytes(b"on its way to a row")
    store.datasets.delete("d2")
    shutil.copytree(store.home.path, tmp_path / "copy", copy_function=shutil.copyfile)
    copy = Store(tmp_path / "copy", now=2.0)
    copy.look_over(seconds=10)
    assert copy.strays.files == ()
    assert copy.files.remove_unused(older_than=1e12) == 2
    assert [copy.files.has(sha256) for sha256 in (kept, deleted, unnamed)] == [True, False, False]


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
    store = Store(tmp_path / "home", now=2.0)
    later = store.files.put_bytes(b"later")
    store.files.put_bytes(b"unused then, stored again later")
    store.files.tell(store.events.append("system", "system_event", {}, 2.0))
    store.close()
    (tmp_path / "home" / "flowml.sqlite").write_bytes(backup)

    store = Store(tmp_path / "home", now=3.0)
    store.look_over(seconds=10)
    assert store.files.remove_unused(older_than=1e12) == 0
    assert set(store.strays.files) == {later, again}


def test_what_is_somebody_elses_in_its_folders_is_left_alone(store: Store) -> None:
    theirs = [store.home.temporary / "plans.txt", store.home.cache / "pictures", store.home.files / "ab" / "notes"]
    for path in theirs:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    ours = [store.files.new_temp(), store.files.cached("lines-of-a-table")]
    for path in ours:
        path.touch()
    store.files.remove_unused(older_than=1e12)
    store.files.remove_temporary()
    assert [path.exists() for path in (*theirs, *ours)] == [True, True, True, False, False]
    assert store.files.strays().files == ()


def test_what_could_not_be_noted_is_not_stored(store: Store) -> None:
    def refuse(action: int, word: str | None, *_: object) -> int:
        return sqlite3.SQLITE_DENY if (action, word) == (sqlite3.SQLITE_TRANSACTION, "COMMIT") else sqlite3.SQLITE_OK

    with store._database.maintenance() as connection:
        pass
    with pytest.raises(sqlite3.DatabaseError):
        store.files.put_bytes(b"content", lambda _: connection.set_authorizer(refuse))
    assert not list((store.home.path / "files").glob("??/*")) and not list(store.home.temporary.iterdir())


def test_what_could_not_be_noted_is_left_where_somebody_else_has_stored_it_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is between the end of the failed change and the look at the file that they come."""
    withdraw = Files.withdraw

    def late(files: Files, hashes: Iterable[str], announced: float) -> None:
        monkeypatch.undo()
        store.files.put_bytes(b"content")
        withdraw(files, hashes, announced)

    monkeypatch.setattr(Files, "withdraw", late)
    with pytest.raises(ZeroDivisionError):
        store.files.put_bytes(b"content", lambda _: 1 / 0)
    assert store.files.content(hashlib.sha256(b"content").hexdigest()) == b"content"


def test_what_is_said_to_come_from_the_future_is_of_now(store: Store) -> None:
    unused, cached = store.files.put_bytes(b"unused"), store.files.cached("lines-of-a-table")
    cached.touch()
    os.utime(cached, (315_532_800.0, 315_532_800.0))
    store.files.forget_future(now=1e9)
    # Only the system says when a file was changed, and it says that this was now.
    assert cached.stat().st_mtime > 1e9
    assert store.files.remove_unused(older_than=1e9 + 1) == 1 and not store.files.has(unused)


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
    with pytest.raises(Damaged, match="The model is damaged"):
        store.files.whole(sha256, "model")
    assert store.files.put_bytes(b"content") == sha256
    assert store.files.content(sha256) == store.files.whole(sha256, "model").read_bytes() == b"content"


def test_a_file_is_placed_when_all_that_names_it_is_written(store: Store) -> None:
    """Who is killed before that has stored neither."""
    was_there = []
    sha256 = store.files.put_bytes(b"a model", lambda sha256: was_there.append(store.files.has(sha256)))
    assert was_there == [False] and store.files.has(sha256)


def put_and_die(home: Path) -> None:
    """Ends as by kill -9, when the file is in its place and what names it is not yet stored."""
    real = os.replace

    def replace_and_die(source: Path, target: Path) -> None:
        real(source, target)
        os._exit(9)

    os.replace = replace_and_die  # type: ignore[assignment]
    Store(home, now=1.0).files.put_bytes(b"content")


def test_who_is_killed_when_a_file_is_in_its_place_leaves_none_for_ever(store: Store) -> None:
    child = multiprocessing.get_context("spawn").Process(target=put_and_die, args=(store.home.path,))
    child.start()
    child.join()
    assert child.exitcode == 9
    (left,) = (path for path in (store.home.path / "files").glob("??/*") if path.is_file())
    assert store.files.strays().files == ()
    store.files.remove_unused(time.time() + 10)
    assert not left.exists()
    assert not store.files.knows(name_of(left))
