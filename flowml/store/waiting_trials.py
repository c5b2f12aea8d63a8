"""The trials table as a queue: what waits, and who gets it."""

import math
from collections.abc import Collection, Sequence

from flowml.domain.jobs import PRIORITY
from flowml.domain.trials import Lease, Needs, Offer
from flowml.domain.workers import LOCAL_ID
from flowml.store.fleet.blame import rests
from flowml.store.fleet.strikes import LEFT_TO_OTHERS, left_to_others
from flowml.store.jobs import ELAPSED
from flowml.store.rows import to_json
from flowml.store.trial_records import TrialRecords, lease_of

LEFT_SECONDS = 0.2
# Whose turn it is: of the jobs that have something waiting.
_TURNS = (
    "SELECT id FROM jobs WHERE status = 'running' AND cancel_requested = 0"
    " AND EXISTS (SELECT 1 FROM trials WHERE job_id = jobs.id AND status = 'queued')"
    " ORDER BY (SELECT COUNT(*) FROM trials WHERE job_id = jobs.id AND status = 'leased'), priority DESC, created_at"
)
# Somebody else has finished trials of this job and has nothing to do, and this owner has not.
_BETTER_OFF = (
    "EXISTS (SELECT 1 FROM trials AS done WHERE done.job_id = waiting.job_id AND done.status = 'finished'"
    " AND done.owner <> ? AND NOT EXISTS (SELECT 1 FROM trials AS now"
    " WHERE now.owner = done.owner AND now.status = 'leased'))"
    " AND NOT EXISTS (SELECT 1 FROM trials AS own WHERE own.job_id = waiting.job_id AND own.owner = ?)"
)
# It would rather have what another machine has that is online and not busy, and this offer has not.
_BETTER_EQUIPPED = (
    "waiting.prefers IS NOT NULL AND waiting.prefers NOT IN (SELECT value FROM json_each(?))"
    " AND EXISTS (SELECT 1 FROM workers AS other WHERE other.status = 'online' AND other.id <> ?"
    " AND waiting.prefers IN (SELECT value FROM json_each(other.queues)) AND other.slots > (SELECT COUNT(*)"
    " FROM trials AS now WHERE now.worker_id = other.id AND now.status = 'leased'))"
)
# The server's own machine has as many trainers as slots: one that has died may still hold what is just given back.
_MAY_NOT = (
    "SELECT 1 FROM workers WHERE id = ? AND (status <> 'online' OR id <> ? AND slots <="
    " (SELECT COUNT(*) FROM trials WHERE worker_id = workers.id AND status = 'leased'))"
)


