"""What went wrong on each machine since it last finished something (table `mishaps`), and whether that was its fault.

Others tell: who fails what they finish, again and again, is set aside. Until they have, it rests: what it has failed is
tried by them first (`store.strikes`).
"""

import sqlite3

from flowml.domain.workers import LOCAL_ID
from flowml.store.database import Database
from flowml.store.fleet import strikes

MOST_MISHAPS = 5
"""A machine that failed so many trials in a row of which others finished the like gets no more."""
REST_SECONDS = 60.0
"""So long after its last failure one that has failed as many in a row gets nothing where there are others."""
REFUSAL = 10
"""A report that was refused weighs as much as so many trials that were finished."""

_ITS_MEMORY = "(SELECT slots * memory_bytes FROM workers WHERE workers.id = done.worker_id)"
_OTHERS_COULD = (
    "EXISTS (SELECT 1 FROM trials AS done WHERE done.job_id = it.job_id AND done.status = 'finished'"
    " AND done.to_look_at = 0 AND done.worker_id <> mishaps.worker_id AND CASE WHEN mishaps.needed_bytes IS NULL"
    f" THEN done.algorithm = it.algorithm ELSE done.id = it.id AND {_ITS_MEMORY} < mishaps.needed_bytes END)"
)


class Blame:
    """What went wrong, by machine."""

    def __init__(self, database: Database):
        self._database = database

    def forgive(self, worker_id: str) -> list[str]:
        """This worker did not break down with what it is suspected of after all; the ids of those trials."""
        with self._database.write() as connection:
            trial_ids = strikes.forgive(connection, worker_id)
            connection.executemany(
                "DELETE FROM mishaps WHERE worker_id = ? AND trial_id = ?",
                [(worker_id, trial_id) for trial_id in trial_ids],
            )
        return trial_ids

    def convict(self, worker_id: str) -> None:
        """It did: the process that it was has ended."""
        with self._database.write() as connection:
            connection.execute("UPDATE strikes SET is_suspected = 0 WHERE worker_id = ?", (worker_id,))

    def suspects(self) -> set[str]:
        """The workers that may have broken down with something."""
        rows = self._database.read().execute("SELECT DISTINCT worker_id FROM strikes WHERE is_suspected = 1")
        return {row["worker_id"] for row in rows}

    def failed(
        self, worker_id: str, trial_id: str, reason: str, now: float, *, needed_bytes: float | None = None
    ) -> str | None:
        """A trial went wrong on this worker, for which it may be too small (`needed_bytes`). Why the worker is set
        aside, if it is for that now, until somebody gives it another chance. The server's own machine never is."""
        if worker_id == LOCAL_ID:
            return None
        with self._database.write() as connection:
            # A worker that was removed meanwhile is nobody's any more.
            connection.execute(
                "INSERT INTO mishaps (worker_id, trial_id, reason, needed_bytes, at) SELECT ?, ?, ?, ?, ?"
                " WHERE EXISTS (SELECT 1 FROM workers WHERE id = ?) AND EXISTS (SELECT 1 FROM trials WHERE id = ?)",
                (worker_id, trial_id, reason, needed_bytes, now, worker_id, trial_id),
            )
            count = connection.execute(
                "SELECT COUNT(DISTINCT mishaps.trial_id) FROM mishaps JOIN trials AS it ON it.id = mishaps.trial_id"
                f" WHERE mishaps.worker_id = ? AND {_OTHERS_COULD}",
                (worker_id,),
            ).fetchone()[0]
            if count < MOST_MISHAPS:
                return None
            told = f"{count} trials in a row failed on it that other machines could do, the last one with: {reason}"
            return told if set_aside(connection, worker_id, told) else None

    def confirmed(self, trial_id: str) -> bool:
        """A trial has failed: whether more than one machine could not do it. Then that was no machine's fault."""
        with self._database.write() as connection:
            if not strikes.is_confirmed(connection, trial_id):
                return False
            connection.execute("DELETE FROM mishaps WHERE trial_id = ?", (trial_id,))
            return True

    def did_well(self, worker_id: str) -> None:
        """It has finished a trial: what went wrong before was no fault of its own, and counts for less."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM mishaps WHERE worker_id = ?", (worker_id,))
            connection.execute("UPDATE workers SET refused = refused - 1 WHERE id = ? AND refused > 0", (worker_id,))


def rests(connection: sqlite3.Connection, worker_id: str, now: float) -> bool:
    """Whether this worker is to wait: others are to show first whether what it failed was its fault."""
    found = connection.execute(
        "SELECT 1 FROM (SELECT COUNT(DISTINCT trial_id) AS failed, MAX(at) AS last FROM mishaps WHERE worker_id = ?)"
        " WHERE failed >= ? AND ? BETWEEN last AND last + ? AND EXISTS (SELECT 1 FROM workers AS other"
        " WHERE other.id <> ? AND other.status = 'online' AND other.slots > 0)",
        (worker_id, MOST_MISHAPS, now, REST_SECONDS, worker_id),
    )
    return found.fetchone() is not None


def set_aside(connection: sqlite3.Connection, worker_id: str, reason: str) -> bool:
    """Give no more trials to a worker; False where that is so already."""
    done = connection.execute(
        "UPDATE workers SET set_aside = ?, status = CASE status WHEN 'online' THEN 'draining' ELSE status END"
        " WHERE id = ? AND set_aside IS NULL",
        (reason, worker_id),
    )
    return done.rowcount == 1
