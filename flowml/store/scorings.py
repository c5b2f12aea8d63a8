"""The scorings table: files that are answered by a model, and what came of them. How far one is, is not in it."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from flowml.domain.errors import NotFound
from flowml.domain.models import Scoring, ScoringStatus
from flowml.store.database import Database

_OPEN = "status IN ('waiting', 'running')"


class Scorings:
    """One row a file."""

    def __init__(self, database: Database):
        self._database = database

    def add(self, scoring: Scoring) -> None:
        """A new one."""
        values = (scoring.id, scoring.owner, scoring.model_id, scoring.filename, scoring.format, scoring.status)
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO scorings (id, owner, model_id, filename, format, status, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*values, scoring.created_at),
            )

    def get(self, scoring_id: str) -> Scoring:
        """Raises NotFound."""
        row = self._database.read().execute("SELECT * FROM scorings WHERE id = ?", (scoring_id,)).fetchone()
        if row is None:
            raise NotFound(f"There is no scored file {scoring_id[:80]}.", hint="Old ones are forgotten after a day.")
        return _scoring(row)

    def begin(self, scoring_id: str) -> None:
        """It is worked on, unless it was cancelled meanwhile."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE scorings SET status = 'running' WHERE id = ? AND status = 'waiting'", (scoring_id,)
            )

    def finish(self, scoring_id: str, now: float, answer: Mapping[str, Any]) -> None:
        """`answer` has rows, seconds, notes, summary and first."""
        self._end(scoring_id, ScoringStatus.FINISHED, now, "answer", answer)

    def fail(self, scoring_id: str, now: float, problem: Mapping[str, Any]) -> None:
        """`problem` has detail and hint."""
        self._end(scoring_id, ScoringStatus.FAILED, now, "problem", problem)

    def cancel(self, scoring_id: str, now: float) -> None:
        """Nobody wants it any more."""
        self._end(scoring_id, ScoringStatus.CANCELLED, now, "problem", None)

    def fail_open(self, now: float, problem: Mapping[str, Any]) -> int:
        """Those that nobody works on any more; returns how many there were."""
        with self._database.write() as connection:
            return connection.execute(
                f"UPDATE scorings SET status = 'failed', ended_at = ?, problem = ? WHERE {_OPEN}",
                (now, json.dumps(problem)),
            ).rowcount

    def remove(self, scoring_id: str) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM scorings WHERE id = ?", (scoring_id,))

    def remove_before(self, moment: float) -> None:
        """Forget those that ended before."""
        found = self._database.read().execute("SELECT 1 FROM scorings WHERE ended_at < ? LIMIT 1", (moment,)).fetchone()
        if found is not None:
            with self._database.write() as connection:
                connection.execute("DELETE FROM scorings WHERE ended_at < ?", (moment,))

    def _end(self, scoring_id: str, status: ScoringStatus, now: float, column: str, value: Any) -> None:
        with self._database.write() as connection:
            connection.execute(
                f"UPDATE scorings SET status = ?, ended_at = ?, {column} = ? WHERE id = ? AND {_OPEN}",
                (status, now, None if value is None else json.dumps(value), scoring_id),
            )


def _scoring(row: sqlite3.Row) -> Scoring:
    answer = json.loads(row["answer"]) if row["answer"] else {}
    return Scoring(
        row["id"],
        row["owner"],
        row["model_id"],
        row["filename"],
        row["format"],
        ScoringStatus(row["status"]),
        row["created_at"],
        row["ended_at"],
        answer.get("rows", 0),
        answer.get("rows"),
        answer.get("seconds", 0.0),
        tuple(answer.get("notes", ())),
        answer.get("summary"),
        json.loads(row["problem"]) if row["problem"] else None,
        answer.get("first"),
    )
