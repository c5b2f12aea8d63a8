"""Whether a trial or the machine that worked on it is to blame when that broke down.

Each trial keeps the machines that broke down with it (`trials.killed`). It is left to another one then, if there is one
that can take it; two different machines, or twice the only one, and it is not tried again. Each machine keeps what went
wrong on it since it last finished something (table `mishaps`). Whether that was the machine's fault others tell: who
fails what they finish, again and again, is set aside.
"""

import sqlite3
from collections.abc import Collection

from flowml.domain.workers import LOCAL_ID
from flowml.store.database import Database
from flowml.store.rows import from_json, to_json

MAX_FAILURES = 2
"""A trial with which this many machines broke down, or the only one this often, is not tried again."""
MOST_MISHAPS = 5
"""A machine that failed so many trials in a row of which others finished the like gets no more."""

_SOMEBODY_ELSE = (
    "EXISTS (SELECT 1 FROM workers AS other WHERE other.status = 'online' AND other.slots > 0"
    " AND other.id NOT IN (SELECT value FROM json_each({trial}.killed))"
    " AND {trial}.queue IN (SELECT value FROM json_each(other.queues))"
    " AND {trial}.memory_bytes <= other.slots * other.memory_bytes)"
)
LEFT_TO_OTHERS = (
    "waiting.failures > 0 AND EXISTS (SELECT 1 FROM json_each(waiting.killed) WHERE value = ?)"
    f" AND {_SOMEBODY_ELSE.format(trial='waiting')}"
)
"""Of a row `waiting` of the trials, and a worker's id: it has broken down with it, and another one can take it."""


def strike(connection: sqlite3.Connection, trial_id: str) -> bool:
    """The machine that had this trial broke down with it; whether the trial is not to be tried again."""
    row = connection.execute("SELECT killed, worker_id FROM trials WHERE id = ?", (trial_id,)).fetchone()
    killed = [*from_json(row["killed"]), row["worker_id"] or ""]
    connection.execute(
        "UPDATE trials SET killed = ?, failures = failures + 1 WHERE id = ?", (to_json(killed), trial_id)
    )
    if len(set(killed)) >= MAX_FAILURES:
        return True
    others = connection.execute(
        f"SELECT 1 FROM trials WHERE id = ? AND {_SOMEBODY_ELSE.format(trial='trials')}", (trial_id,)
    )
    return len(killed) >= MAX_FAILURES and others.fetchone() is None


class Blame:
    """What went wrong, by trial and by machine."""

    def __init__(self, database: Database):
        self._database = database

    def forgive(self, worker_id: str, trial_ids: Collection[str]) -> None:
        """This worker did not break down with these after all."""
        with self._database.write() as connection:
            for trial_id in trial_ids:
                row = connection.execute(
                    "SELECT killed FROM trials WHERE id = ? AND status IN ('queued', 'leased')", (trial_id,)
                ).fetchone()
                killed = [] if row is None else list(from_json(row["killed"]))
                if worker_id in killed:
                    killed.remove(worker_id)
                    connection.execute(
                        "UPDATE trials SET killed = ?, failures = failures - 1 WHERE id = ?",
                        (to_json(killed), trial_id),
                    )
            connection.execute(
                "DELETE FROM mishaps WHERE worker_id = ? AND trial_id IN (SELECT value FROM json_each(?))",
                (worker_id, to_json(list(trial_ids))),
            )

    def failed(self, worker_id: str, trial_id: str, reason: str, now: float) -> str | None:
        """A trial went wrong on this worker. Why the worker is set aside, if it is for that now, until somebody gives
        it another chance. The server's own machine never is."""
        if worker_id == LOCAL_ID:
            return None
        with self._database.write() as connection:
            # A worker that was removed meanwhile is nobody's any more.
            connection.execute(
                "INSERT INTO mishaps (worker_id, trial_id, reason, at) SELECT ?, ?, ?, ?"
                " WHERE EXISTS (SELECT 1 FROM workers WHERE id = ?) AND EXISTS (SELECT 1 FROM trials WHERE id = ?)",
                (worker_id, trial_id, reason, now, worker_id, trial_id),
            )
            count = connection.execute(
                "SELECT COUNT(DISTINCT mishaps.trial_id) FROM mishaps JOIN trials AS it ON it.id = mishaps.trial_id"
                " WHERE mishaps.worker_id = ? AND EXISTS (SELECT 1 FROM trials AS done WHERE done.job_id = it.job_id"
                " AND done.algorithm = it.algorithm AND done.status = 'finished' AND done.worker_id <> ?)",
                (worker_id, worker_id),
            ).fetchone()[0]
            if count < MOST_MISHAPS:
                return None
            told = f"{count} trials in a row failed on it that other machines could do, the last one with: {reason}"
            return told if set_aside(connection, worker_id, told) else None

    def did_well(self, worker_id: str) -> None:
        """It has finished a trial: what went wrong before was no fault of its own."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM mishaps WHERE worker_id = ?", (worker_id,))


def set_aside(connection: sqlite3.Connection, worker_id: str, reason: str) -> bool:
    """Give no more trials to a worker; False where that is so already."""
    done = connection.execute(
        "UPDATE workers SET set_aside = ?, status = CASE status WHEN 'online' THEN 'draining' ELSE status END"
        " WHERE id = ? AND set_aside IS NULL",
        (reason, worker_id),
    )
    return done.rowcount == 1
