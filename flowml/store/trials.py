"""The trials table: what becomes of trials that somebody has taken. What waits and the record stand beside it.

A report or a heartbeat names owner and attempt; when either is no longer current it changes nothing.
"""

from collections.abc import Collection, Sequence

from flowml.domain.trials import DID_NOT_STOP, OUT_OF_TIME, Lease, Needs, Trial, TrialReport, TrialSpec, TrialStatus
from flowml.store.fleet.strikes import Blow, Verdict, fail_held, strike
from flowml.store.jobs import ELAPSED
from flowml.store.reported_trials import TO_LOOK_AT, ReportedTrials
from flowml.store.rows import new_id, to_json
from flowml.store.trial_records import lease_of

_OTHERS = "owner = ? AND lease_expires_at < ? AND id NOT IN (SELECT value FROM json_each(?))"
_WAITS_AGAIN = (
    "UPDATE trials SET status = CASE WHEN stop_requested = 1 THEN 'cancelled' ELSE 'queued' END,"
    " finished_at = CASE WHEN stop_requested = 1 THEN ? END,"
    " error = ?, owner = NULL, lease_expires_at = NULL WHERE id = ?"
)
EARLY_SECONDS = 10.0
_OVERDUE = "worker_id <> ? AND deadline_at + ? + ? * max(0, deadline_at - queued_at) < ?"


