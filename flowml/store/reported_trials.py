"""The trials table as to what other machines report: nothing of it counts before this server has looked at it."""

from flowml.domain.trials import NOT_LOOKED_AT, Trial
from flowml.domain.workers import LOCAL_ID
from flowml.store.rows import to_json
from flowml.store.waiting_trials import WaitingTrials

TO_LOOK_AT = f"to_look_at = (?1 = 'finished' AND ifnull(worker_id, '{LOCAL_ID}') <> '{LOCAL_ID}')"
"""Of a row of the trials that is reported with the status ?1."""


class ReportedTrials(WaitingTrials):
    """Evaluations that another machine says it has finished."""

    def looked_at(self, trial: Trial) -> None:
        """A finished trial is what it was said to be; with the scores that it really has."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE trials SET to_look_at = 0, score = ?, fold_scores = ?, metrics = ?"
                " WHERE id = ? AND attempt = ? AND to_look_at = 1",
                (trial.score, to_json(list(trial.fold_scores)), to_json(trial.metrics), trial.id, trial.attempt),
            )

    def leave_out(self, trial_id: str, reason: str) -> None:
        """Nobody could look at a finished trial: it is cancelled, and nothing of what was said of it is kept."""
        self._leave_out("id = ?", trial_id, reason)

    def leave_out_of(self, job_id: str) -> list[str]:
        """The same of all of a job at its end; returns their ids."""
        return self._leave_out("job_id = ?", job_id, NOT_LOOKED_AT)

    def _leave_out(self, which: str, value: str, reason: str) -> list[str]:
        with self._database.write() as connection:
            these = f"{which} AND to_look_at = 1"
            connection.execute(
                f"UPDATE files SET loose_since = 0 WHERE sha256 IN (SELECT out_of_fold_file FROM trials WHERE {these}"
                f" UNION SELECT model_file FROM trials WHERE {these})",
                (value, value),
            )
            rows = connection.execute(
                "UPDATE trials SET status = 'cancelled', error = ?, to_look_at = 0, score = NULL, fold_scores = '[]',"
                f" metrics = NULL, out_of_fold_file = NULL, model_file = NULL WHERE {these} RETURNING id",
                (reason, value),
            ).fetchall()
        return [row["id"] for row in rows]
