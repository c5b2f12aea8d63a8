"""This machine is one worker, whatever it is called."""

import sqlite3
from pathlib import Path

from flowml.domain.workers import Share, WorkerStatus
from flowml.store.store import Store


def test_this_machine_stays_the_same_worker_under_another_name(store: Store) -> None:
    first = store.workers.register_local("laptop", ("cpu",), 2, {}, 1.0)
    assert store.workers.register_local("desktop", ("cpu",), 4, {}, 2.0) == first
    (worker,) = store.workers.all()
    assert (worker.name, worker.slots) == ("desktop", 4)


def test_a_worker_of_the_same_name_is_somebody_else(store: Store, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "home" / "flowml.sqlite") as connection:
        for name in ("laptop", "laptop (2)"):
            connection.execute(
                "INSERT INTO workers (id, name, status, queues, slots, capabilities, registered_at, last_seen_at)"
                " VALUES (?, ?, 'online', '[]', 1, '{}', 1.0, 1.0)",
                (name, name),
            )
    for _ in range(2):
        store.workers.register_local("laptop", ("cpu",), 2, {}, 2.0)
    assert {worker.name for worker in store.workers.all()} == {"laptop", "laptop (2)", "laptop (3)"}


def test_workers_that_are_long_gone_are_forgotten(store: Store) -> None:
    gone, lately, aside, there = (
        store.workers.register(name, ("cpu",), Share(1, 1, 1), {}, at, owner="a")
        for name, at in (("gone", 10.0), ("lately", 90.0), ("aside", 10.0), ("there", 10.0))
    )
    for one in (gone, lately, aside):
        store.workers.set_status(one.id, WorkerStatus.OFFLINE)
    with store._database.write() as connection:
        connection.execute("UPDATE workers SET set_aside = 'lies' WHERE id = ?", (aside.id,))
    assert store.workers.remove_offline(50.0) == [gone.id]
    assert {one.name for one in store.workers.all()} == {"lately", "aside", there.name}
