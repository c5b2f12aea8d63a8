"""All of a transaction is stored or nothing, whoever else is writing."""

import multiprocessing
from pathlib import Path

import pytest

from flowml.domain.jobs import JobSpec
from flowml.store.store import Store


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
