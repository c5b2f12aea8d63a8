"""The workers table: this machine and the ones that joined."""

from collections.abc import Mapping
from typing import Any

from flowml.domain.workers import Worker, WorkerStatus
from flowml.store.database import Database
from flowml.store.rows import from_json, to_json

LOCAL_ID = "local"


class Workers:
    """Machines that train."""

    def __init__(self, database: Database):
        self._database = database

    def register_local(
        self, name: str, queues: tuple[str, ...], slots: int, capabilities: Mapping[str, Any], now: float
    ) -> str:
        """This machine, the same worker whatever it is called today; returns its id."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO workers (id, name, status, queues, slots, capabilities, registered_at, last_seen_at)"
                " VALUES (?, ?, 'online', ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET status = 'online',"
                " name = excluded.name, queues = excluded.queues, slots = excluded.slots,"
                " capabilities = excluded.capabilities, last_seen_at = excluded.last_seen_at",
                (LOCAL_ID, name, to_json(queues), slots, to_json(capabilities), now, now),
            )
        return LOCAL_ID

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
