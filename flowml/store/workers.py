"""The workers table: this machine and the ones that joined."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from flowml.domain.workers import Machine, Worker, WorkerStatus
from flowml.store.database import Database
from flowml.store.rows import from_json, to_json

LOCAL_ID = "local"


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
            taken = {row["name"] for row in connection.execute("SELECT name FROM workers WHERE id <> ?", (LOCAL_ID,))}
            numbered = (f"{name} ({number})" for number in count(2))
            name = name if name not in taken else next(free for free in numbered if free not in taken)
            connection.execute(
                "INSERT INTO workers (id, name, status, queues, slots, threads, memory_bytes, capabilities,"
                " registered_at, last_seen_at)"
                " VALUES (?, ?, 'online', ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET status = 'online',"
                " name = excluded.name, queues = excluded.queues, slots = excluded.slots,"
                " threads = excluded.threads, memory_bytes = excluded.memory_bytes,"
                " capabilities = excluded.capabilities, last_seen_at = excluded.last_seen_at",
                (LOCAL_ID, name, to_json(queues), slots, threads, memory_bytes, to_json(capabilities), now, now),
            )
        return LOCAL_ID

    def machines(self) -> list[Machine]:
        """Those that are online."""
        rows = self._database.read().execute(
            "SELECT id, queues, slots, threads, memory_bytes FROM workers WHERE status = 'online' ORDER BY id"
        )
        return [
            Machine(row["id"], tuple(from_json(row["queues"])), row["slots"], row["threads"], row["memory_bytes"])
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

    def all(self) -> list[Worker]:
        rows = self._database.read().execute(
            "SELECT workers.*,"
            " (SELECT COUNT(*) FROM trials WHERE worker_id = workers.id AND status = 'leased') AS running,"
            " (SELECT COUNT(*) FROM trials WHERE worker_id = workers.id AND status = 'finished') AS finished"
            " FROM workers ORDER BY registered_at, id"
        )
        return [
            Worker(
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
            )
            for row in rows
        ]
