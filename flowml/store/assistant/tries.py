"""The tries table: ideas for columns that were tried on a data set, and what came of them. How far one is, is not in
it."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flowml.domain.errors import NotFound
from flowml.domain.ideas import Measured, Try, TryStatus
from flowml.store.database import Database
from flowml.store.rows import to_json

_OPEN = "status IN ('waiting', 'running')"


class Tries:
    """One row an idea, with its settings, of a data set."""

    def __init__(self, database: Database):
        self._database = database

    def add(self, tried: Try) -> Try:
        """A new one. Where the same idea was tried before, the row that is there: as it is while it is open or has
        finished, else to be tried again. Raises NotFound where its data set is gone."""
        request = to_json({"operations": list(tried.operations), "settings": tried.settings})
        with self._database.write() as connection:
            try:
                connection.execute(
                    "INSERT INTO tries (id, dataset_id, key, target, request, status, created_at)"
                    " VALUES (?, ?, ?, ?, ?, 'waiting', ?) ON CONFLICT (dataset_id, key) DO UPDATE"
                    " SET status = 'waiting', created_at = excluded.created_at, ended_at = NULL, problem = NULL"
                    " WHERE status IN ('failed', 'stopped')",
                    (tried.id, tried.dataset_id, tried.key, tried.target, request, tried.created_at),
                )
            except sqlite3.IntegrityError:
                raise NotFound("There is no such data set.", hint="It may have been deleted.") from None
            row = connection.execute(
                "SELECT * FROM tries WHERE dataset_id = ? AND key = ?", (tried.dataset_id, tried.key)
            ).fetchone()
        return _try(row)

    def get(self, try_id: str) -> Try:
        """Raises NotFound."""
        row = self._database.read().execute("SELECT * FROM tries WHERE id = ?", (try_id,)).fetchone()
        if row is None:
            raise NotFound(f"There is no idea {try_id[:80]} that was tried.", hint="It may have been forgotten.")
        return _try(row)

    def of_dataset(self, dataset_id: str, target: str | None = None) -> tuple[Try, ...]:
        """Those of a data set, with a `target` those for it, in the order in which they were begun."""
        rows = self._database.read().execute(
            "SELECT * FROM tries WHERE dataset_id = ? AND (? IS NULL OR target = ?) ORDER BY created_at, id",
            (dataset_id, target, target),
        )
        return tuple(map(_try, rows))

    def count(self, dataset_id: str, target: str) -> int:
        """How many came to an end for a target, on all versions of the table, those that are forgotten among them."""
        (found,) = (
            self._database.read()
            .execute(
                "SELECT COUNT(*) FROM ideas_tried"
                " WHERE family = (SELECT family FROM datasets WHERE id = ?) AND target = ?",
                (dataset_id, target),
            )
            .fetchone()
        )
        return int(found)

    def begin(self, try_id: str) -> None:
        """It is worked on, unless it was stopped meanwhile."""
        with self._database.write() as connection:
            connection.execute("UPDATE tries SET status = 'running' WHERE id = ? AND status = 'waiting'", (try_id,))

    def finish(self, try_id: str, now: float, measured: Measured) -> None:
        """It is known what came of it."""
        self._end(try_id, TryStatus.FINISHED, now, "answer", asdict(measured))

    def fail(self, try_id: str, now: float, problem: Mapping[str, Any]) -> None:
        """`problem` has detail and hint."""
        self._end(try_id, TryStatus.FAILED, now, "problem", problem)

    def stop(self, try_id: str, now: float, problem: Mapping[str, Any]) -> None:
        """Somebody wants it no more."""
        self._end(try_id, TryStatus.STOPPED, now, "problem", problem)

    def stop_open(self, now: float, problem: Mapping[str, Any]) -> int:
        """Those that nobody works on any more; returns how many there were."""
        with self._database.write() as connection:
            return connection.execute(
                f"UPDATE tries SET status = 'stopped', ended_at = ?, problem = ? WHERE {_OPEN}", (now, to_json(problem))
            ).rowcount

    def remove(self, try_id: str) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM tries WHERE id = ?", (try_id,))

    def _end(self, try_id: str, status: TryStatus, now: float, column: str, value: Any) -> None:
        with self._database.write() as connection:
            connection.execute(
                f"UPDATE tries SET status = ?, ended_at = ?, {column} = ? WHERE id = ? AND {_OPEN}",
                (status, now, to_json(value), try_id),
            )


def _try(row: sqlite3.Row) -> Try:
    request = json.loads(row["request"])
    return Try(
        id=row["id"],
        dataset_id=row["dataset_id"],
        key=row["key"],
        target=row["target"],
        operations=tuple(request["operations"]),
        settings=request["settings"],
        status=TryStatus(row["status"]),
        created_at=row["created_at"],
        ended_at=row["ended_at"],
        measured=Measured.of(json.loads(row["answer"])) if row["answer"] else None,
        problem=json.loads(row["problem"]) if row["problem"] else None,
    )
