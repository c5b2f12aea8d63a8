"""The strikes table: which machines broke down with a trial, or failed it, and who is to try it next.

A machine may be broken, or lie. So what one alone could not do is tried by another, if there is one that can take it:
for a moment it is left to one that is free, and for a while to any where it is about what somebody has reported. It is
over when two machines that do not belong together say the same, or where nobody else is there to ask.
"""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from flowml.domain.workers import LOCAL_ID
from flowml.store.rows import to_json

LEFT_SECONDS = 10.0
"""For so long it is left to another machine that is free."""
CONFIRM_SECONDS = 30.0
"""For so long it is left to another one that is busy yet, where a failure was reported or there were two."""
MISSING_SECONDS = 60.0
"""A trial with which machines were lost, as far as anybody knows, has failed when none of them is back by then."""
MAX_FAILURES = 2
"""The only machine there is breaks down with it so often at most."""
MOST_STRIKES = 3
"""It is not tried more often than this, whoever is there."""

# Workers of one token may be one machine.
_PARTY = f"CASE {{0}}.id WHEN '{LOCAL_ID}' THEN '' ELSE 'of ' || {{0}}.owner END"
_ALL_ITS_MEMORY = "other.slots * other.memory_bytes"
_LARGEST = "json_extract(other.capabilities, '$.largest_trial_bytes')"
_ABLE = (
    "SELECT 1 FROM workers AS other WHERE other.status = 'online' AND other.slots > 0"
    " AND {trial}.queue IN (SELECT value FROM json_each(other.queues))"
    f" AND {{trial}}.memory_bytes <= min({_ALL_ITS_MEMORY},"
    " CASE WHEN json_type(other.capabilities, '$.largest_trial_bytes') = 'integer'"
    f" AND {_LARGEST} >= 0 THEN {_LARGEST} ELSE {_ALL_ITS_MEMORY} END)"
)
_ANOTHER = (
    f"EXISTS ({_ABLE} AND NOT EXISTS (SELECT 1 FROM strikes WHERE strikes.trial_id = {{trial}}.id"
    " AND strikes.worker_id = other.id){more})"
)
_STRANGER = (
    f"EXISTS ({_ABLE} AND NOT EXISTS (SELECT 1 FROM strikes WHERE strikes.trial_id = {{trial}}.id"
    f" AND strikes.party = {_PARTY.format('other')}))"
)
_IS_FREE = (
    " AND other.slots > (SELECT COUNT(*) FROM trials AS now WHERE now.worker_id = other.id AND now.status = 'leased')"
)
# Of a clock that may be set: neither way does anything wait for longer.
_WITHIN = "? BETWEEN waiting.struck_at AND waiting.struck_at + {0}"

LEFT_TO_OTHERS = (
    "waiting.failures > 0 AND (waiting.given_up_at IS NOT NULL"
    # Two of those that belong together: somebody else is to say.
    " OR waiting.failures > 1 AND EXISTS (SELECT 1 FROM workers AS mine JOIN strikes"
    f" ON strikes.party = {_PARTY.format('mine')} WHERE mine.id = ? AND strikes.trial_id = waiting.id)"
    f" AND {_WITHIN.format(CONFIRM_SECONDS)} AND {_STRANGER.format(trial='waiting')}"
    " OR EXISTS (SELECT 1 FROM strikes WHERE strikes.trial_id = waiting.id AND strikes.worker_id = ?) AND ("
    f"{_WITHIN.format(LEFT_SECONDS)} AND {_ANOTHER.format(trial='waiting', more=_IS_FREE)}"
    f" OR {_WITHIN.format(CONFIRM_SECONDS)} AND {_ANOTHER.format(trial='waiting', more='')} AND (waiting.failures > 1"
    " OR EXISTS (SELECT 1 FROM strikes WHERE strikes.trial_id = waiting.id AND strikes.is_reported = 1))))"
)
"""Of a row `waiting` of the trials, with the values of `left_to_others`: it is not this worker's turn."""


def left_to_others(worker_id: str, now: float) -> tuple[str | float, ...]:
    """The values of LEFT_TO_OTHERS for a worker."""
    return worker_id, now, worker_id, now, now


@dataclass(frozen=True)
class Blow:
    """Why a trial came back. `is_reported`: its machine says so and is there; `is_suspected`: that is not known for
    certain; `is_quiet`: the reason, in which {worker} stands for its machine, is only said when it has failed."""

    reason: str
    is_reported: bool = False
    is_suspected: bool = False
    is_quiet: bool = False


