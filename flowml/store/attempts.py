"""The attempts table: what machines did for trials that then waited again. Triggers fill it (migrations.py), however a
trial comes back; the last attempt of each trial is in its own row."""

from flowml.domain.trials import EarlierAttempt
from flowml.store.database import Database

_OF_JOB = "FROM attempts JOIN trials ON trials.id = attempts.trial_id WHERE trials.job_id = ?"


class Attempts:
    """Who worked on what before."""

    def __init__(self, database: Database):
        self._database = database

    def page(self, job_id: str, limit: int, offset: int) -> tuple[list[EarlierAttempt], int]:
        """A part of those of a job, in the order of its trials, and how many there are in all."""
        connection = self._database.current()
        rows = connection.execute(
            "SELECT attempts.trial_id, attempts.attempt, attempts.worker_id, attempts.worker_name,"
            f" attempts.started_seconds, attempts.ended_seconds, attempts.error {_OF_JOB}"
            " ORDER BY trials.number, attempts.attempt LIMIT ? OFFSET ?",
            (job_id, limit, offset),
        ).fetchall()
        total = connection.execute(f"SELECT COUNT(*) {_OF_JOB}", (job_id,)).fetchone()[0]
        return [EarlierAttempt(*row) for row in rows], int(total)

    def going_on(self) -> dict[str, list[tuple[str, str, int]]]:
        """By worker, the jobs that it works on now: id, name, and how many trials."""
        rows = self._database.read().execute(
            "SELECT trials.worker_id, jobs.id, jobs.name, COUNT(*) FROM trials JOIN jobs ON jobs.id = trials.job_id"
            " WHERE trials.status = 'leased' AND trials.worker_id IS NOT NULL GROUP BY 1, 2 ORDER BY jobs.created_at"
        )
        found: dict[str, list[tuple[str, str, int]]] = {}
        for worker_id, *job in rows:
            found.setdefault(worker_id, []).append((job[0], job[1], job[2]))
        return found
