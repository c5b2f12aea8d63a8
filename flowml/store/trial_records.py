"""The trials table as a record: what was asked for, and what became of it."""

import sqlite3
from collections.abc import Collection

from flowml.domain.errors import NotFound
from flowml.domain.trials import Lease, Needs, Trial, TrialStatus
from flowml.store.database import Database
from flowml.store.rows import from_json, to_json


class TrialRecords:
    """Evaluations of every job, to be read."""

    def __init__(self, database: Database):
        self._database = database

    def get(self, trial_id: str) -> Trial:
        """Raises NotFound."""
        return self._one("id = ?", (trial_id,))

    def of_number(self, job_id: str, number: int) -> Trial:
        """The trial of a job by its number. Raises NotFound."""
        return self._one("job_id = ? AND number = ?", (job_id, number))

    def _one(self, where: str, values: tuple[object, ...]) -> Trial:
        row = self._database.current().execute(f"SELECT * FROM trials WHERE {where}", values).fetchone()
        if row is None:
            raise NotFound("There is no such trial.")
        return trial_of(row)

    def of_job(self, job_id: str) -> list[Trial]:
        """All trials of a job in the order in which they were asked for."""
        rows = self._database.current().execute("SELECT * FROM trials WHERE job_id = ? ORDER BY number", (job_id,))
        return [trial_of(row) for row in rows]

    def page(self, job_id: str, limit: int, offset: int) -> tuple[list[Trial], int]:
        """A part of them, in the same order, and how many there are in all."""
        connection = self._database.current()
        rows = connection.execute(
            "SELECT * FROM trials WHERE job_id = ? ORDER BY number LIMIT ? OFFSET ?", (job_id, limit, offset)
        ).fetchall()
        total = connection.execute("SELECT COUNT(*) FROM trials WHERE job_id = ?", (job_id,)).fetchone()[0]
        return [trial_of(row) for row in rows], int(total)

    def ended(self, trial_ids: Collection[str]) -> list[Trial]:
        """Those of these trials that have ended, in the order in which they were asked for."""
        rows = self._database.current().execute(
            "SELECT * FROM trials WHERE id IN (SELECT value FROM json_each(?)) AND status NOT IN ('queued', 'leased')"
            " ORDER BY number",
            (to_json(list(trial_ids)),),
        )
        return [trial_of(row) for row in rows]


def trial_of(row: sqlite3.Row) -> Trial:
    """A row as the domain has it."""
    return Trial(
        id=row["id"],
        job_id=row["job_id"],
        number=row["number"],
        algorithm=row["algorithm"],
        params=from_json(row["params"]),
        origin=row["origin"],
        status=TrialStatus(row["status"]),
        score=row["score"],
        fold_scores=tuple(from_json(row["fold_scores"])),
        metrics=from_json(row["metrics"]),
        fit_seconds=row["fit_seconds"],
        worker_id=row["worker_id"],
        worker_name=row["worker_name"],
        attempt=row["attempt"],
        queued_at=row["queued_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        started_seconds=row["started_seconds"],
        elapsed_seconds=row["elapsed_seconds"],
        error=row["error"],
        out_of_fold=row["out_of_fold_file"],
        model_file=row["model_file"],
        predict_ms=row["predict_ms"],
        max_rows=row["max_rows"],
        bar=row["bar"],
        needs=needs_of(row),
        tested_on=row["tested_on"],
        to_look_at=bool(row["to_look_at"]),
    )


def needs_of(row: sqlite3.Row) -> Needs:
    """What a trial needs."""
    return Needs(row["queue"], row["memory_bytes"], row["vram_gb"], row["prefers"])


def lease_of(row: sqlite3.Row, steady: float) -> Lease:
    """The lease of a trial, as long as it is good yet."""
    return Lease(
        trial_id=row["id"],
        job_id=row["job_id"],
        owner=row["owner"],
        attempt=row["attempt"],
        lease_seconds=row["lease_expires_at"] - steady,
        algorithm=row["algorithm"],
        params=from_json(row["params"]),
        number=row["number"],
        seconds_left=row["deadline_at"] - steady,
        max_rows=row["max_rows"],
        bar=row["bar"],
        needs=needs_of(row),
        failures=row["failures"],
    )
