"""The workers table: this machine and the ones that joined."""

import math
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import asdict
from itertools import count
from typing import Any

from flowml.domain.access.tokens import OWNER_PREFIX
from flowml.domain.errors import WrongState
from flowml.domain.workers import (
    LOCAL_ID,
    Caller,
    DatasetName,
    GPULoad,
    Load,
    Machine,
    Share,
    Worker,
    WorkerStatus,
    capabilities_of,
)
from flowml.store.database import Database
from flowml.store.fleet.blame import REFUSAL, set_aside
from flowml.store.rows import from_json, new_id, to_json

MOST_OF_AN_OWNER = 2_000
MOST_REFUSED = 3
"""A worker of which so many trials were refused gets no more; what it does well in between counts, too."""
MOST_SET_ASIDE = 3
"""Who owns so many that were set aside has no other one join; with each that does well there may be as many more."""
# What one is that is there.
_HERE = "CASE WHEN workers.set_aside IS NULL AND NOT workers.drained THEN 'online' ELSE 'draining' END"


class Workers:
    """Machines that train."""

    def __init__(self, database: Database):
        self._database = database

    def register_local(
        self,
        name: str,
        queues: tuple[str, ...],
        slots: int,
        capabilities: Mapping[str, Any],
        now: float,
        *,
        threads: int = 1,
        memory_bytes: int = 0,
    ) -> str:
        """This machine, the same worker whatever it is called today; returns its id. A trial may use so many `threads`
        and `memory_bytes`. Where another worker has its name already, it gets a number."""
        with self._database.write() as connection:
            name = _free_name(connection, name, LOCAL_ID)
            _put(connection, LOCAL_ID, name, queues, Share(slots, threads, memory_bytes), capabilities, now)
        return LOCAL_ID

    def register(
        self,
        name: str,
        queues: tuple[str, ...],
        share: Share,
        capabilities: Mapping[str, Any],
        now: float,
        *,
        owner: str,
        instance: str | None = None,
        life: str | None = None,
        others: Collection[str] = (),
    ) -> Worker:
        """A machine that joins, or comes back: the same worker where its owner has one of its name that is this
        `instance` or is gone, and is not one of the `others`. Else it gets a number. Of very many of one owner, those
        make room that have been gone for longest. One that was drained stays so until it is another process (`life`).
        Raises WrongState where none has."""
        with self._database.write() as connection:
            rows = connection.execute("SELECT * FROM workers WHERE owner = ? AND id <> ?", (owner, LOCAL_ID)).fetchall()
            rows = [row for row in rows if row["id"] not in others]
            known = [row["id"] for row in rows if instance is not None and row["instance"] == instance] + [
                row["id"]
                for row in rows
                if row["name"] == name and (instance is None or row["status"] == WorkerStatus.OFFLINE)
            ]
            worker_id = known[0] if known else _new(connection, owner)
            name = _free_name(connection, name, worker_id)
            connection.execute(
                # Who says nothing of itself may always be another one.
                "UPDATE workers SET drained = 0 WHERE id = ?1 AND (?2 IS NULL OR life IS NOT ?2)",
                (worker_id, life),
            )
            _put(connection, worker_id, name, queues, share, capabilities, now)
            connection.execute(
                "UPDATE workers SET owner = ?, instance = ifnull(?, instance) WHERE id = ?",
                (owner, instance, worker_id),
            )
        worker = self.find(worker_id)
        assert worker is not None
        return worker

    def find(self, worker_id: str) -> Worker | None:
        """One of them."""
        row = self._database.read().execute(f"{_WORKERS} WHERE id = ?", (worker_id,)).fetchone()
        return None if row is None else _worker(row)

    def caller(self, worker_id: str) -> Caller | None:
        """One of them that calls, as cheap as that is asked for often."""
        query = "SELECT id, name, status, owner FROM workers WHERE id = ?"
        row = self._database.read().execute(query, (worker_id,)).fetchone()
        return None if row is None else Caller(row["id"], row["name"], WorkerStatus(row["status"]), row["owner"])

    def back(self, worker_id: str, now: float) -> bool:
        """It was heard of; whether it had been given up."""
        with self._database.write() as connection:
            back = connection.execute(
                f"UPDATE workers SET status = {_HERE}, last_seen_at = ? WHERE id = ? AND status = 'offline'",
                (now, worker_id),
            )
        return back.rowcount == 1

    def seen(self, at: Mapping[str, tuple[float, Load | None]]) -> None:
        """When each of these was last heard of, and how busy it said that it is."""
        with self._database.write() as connection:
            connection.executemany(
                "UPDATE workers SET last_seen_at = ?, load = ? WHERE id = ?",
                [(when, load and to_json(asdict(load)), worker_id) for worker_id, (when, load) in at.items()],
            )

    def free_places(self, worker_ids: Collection[str]) -> dict[str, int]:
        """Of these, those who may be given trials now, and how many each."""
        rows = self._database.current().execute(
            "SELECT id, slots - (SELECT COUNT(*) FROM trials WHERE worker_id = workers.id AND status = 'leased')"
            " AS free FROM workers WHERE id IN (SELECT value FROM json_each(?)) AND status = 'online'",
            (to_json(list(worker_ids)),),
        )
        return {row["id"]: row["free"] for row in rows if row["free"] > 0}

    def ids(self) -> set[str]:
        """Those of all that have joined and were not removed."""
        return {row["id"] for row in self._database.read().execute("SELECT id FROM workers")}

    def drain(self, worker_id: str) -> None:
        """Give one no more trials, until it is resumed or starts anew."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE workers SET drained = 1, status = CASE status WHEN 'online' THEN 'draining' ELSE status END"
                " WHERE id = ?",
                (worker_id,),
            )

    def set_status(self, worker_id: str, status: WorkerStatus) -> None:
        """What it is now."""
        with self._database.write() as connection:
            connection.execute("UPDATE workers SET status = ? WHERE id = ?", (str(status), worker_id))

    def blame(self, worker_id: str, reason: str) -> bool:
        """A trial of a worker was refused; whether it is set aside for that now, until it is removed."""
        with self._database.write() as connection:
            # One more, for when it was reported it counted as done.
            connection.execute("UPDATE workers SET refused = refused + ? WHERE id = ?", (REFUSAL + 1, worker_id))
            row = connection.execute("SELECT refused FROM workers WHERE id = ?", (worker_id,)).fetchone()
            too_many = row is not None and row["refused"] >= MOST_REFUSED * REFUSAL
            return too_many and set_aside(connection, worker_id, reason)

    def resume(self, worker_id: str) -> None:
        """Have one take trials again that was drained or set aside; what was held against it is forgotten."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM mishaps WHERE worker_id = ?", (worker_id,))
            connection.execute(
                "UPDATE workers SET set_aside = NULL, drained = 0, refused = 0,"
                " status = CASE status WHEN 'draining' THEN 'online' ELSE status END WHERE id = ?",
                (worker_id,),
            )

    def lives(self) -> dict[str, str]:
        """The process that each worker was when it last said so, by worker."""
        rows = self._database.read().execute("SELECT id, life FROM workers WHERE life IS NOT NULL")
        return {row["id"]: row["life"] for row in rows}

    def set_life(self, worker_id: str, life: str) -> None:
        """It is this process now."""
        with self._database.write() as connection:
            connection.execute("UPDATE workers SET life = ? WHERE id = ?", (life, worker_id))

    def has_fetched(self, worker_id: str, dataset_id: str, sha256: str) -> None:
        """It is given the table of this hash for a run on this data set; it sees those whose table that is, too."""
        seen = "SELECT ? AS id UNION SELECT id FROM datasets WHERE table_file = ?"
        missing = f"SELECT ?, id FROM ({seen}) WHERE id NOT IN (SELECT dataset_id FROM fetched WHERE worker_id = ?)"
        # Somebody may just be removing it.
        missing += " AND EXISTS (SELECT 1 FROM workers WHERE id = ?)"
        values = (worker_id, dataset_id, sha256, worker_id, worker_id)
        # Files come in many parts, and a look takes no lock from those who write.
        if self._database.current().execute(missing, values).fetchone() is not None:
            with self._database.write() as connection:
                connection.execute(f"INSERT INTO fetched (worker_id, dataset_id) {missing}", values)

    def remove(self, worker_id: str) -> None:
        """Forget one; its trials keep its name."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM workers WHERE id = ?", (worker_id,))

    def remove_offline(self, before: float = math.inf) -> list[str]:
        """Forget all that are offline and were last heard of before that time; one that comes back joins anew. Those
        that were set aside stay so."""
        with self._database.write() as connection:
            rows = connection.execute(
                "DELETE FROM workers WHERE status = 'offline' AND set_aside IS NULL AND id <> ?"
                " AND last_seen_at < ? RETURNING id",
                (LOCAL_ID, before),
            ).fetchall()
        return [row["id"] for row in rows]

    def remote(self) -> list[tuple[str, WorkerStatus, float]]:
        """Those on other machines that are not offline: id, status, and when each was last heard of."""
        rows = self._database.read().execute(
            "SELECT id, status, last_seen_at FROM workers WHERE status <> 'offline' AND id <> ?", (LOCAL_ID,)
        )
        return [(row["id"], WorkerStatus(row["status"]), row["last_seen_at"]) for row in rows]

    def refused(self, now: float) -> list[str]:
        """Those that are not offline, and whose token has been revoked or has expired."""
        rows = self._database.read().execute(
            "SELECT workers.id FROM workers JOIN tokens ON tokens.id = substr(owner, :start)"
            " WHERE status <> 'offline' AND owner LIKE :prefix || '%'"
            " AND (revoked_at IS NOT NULL OR expires_at <= :now)",
            {"prefix": OWNER_PREFIX, "start": len(OWNER_PREFIX) + 1, "now": now},
        )
        return [row["id"] for row in rows]

    def machines(self) -> list[Machine]:
        """Those that are online."""
        rows = self._database.read().execute(
            "SELECT id, queues, slots, threads, memory_bytes,"
            " json_extract(capabilities, '$.largest_trial_bytes') AS largest,"
            " (SELECT COUNT(*) FROM trials WHERE worker_id = workers.id AND status = 'leased') AS running FROM workers"
            " WHERE status = 'online' ORDER BY id"
        )
        return [
            Machine(
                row["id"],
                tuple(from_json(row["queues"])),
                row["slots"],
                row["threads"],
                row["memory_bytes"],
                capabilities_of({"largest_trial_bytes": row["largest"]}).largest_trial_bytes,
                running=row["running"],
            )
            for row in rows
        ]

    def queues(self, worker_id: str) -> tuple[str, ...]:
        """Whose trials a worker takes; none of one that is gone."""
        row = self._database.read().execute("SELECT queues FROM workers WHERE id = ?", (worker_id,)).fetchone()
        return tuple(from_json(row["queues"])) if row else ()

    def capabilities(self, worker_id: str) -> dict[str, Any]:
        """What a worker can do; nothing of one that is gone."""
        row = self._database.read().execute("SELECT capabilities FROM workers WHERE id = ?", (worker_id,)).fetchone()
        return dict(from_json(row["capabilities"])) if row else {}

    def has_others(self) -> bool:
        """Whether any machine but this one has joined and was not removed."""
        found = self._database.read().execute("SELECT EXISTS (SELECT 1 FROM workers WHERE id <> ?)", (LOCAL_ID,))
        return bool(found.fetchone()[0])

    def all(self) -> list[Worker]:
        """All of them, in the order in which they joined."""
        return [_worker(row) for row in self._database.read().execute(f"{_WORKERS} ORDER BY registered_at, id")]


_WORKERS = (
    "SELECT workers.*,"
    " (SELECT COUNT(*) FROM trials WHERE worker_id = workers.id AND status = 'leased') AS running,"
    " (SELECT COUNT(*) FROM trials WHERE worker_id = workers.id AND status = 'finished' AND to_look_at = 0)"
    " AS finished,"
    " (SELECT json_group_array(json_object('id', datasets.id, 'name', datasets.name)) FROM fetched JOIN datasets"
    " ON datasets.id = fetched.dataset_id WHERE fetched.worker_id = workers.id) AS datasets FROM workers"
)


def _worker(row: sqlite3.Row) -> Worker:
    return Worker(
        id=row["id"],
        name=row["name"],
        status=WorkerStatus(row["status"]),
        queues=tuple(from_json(row["queues"])),
        slots=row["slots"],
        running=row["running"],
        capabilities=from_json(row["capabilities"]),
        registered_at=row["registered_at"],
        last_seen_at=row["last_seen_at"],
        trials_finished=row["finished"],
        owner=row["owner"],
        set_aside=row["set_aside"],
        load=_load(row["load"]),
        datasets=tuple(DatasetName(**one) for one in sorted(from_json(row["datasets"]), key=lambda one: one["name"])),
    )


def _load(stored: str | None) -> Load | None:
    if stored is None:
        return None
    load = from_json(stored)
    return Load(**load | {"gpus": tuple(GPULoad(**gpu) for gpu in load["gpus"])})


def _new(connection: sqlite3.Connection, owner: str) -> str:
    """The id of one more worker of this owner."""
    bad, good = connection.execute(
        "SELECT SUM(set_aside IS NOT NULL), SUM(set_aside IS NULL AND EXISTS (SELECT 1 FROM trials"
        " WHERE trials.worker_id = workers.id AND trials.status = 'finished')) FROM workers"
        " WHERE owner = ? AND id <> ?",
        (owner, LOCAL_ID),
    ).fetchone()
    if (bad or 0) >= MOST_SET_ASIDE * (1 + (good or 0)):
        raise WrongState(
            f"{bad} workers of this token are given no more trials, for what went wrong on them.",
            hint="See why on the page Workers, and have them take trials again or remove them.",
        )
    count = connection.execute("SELECT COUNT(*) FROM workers WHERE owner = ?", (owner,)).fetchone()[0]
    if count >= MOST_OF_AN_OWNER:
        made_room = connection.execute(
            "DELETE FROM workers WHERE id = (SELECT id FROM workers WHERE owner = ? AND status = 'offline'"
            " AND set_aside IS NULL ORDER BY last_seen_at LIMIT 1)",
            (owner,),
        )
        if not made_room.rowcount:
            raise WrongState(
                f"{MOST_OF_AN_OWNER:,} workers have joined with this token already.",
                hint="Use another token, or remove some: DELETE /api/workers/{id}.",
            )
    return new_id()


def _free_name(connection: sqlite3.Connection, name: str, worker_id: str) -> str:
    taken = {row["name"] for row in connection.execute("SELECT name FROM workers WHERE id <> ?", (worker_id,))}
    numbered = (f"{name} ({number})" for number in count(2))
    return name if name not in taken else next(free for free in numbered if free not in taken)


def _put(
    connection: sqlite3.Connection,
    worker_id: str,
    name: str,
    queues: tuple[str, ...],
    share: Share,
    capabilities: Mapping[str, Any],
    now: float,
) -> None:
    connection.execute(
        "INSERT INTO workers (id, name, status, queues, slots, threads, memory_bytes, capabilities,"
        " registered_at, last_seen_at)"
        f" VALUES (?, ?, 'online', ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET status = {_HERE},"
        " name = excluded.name, queues = excluded.queues, slots = excluded.slots,"
        " threads = excluded.threads, memory_bytes = excluded.memory_bytes,"
        " capabilities = excluded.capabilities, last_seen_at = excluded.last_seen_at",
        (
            worker_id,
            name,
            to_json(queues),
            share.slots,
            share.threads,
            share.memory_bytes,
            to_json(capabilities),
            now,
            now,
        ),
    )
