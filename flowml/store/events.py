"""The events table: what happened, in order, for whoever watches or comes back.

`data` is JSON of the domain: `job_update` {"job": Job}, `trial_update` {"trial": Trial}, `champion` {model_id,
algorithm, score, elapsed_seconds}, `training_completed` {job_id, models_count, best_score}, `system_event` {level,
title, detail}, `log` {level, message}. Times inside are seconds since the epoch; the web layer gives them their outer
form.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from flowml.domain.events import Event
from flowml.store.database import Database
from flowml.store.rows import from_json, to_json

_AT_ONCE = 1000


class Events:
    """An append-only list."""

    def __init__(self, database: Database):
        self._database = database

    def append(self, room: str, type: str, data: Mapping[str, Any], now: float) -> int:
        """Add one event; returns its id."""
        with self._database.write() as connection:
            cursor = connection.execute(
                "INSERT INTO events (room, type, at, data) VALUES (?, ?, ?, ?)", (room, type, now, to_json(data))
            )
        return int(cursor.lastrowid or 0)

    def since(self, after: int, rooms: Sequence[str] | None = None, limit: int = 500) -> list[Event]:
        """Events with an id above `after`, oldest first; of these rooms, or of all."""
        where = "" if rooms is None else f" AND room IN ({','.join('?' * len(rooms))})"
        rows = self._database.read().execute(
            f"SELECT * FROM events WHERE id > ?{where} ORDER BY id LIMIT ?", (after, *(rooms or ()), limit)
        )
        return [_event(row) for row in rows]

    def last_id(self) -> int:
        """The id of the newest event, also where that has been forgotten."""
        row = self._database.read().execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return int(row[0]) if row else 0

    def remove_before(self, at: float) -> int:
        """Forget old events; returns how many. A part at a time, so that nobody waits long to write."""
        removed = 0
        while True:
            with self._database.write() as connection:
                found = connection.execute(
                    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ? LIMIT ?)", (at, _AT_ONCE)
                ).rowcount
            removed += found
            if found < _AT_ONCE:
                return removed


def _event(row: sqlite3.Row) -> Event:
    return Event(row["id"], row["room"], row["type"], row["at"], from_json(row["data"]))
