"""All of a transaction is stored or nothing, whoever else is writing."""

import multiprocessing
import sqlite3
from pathlib import Path

import pytest

from flowml.domain.jobs import JobSpec
from flowml.store.store import Store
from tests.store.damage import damage_table, let_grow_no_more


def test_a_failed_transaction_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(RuntimeError), store.transaction():
        store.jobs.add(JobSpec("d", "t"), "n", 1.0)
        store.events.append("system", "log", {}, 1.0)
        raise RuntimeError
    assert store.jobs.page(10, 0) == ([], 0)
    assert store.events.last_id() == 0


def test_what_a_transaction_has_written_it_can_read(store: Store) -> None:
    with store.transaction():
        job = store.jobs.add(JobSpec("d", "t"), "n", 1.0)
        assert store.jobs.update(job.id, message="changed").message == "changed"


def test_a_disk_that_is_full_is_said_to_be_and_leaves_nothing_behind(tmp_path: Path) -> None:
    store = Store(tmp_path, now=1.0)
    with store._database.maintenance() as connection:
        let_grow_no_more(connection)
    with pytest.raises(sqlite3.OperationalError, match="database or disk is full"), store.transaction():
        for _ in range(100):
            store.events.append("system", "log", {"text": "x" * 10_000}, 1.0)
    with store._database.maintenance() as connection:
        assert not connection.in_transaction, "the next one would join it, and never be stored"
        connection.execute("PRAGMA max_page_count = 1000000")
    store.events.append("system", "log", {}, 1.0)
    assert [event.data for event in store.events.since(0, limit=10)] == [{}]


def test_a_commit_that_fails_is_undone(store: Store) -> None:
    def refuse(action: int, *_: str | None) -> int:
        return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_TRANSACTION and _[0] == "COMMIT" else sqlite3.SQLITE_OK

    with store._database.maintenance() as connection:
        connection.set_authorizer(refuse)
    with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
        store.events.append("system", "log", {}, 1.0)
    with store._database.maintenance() as connection:
        connection.set_authorizer(None)
    store.events.append("system", "log", {"at": 2}, 2.0)
    assert [event.data for event in Store(store.home.path, now=3.0).events.since(0, limit=10)] == [{"at": 2}]


def test_a_page_that_was_overwritten_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path, now=1.0)
    store.look_over(seconds=10)
    assert store.damage is None
    store.close()
    damage_table(tmp_path / "flowml.sqlite", "datasets")
    store = Store(tmp_path, now=2.0)
    store.look_over(seconds=10)
    assert store.damage is not None


def _write_many(home: str, room: str) -> None:
    store = Store(Path(home), now=1.0)
    for number in range(200):
        store.events.append(room, "log", {"n": number}, 1.0)


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    store = Store(tmp_path, now=1.0)
    before = store.data_version()
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=_write_many, args=(str(tmp_path), f"r{index}")) for index in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert len(store.events.since(0, limit=1000)) == 600
    assert store.data_version() != before