class Verdict(Enum):
    """What becomes of a trial after a blow. HELD: it has failed unless a machine that is missed has lived."""

    AGAIN = "again"
    HELD = "held"
    OVER = "over"


def strike(connection: sqlite3.Connection, trial_id: str, blow: Blow, now: float) -> Verdict:
    """The machine that has this trial could not do it."""
    connection.execute(
        "INSERT INTO strikes (trial_id, worker_id, party, is_reported, is_suspected, at)"
        f" SELECT trials.id, ifnull(trials.worker_id, ''), ifnull({_PARTY.format('workers')}, ''), ?, ?, ?"
        " FROM trials LEFT JOIN workers ON workers.id = trials.worker_id WHERE trials.id = ?",
        (blow.is_reported, blow.is_suspected, now, trial_id),
    )
    connection.execute("UPDATE trials SET failures = failures + 1, struck_at = ? WHERE id = ?", (now, trial_id))
    verdict = _verdict(connection, trial_id)
    if verdict is Verdict.HELD:
        connection.execute("UPDATE trials SET given_up_at = ? WHERE id = ?", (now, trial_id))
    return verdict


def _verdict(connection: sqlite3.Connection, trial_id: str) -> Verdict:
    rows = connection.execute("SELECT * FROM strikes WHERE trial_id = ? ORDER BY id", (trial_id,)).fetchall()
    another, stranger = connection.execute(
        f"SELECT {_ANOTHER.format(trial='trials', more='')}, {_STRANGER.format(trial='trials')} FROM trials"
        " WHERE id = ?",
        (trial_id,),
    ).fetchone()

    def is_over(strikes: list[sqlite3.Row]) -> bool:
        if len({one["party"] for one in strikes}) > 1 or len(strikes) >= MOST_STRIKES:
            return True
        if stranger or not strikes:
            return False
        if len({one["worker_id"] for one in strikes}) > 1:
            return True
        return not another and (len(strikes) >= MAX_FAILURES or bool(strikes[-1]["is_reported"]))

    if not is_over(rows):
        return Verdict.AGAIN
    return Verdict.OVER if is_over([one for one in rows if not one["is_suspected"]]) else Verdict.HELD


def is_confirmed(connection: sqlite3.Connection, trial_id: str) -> bool:
    """Whether more than one machine could not do it."""
    query = "SELECT COUNT(DISTINCT worker_id) FROM strikes WHERE trial_id = ?"
    return bool(connection.execute(query, (trial_id,)).fetchone()[0] > 1)


def forgive(connection: sqlite3.Connection, worker_id: str) -> list[str]:
    """This worker did not break down with what it is suspected of; the ids of those trials."""
    rows = connection.execute(
        "DELETE FROM strikes WHERE worker_id = ? AND is_suspected = 1 RETURNING trial_id", (worker_id,)
    ).fetchall()
    trial_ids = sorted({row["trial_id"] for row in rows})
    for trial_id in trial_ids:
        connection.execute(
            "UPDATE trials SET failures = (SELECT COUNT(*) FROM strikes WHERE trial_id = trials.id) WHERE id = ?",
            (trial_id,),
        )
        if _verdict(connection, trial_id) is Verdict.AGAIN:
            connection.execute(
                "UPDATE trials SET given_up_at = NULL, error = NULL WHERE id = ? AND given_up_at IS NOT NULL"
                " AND status = 'queued'",
                (trial_id,),
            )
    return trial_ids


def fail_held(connection: sqlite3.Connection, now: float) -> Collection[str]:
    """What has failed of that which is held: nobody who was missed is back, or they have died. The ids."""
    rows = connection.execute(
        "UPDATE trials SET status = 'failed', finished_at = ?1, given_up_at = NULL, owner = NULL"
        " WHERE status = 'queued' AND given_up_at IS NOT NULL"
        f" AND (NOT ?1 BETWEEN given_up_at AND given_up_at + {MISSING_SECONDS} OR NOT EXISTS"
        " (SELECT 1 FROM strikes WHERE trial_id = trials.id AND is_suspected = 1)) RETURNING id",
        (now,),
    ).fetchall()
    trial_ids = [row["id"] for row in rows]
    # The attempt that ended it stands in its own row.
    connection.execute(
        "DELETE FROM attempts WHERE trial_id IN (SELECT value FROM json_each(?))"
        " AND attempt = (SELECT attempt FROM trials WHERE id = attempts.trial_id)",
        (to_json(trial_ids),),
    )
    return trial_ids