class Trials(ReportedTrials):
    """Evaluations of every job."""

    def add(self, job_id: str, spec: TrialSpec, needs: Needs, deadline_at: float, steady: float) -> Trial:
        """A new queued trial; `deadline_at` is one of the steady clock."""
        trial_id = new_id()
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO trials (id, job_id, number, algorithm, params, origin, max_rows, bar, status,"
                " queue, memory_bytes, vram_gb, prefers, deadline_at, queued_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)",
                (
                    trial_id,
                    job_id,
                    spec.number,
                    spec.algorithm,
                    to_json(spec.params),
                    spec.origin,
                    spec.max_rows,
                    spec.bar,
                    needs.queue,
                    needs.memory_bytes,
                    needs.vram_gb,
                    needs.prefers,
                    deadline_at,
                    steady,
                ),
            )
        return self.get(trial_id)

    def holds(self, lease: Lease) -> bool:
        """Whether this lease is still good."""
        found = self._database.current().execute(
            "SELECT 1 FROM trials WHERE id = ? AND owner = ? AND attempt = ? AND status = 'leased'",
            (lease.trial_id, lease.owner, lease.attempt),
        )
        return found.fetchone() is not None

    def handed_over(self, lease: Lease) -> set[str]:
        """The files that this attempt has handed over."""
        rows = self._database.current().execute(
            "SELECT sha256 FROM handed_over WHERE trial_id = ? AND attempt = ?", (lease.trial_id, lease.attempt)
        )
        return {row["sha256"] for row in rows}

    def leased(self, trial_id: str, owner: str, attempt: int | None, steady: float) -> Lease | None:
        """The lease that somebody holds, by what they say of it; None where it is no longer good. Without an attempt,
        whichever they hold."""
        row = (
            self._database.current()
            .execute(
                "SELECT * FROM trials WHERE id = ? AND owner = ? AND attempt = ifnull(?, attempt)"
                " AND status = 'leased'",
                (trial_id, owner, attempt),
            )
            .fetchone()
        )
        return None if row is None else lease_of(row, steady)

    def renew(self, lease: Lease, fold_scores: Sequence[float], lease_seconds: float, steady: float) -> bool:
        """Extend a lease; False when it is no longer this owner's, or the trial is no longer wanted."""
        with self._database.write() as connection:
            cursor = connection.execute(
                "UPDATE trials SET lease_expires_at = ?, fold_scores = ?"
                " WHERE id = ? AND owner = ? AND attempt = ? AND status = 'leased' AND stop_requested = 0",
                (steady + lease_seconds, to_json(list(fold_scores)), lease.trial_id, lease.owner, lease.attempt),
            )
        return cursor.rowcount == 1

    def hand_over(self, lease: Lease, sha256: str) -> bool:
        """Note that a file is this trial's until it has ended, and that those of earlier attempts are not; False when
        the lease is stale: then nothing changes."""
        with self._database.write() as connection:
            is_held = self.holds(lease)
            if is_held:
                connection.execute(
                    "INSERT INTO handed_over (sha256, trial_id, attempt) VALUES (?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET attempt = excluded.attempt",
                    (sha256, lease.trial_id, lease.attempt),
                )
                connection.execute(
                    "DELETE FROM handed_over WHERE trial_id = ? AND attempt < ?", (lease.trial_id, lease.attempt)
                )
        return is_held

    def finish(self, lease: Lease, report: TrialReport, now: float, steady: float) -> bool:
        """Record the outcome; False when the lease is stale: then nothing changes.

        One that was asked to stop has not finished, whatever it reports: nobody looks for it any more, and what has
        finished stands on the leaderboard. What another machine has finished is to be looked at (`reported_trials`).
        """
        with self._database.write() as connection:
            if report.status is TrialStatus.FINISHED and self._is_to_stop(lease.trial_id):
                report = TrialReport(TrialStatus.CANCELLED, fit_seconds=report.fit_seconds, error=OUT_OF_TIME)
            cursor = connection.execute(
                f"UPDATE trials SET status = ?1, {TO_LOOK_AT},"
                " score = ?, fold_scores = ?, metrics = ?, fit_seconds = ?,"
                " predict_ms = ?, error = ?, out_of_fold_file = ?, model_file = ?, tested_on = ?, finished_at = ?,"
                f" elapsed_seconds = (SELECT {ELAPSED} FROM jobs WHERE jobs.id = trials.job_id),"
                " lease_expires_at = NULL WHERE id = ? AND owner = ? AND attempt = ? AND status = 'leased'",
                (
                    str(report.status),
                    report.score if report.status is TrialStatus.FINISHED else None,
                    to_json(list(report.fold_scores)),
                    None if report.metrics is None else to_json(report.metrics),
                    report.fit_seconds,
                    report.predict_ms,
                    report.error,
                    report.out_of_fold,
                    report.model,
                    report.tested_on,
                    now,
                    steady,
                    lease.trial_id,
                    lease.owner,
                    lease.attempt,
                ),
            )
        return cursor.rowcount == 1

    def _is_to_stop(self, trial_id: str) -> bool:
        query = "SELECT 1 FROM trials WHERE id = ? AND stop_requested = 1"
        return self._database.current().execute(query, (trial_id,)).fetchone() is not None

    def refuse(self, trial_id: str, reason: str, now: float) -> Trial:
        """What was reported of a finished trial is not to be used: its files are nobody's, and it waits again, or has
        failed as one with which its machine broke down."""
        with self._database.write() as connection:
            is_finished = self.get(trial_id).status is TrialStatus.FINISHED
            verdict = strike(connection, trial_id, Blow(reason), now) if is_finished else Verdict.AGAIN
            status = TrialStatus.FAILED if verdict is Verdict.OVER else TrialStatus.QUEUED
            connection.execute(
                "UPDATE files SET loose_since = 0 WHERE sha256 IN (SELECT out_of_fold_file FROM trials WHERE id = ?1"
                " UNION SELECT model_file FROM trials WHERE id = ?1)",
                (trial_id,),
            )
            connection.execute(
                "UPDATE trials SET error = ?1, to_look_at = 0, score = NULL, fold_scores = '[]',"
                " metrics = NULL, out_of_fold_file = NULL, model_file = NULL, owner = NULL,"
                " status = CASE WHEN ?2 = 'queued' AND stop_requested = 1 THEN 'cancelled' ELSE ?2 END"
                " WHERE id = ?3 AND status = 'finished'",
                (reason, str(status), trial_id),
            )
            connection.execute(
                "UPDATE trials SET finished_at = NULL, fit_seconds = NULL, predict_ms = NULL,"
                " tested_on = NULL WHERE id = ? AND status = 'queued'",
                (trial_id,),
            )
            return self.get(trial_id)

    def give_back(
        self,
        owner: str,
        reason: str,
        now: float,
        *,
        retry: bool = True,
        blamed: str | None = None,
        end: TrialStatus = TrialStatus.FAILED,
    ) -> list[Trial]:
        """Take the trials of a dead owner away from it.

        The machine broke down with it (`store.blame`): when that is enough, or at once without `retry`, it has ended
        like `end` says, with the reason. With `blamed` only that trial; another one simply waits again.
        """
        blow = Blow(reason)
        if blamed is None:
            return self._return("owner = ?", (owner,), blow, now, retry, end)
        with self._database.write():
            return self._return("owner = ? AND id = ?", (owner, blamed), blow, now, retry, end) + self._return(
                "owner = ?", (owner,), None, now, retry
            )

    def expire(self, now: float, steady: float) -> list[Trial]:
        """Give leases that have run out back to the queue: that is the machine's fault, or the network's."""
        return self._return("lease_expires_at < ?", (steady,), None, now, True)

    def expire_of(self, worker_id: str, blow: Blow, now: float, steady: float) -> list[Trial]:
        """The same of one worker alone, of which it is known what it came from."""
        return self._return("worker_id = ? AND lease_expires_at < ?", (worker_id, steady), blow, now, True)

    def any_overdue(self, but: str, share: float, seconds: float, steady: float) -> bool:
        """Whether `end_overdue` would find anything."""
        return self._any_leased(_OVERDUE, (but, seconds, share, steady))

    def end_overdue(self, but: str, share: float, seconds: float, steady: float, now: float) -> list[Trial]:
        """End, as cancelled, what any worker but this one holds so many seconds, and such a share of the trial's time,
        beyond the end of that time."""
        values = (but, seconds, share, steady)
        return self._return(_OVERDUE, values, Blow(DID_NOT_STOP), now, retry=False, end=TrialStatus.CANCELLED)

    def any_expired(self, steady: float) -> bool:
        """Whether a lease has run out."""
        return self._any_leased("lease_expires_at < ?", (steady,))

    def any_elsewhere(self, worker_id: str) -> bool:
        """Whether any worker but this one has leased something."""
        return self._any_leased("worker_id <> ?", (worker_id,))

    def any_other(self, owner: str, mine: Collection[str], expires_before: float) -> bool:
        """Whether `abandon_others` would find anything."""
        return self._any_leased(_OTHERS, (owner, expires_before, to_json(list(mine))))

    def _any_leased(self, where: str, values: tuple[object, ...]) -> bool:
        # A look takes no lock from those who write.
        query = f"SELECT 1 FROM trials WHERE status = 'leased' AND {where} LIMIT 1"
        return self._database.current().execute(query, values).fetchone() is not None

    def abandon_all_leases(self, worker_id: str, now: float, blow: Blow | None = None) -> list[Trial]:
        """What a worker that is gone, or its life before, had leased waits again, and that is not the trials' fault;
        with a `blow` it may be."""
        return self._return("worker_id = ?", (worker_id,), blow, now, True)

    def doubt(self, lease: Lease, reason: str, now: float) -> Trial | None:
        """A machine says that this trial cannot be done: it waits for another one to say so, too. None where that is
        not to be waited for: then what was reported is what there is."""
        with self._database.write() as connection:
            if not self.holds(lease) or self._is_to_stop(lease.trial_id):
                return None
            blow = Blow(reason, is_reported=True)
            verdict = strike(connection, lease.trial_id, blow, now)
            if verdict is Verdict.OVER:
                return None
            connection.execute(_WAITS_AGAIN, (now, reason, lease.trial_id))
            return self.get(lease.trial_id)

    def is_early(self, lease: Lease, steady: float) -> bool:
        """Whether somebody who gives this up for want of time does so long before its time is over."""
        found = self._database.current().execute(
            "SELECT 1 FROM trials WHERE id = ? AND stop_requested = 0 AND redated = 0 AND deadline_at - ? > ?",
            (lease.trial_id, steady, EARLY_SECONDS),
        )
        return found.fetchone() is not None

    def abandon(self, lease: Lease, now: float, reason: str | None = None) -> list[Trial]:
        """A trial that its owner does not go on with waits again. With a `reason` the machine broke down with it, as in
        `give_back`. Returns the trial, if it was theirs."""
        blow = None if reason is None else Blow(reason)
        return self._return(
            "id = ? AND owner = ? AND attempt = ?", (lease.trial_id, lease.owner, lease.attempt), blow, now, True
        )

    def abandon_others(self, owner: str, mine: Collection[str], expires_before: float, now: float) -> list[Trial]:
        """What an owner knows nothing of waits again, where its lease would end before that time of the steady clock:
        it never reached it."""
        return self._return(_OTHERS, (owner, expires_before, to_json(list(mine))), None, now, True)

    def to_stop(self, since: float) -> dict[str, set[str]]:
        """By owner, the ids of leased trials that nobody wants any more, and of those that were ended `since`."""
        query = "SELECT owner, id FROM trials INDEXED BY trials_to_stop WHERE stop_requested = 1 AND owner IS NOT NULL"
        rows = self._database.read().execute(
            f"{query} AND finished_at IS NULL UNION ALL {query} AND finished_at >= ?", (since,)
        )
        found: dict[str, set[str]] = {}
        for row in rows:
            found.setdefault(row["owner"], set()).add(row["id"])
        return found

    def redate(self, job_id: str, deadline_at: float, lease_seconds: float, steady: float) -> None:
        """Give the open trials of a job new times, of a clock that has begun anew: when they have to be over, how long
        their leases are good, and since when they wait."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE trials SET deadline_at = ?, queued_at = ?, redated = 1,"
                " lease_expires_at = CASE status WHEN 'leased' THEN ? END"
                " WHERE job_id = ? AND status IN ('queued', 'leased')",
                (deadline_at, steady, steady + lease_seconds, job_id),
            )

    def cancel(self, trial_ids: Sequence[str], now: float) -> None:
        """Take queued trials back; ask running ones to stop."""
        with self._database.write() as connection:
            for trial_id in trial_ids:
                connection.execute(
                    "UPDATE trials SET status = 'cancelled', finished_at = ? WHERE id = ? AND status = 'queued'",
                    (now, trial_id),
                )
                connection.execute(
                    "UPDATE trials SET stop_requested = 1 WHERE id = ? AND status = 'leased'", (trial_id,)
                )

    def cancel_open(self, job_id: str, now: float, reason: str | None = None) -> list[str]:
        """End everything of a job that has not ended, running trials included, and what nobody has looked at; returns
        their ids."""
        with self._database.write() as connection:
            rows = connection.execute(
                "UPDATE trials SET status = 'cancelled', finished_at = ?, stop_requested = 1, lease_expires_at = NULL,"
                " error = ? WHERE job_id = ? AND status IN ('queued', 'leased') RETURNING id",
                (now, reason, job_id),
            ).fetchall()
            return [row["id"] for row in rows] + self.leave_out_of(job_id)

    def wanted(self) -> set[tuple[str, str]]:
        """Owner and id of every trial that is leased and has not been asked to stop."""
        rows = self._database.read().execute(
            "SELECT owner, id FROM trials WHERE status = 'leased' AND stop_requested = 0"
        )
        return {(row["owner"], row["id"]) for row in rows}

    def fail_held(self, now: float) -> list[Trial]:
        """What has failed of that which waited for machines to come back (`store.strikes`)."""
        with self._database.write() as connection:
            return [self.get(trial_id) for trial_id in fail_held(connection, now)]

    def any_held(self) -> bool:
        """Whether anything waits for them."""
        query = "SELECT 1 FROM trials WHERE given_up_at IS NOT NULL AND status = 'queued' LIMIT 1"
        return self._database.current().execute(query).fetchone() is not None

    def _return(
        self,
        where: str,
        values: tuple[object, ...],
        blow: Blow | None,
        now: float,
        retry: bool,
        end: TrialStatus = TrialStatus.FAILED,
    ) -> list[Trial]:
        with self._database.write() as connection:
            rows = connection.execute(
                f"SELECT id, worker_name FROM trials WHERE status = 'leased' AND {where}", values
            ).fetchall()
            for row in rows:
                verdict, reason = Verdict.AGAIN, None
                if blow is not None:
                    verdict = strike(connection, row["id"], blow, now)
                    reason = blow.reason.replace("{worker}", row["worker_name"] or "") if blow.is_quiet else blow.reason
                    if blow.is_quiet and retry and verdict is Verdict.AGAIN:
                        reason = None
                if blow is not None and (verdict is Verdict.OVER or not retry):
                    connection.execute(
                        "UPDATE trials SET status = ?, error = ?, finished_at = ?, owner = NULL,"
                        " lease_expires_at = NULL WHERE id = ?",
                        (str(end), reason, now, row["id"]),
                    )
                else:
                    connection.execute(_WAITS_AGAIN, (now, reason, row["id"]))
            return [self.get(row["id"]) for row in rows]