class WaitingTrials(TrialRecords):
    """Evaluations that nobody has begun."""

    def claim(
        self,
        owner: str,
        worker_id: str,
        worker_name: str,
        offer: Offer,
        lease_seconds: float,
        now: float,
        steady: float,
    ) -> Lease | None:
        """Lease the next waiting trial that needs no more than is offered: of the job that has least running, then of
        the one of highest priority.

        Every job that runs gets its turn, because its budget runs too; priority decides who starts. For a moment a
        trial is left to an owner who has the table of its job in memory and nothing to do, and to a machine that has
        what it prefers. A worker that is not online gets none, nor has one more of them than it has slots.
        """
        with self._database.write() as connection:
            may_not = connection.execute(_MAY_NOT, (worker_id, LOCAL_ID)).fetchone() is not None
            if may_not or rests(connection, worker_id, now):
                return None
            queues = to_json(list(offer.queues))
            fits = (queues, offer.memory_bytes, offer.vram_gb)
            left = left_to_others(worker_id, now)
            # Who has a GPU takes what prefers one first.
            first = "AND prefers IS NOT NULL AND prefers IN (SELECT value FROM json_each(?))"
            turns: list[tuple[str, tuple[str, ...]]] = [(first, (queues,))] if _is_preferred(offer) else []
            for (job_id,) in connection.execute(_TURNS).fetchall():
                for which, more in (*turns, ("", ())):
                    found = connection.execute(
                        "SELECT id FROM trials AS waiting WHERE job_id = ? AND status = 'queued'"
                        " AND queue IN (SELECT value FROM json_each(?)) AND memory_bytes <= ? AND vram_gb <= ?"
                        f" AND NOT ({LEFT_TO_OTHERS})"
                        f" AND (queued_at <= ? OR NOT ({_BETTER_OFF}) AND NOT ({_BETTER_EQUIPPED}))"
                        f" {which} ORDER BY number LIMIT 1",
                        (job_id, *fits, *left, steady - LEFT_SECONDS, owner, owner, queues, worker_id, *more),
                    ).fetchone()
                    if found is not None:
                        row = connection.execute(
                            "UPDATE trials SET status = 'leased', owner = ?, worker_id = ?, worker_name = ?,"
                            " attempt = attempt + 1, lease_expires_at = ?, started_at = ?, fold_scores = '[]',"
                            " error = NULL, elapsed_seconds = NULL, redated = 0,"
                            f" started_seconds = (SELECT {ELAPSED} FROM jobs WHERE jobs.id = trials.job_id)"
                            " WHERE id = ? RETURNING *",
                            (owner, worker_id, worker_name, steady + lease_seconds, now, steady, found["id"]),
                        ).fetchone()
                        return lease_of(row, steady)
        return None

    def waiting(self, offer: Offer) -> bool:
        """Whether any trial waits for an owner with so much."""
        found = self._database.read().execute(
            "SELECT 1 FROM trials WHERE status = 'queued' AND queue IN (SELECT value FROM json_each(?))"
            " AND memory_bytes <= ? AND vram_gb <= ? LIMIT 1",
            (to_json(list(offer.queues)), offer.memory_bytes, offer.vram_gb),
        )
        return found.fetchone() is not None

    def waiting_needs(self) -> list[Needs]:
        """What the trials that wait need, each need once."""
        found: list[Needs] = []
        after = ("", 0, 0.0)
        # One step of the index for each need, however many trials have it.
        query = (
            "SELECT queue, memory_bytes, vram_gb FROM trials INDEXED BY trials_needs WHERE status = 'queued'"
            " AND (queue, memory_bytes, vram_gb) >= (?, ?, ?) ORDER BY queue, memory_bytes, vram_gb LIMIT 1"
        )
        while (row := self._database.current().execute(query, after).fetchone()) is not None:
            found.append(Needs(row["queue"], row["memory_bytes"], row["vram_gb"]))
            # Behind all of these at once: where it says “greater”, SQLite reads through them.
            after = (row["queue"], row["memory_bytes"], math.nextafter(row["vram_gb"], math.inf))
        return found

    def at_home(self, owners: Collection[str]) -> dict[str, frozenset[str]]:
        """Of these owners, those who have finished trials of jobs of which something waits, and which jobs."""
        rows = self._database.current().execute(
            "SELECT one.value AS owner, jobs.id AS job FROM json_each(?) AS one JOIN jobs ON jobs.status = 'running'"
            " AND EXISTS (SELECT 1 FROM trials WHERE job_id = jobs.id AND status = 'queued')"
            " WHERE EXISTS (SELECT 1 FROM trials AS own WHERE own.job_id = jobs.id AND own.owner = one.value"
            " AND own.status = 'finished')",
            (to_json(list(owners)),),
        )
        found: dict[str, frozenset[str]] = {}
        for row in rows:
            found[row["owner"]] = found.get(row["owner"], frozenset()) | {row["job"]}
        return found

    def broke_down_with(self) -> set[str]:
        """The workers that may get less than others who offer as much: those that could not do a trial that waits, or
        belong together with such, and those on which anything went wrong since they last finished a trial."""
        rows = self._database.current().execute(
            "WITH struck AS (SELECT strikes.worker_id, strikes.party, trials.failures"
            " FROM trials INDEXED BY trials_that_killed JOIN strikes ON strikes.trial_id = trials.id"
            " WHERE trials.status = 'queued' AND trials.failures > 0)"
            " SELECT worker_id FROM struck UNION SELECT worker_id FROM mishaps UNION SELECT workers.id FROM struck"
            " JOIN workers ON struck.party = 'of ' || workers.owner WHERE struck.failures > 1"
        )
        return {row[0] for row in rows}

    def by_queue(self) -> dict[str, tuple[int, int]]:
        """How many trials wait and how many run, by the queue that they need."""
        rows = self._database.read().execute(
            "SELECT queue, SUM(status = 'queued') AS waiting, SUM(status = 'leased') AS running FROM trials"
            " WHERE status IN ('queued', 'leased') GROUP BY queue"
        )
        return {row["queue"]: (row["waiting"], row["running"]) for row in rows}

    def waiting_since(self, job_id: str) -> dict[str, float]:
        """By queue, since when the one has waited that waits longest; of a job's trials that are left to nobody, and
        need no GPU, which may be in use."""
        rows = self._database.current().execute(
            "SELECT queue, MIN(queued_at) AS since FROM trials WHERE job_id = ? AND status = 'queued'"
            " AND failures = 0 AND prefers IS NULL AND queue IN ('cpu', ?) GROUP BY queue",
            (job_id, PRIORITY),
        )
        return {row["queue"]: row["since"] for row in rows}

    def lower_needs(self, job_id: str, queues: Sequence[str], memory_bytes: int) -> None:
        """Of a job's waiting trials: no queue but these, and no more memory than that. What was asked for when there
        were other machines would else be waited for until the end."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE trials SET queue = 'cpu', vram_gb = 0 WHERE job_id = ? AND status = 'queued'"
                " AND queue NOT IN (SELECT value FROM json_each(?))",
                (job_id, to_json(list(queues))),
            )
            connection.execute(
                "UPDATE trials SET memory_bytes = ? WHERE job_id = ? AND status = 'queued' AND memory_bytes > ?",
                (memory_bytes, job_id, memory_bytes),
            )


def _is_preferred(offer: Offer) -> bool:
    """Whether this machine has what a trial may prefer."""
    return "gpu" in offer.queues
