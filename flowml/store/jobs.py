"""The jobs table: claiming, counting, and the one place where a job changes."""

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from flowml.domain.access.caller import LOCAL_OWNER
from flowml.domain.errors import NotFound
from flowml.domain.jobs import Job, JobSpec, JobStatus, ProblemType, Validation, ValidationKind
from flowml.domain.metrics import LOWER_IS_BETTER
from flowml.store.database import Database
from flowml.store.rows import from_json, names_from, new_id, read_once, to_json

PROMPT_SECONDS = 2.0
"""Up to so long after it was asked for a job counts as taken up at once."""
ELAPSED = "? - (jobs.deadline_at - jobs.time_budget_seconds)"
"""Of a running job the seconds of its time up to a moment of the steady clock: pauses, and what was asked for later, do
not move them."""
_CHANGEABLE = frozenset(
    {
        "name",
        "status",
        "stage",
        "progress",
        "message",
        "problem_type",
        "metric",
        "time_budget_seconds",
        "elapsed_seconds",
        "best_score",
        "best_model_id",
        "estimate",
        "baseline_score",
        "started_at",
        "finished_at",
        "other_load",
        "deadline_at",
        "error",
        "cancel_requested",
        "conductor_starts",
        "validation",
        "spec",
    }
)
_SELECT = (
    "SELECT jobs.*, (SELECT COUNT(*) FROM trials WHERE trials.job_id = jobs.id AND trials.status = 'finished'"
    " AND trials.to_look_at = 0)"
    " AS trials_finished FROM jobs"
)
_OF_BEST_MODEL = (
    "UPDATE jobs SET (fast_model_id, positive_class) = (SELECT json_extract(details, '$.fast_model_id'),"
    " CASE json_array_length(classes) WHEN 2 THEN json_extract(classes, '$[1]') END"
    " FROM models WHERE models.id = jobs.best_model_id)"
)
_GAIN = f"best_score * CASE WHEN metric IN ({', '.join(map(repr, sorted(LOWER_IS_BETTER)))}) THEN -1 ELSE 1 END"


class Jobs:
    """Training runs."""

    def __init__(self, database: Database):
        self._database = database

    def add(self, spec: JobSpec, name: str, now: float, owner: str = LOCAL_OWNER.identifier) -> Job:
        """A new queued job."""
        job_id = new_id()
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO jobs (id, name, dataset_id, spec, status, stage, progress, message, time_budget_seconds,"
                " elapsed_seconds, priority, created_at, owner)"
                " VALUES (?, ?, ?, ?, 'queued', 'waiting', 0, ?, ?, 0, ?, ?, ?)",
                (
                    job_id,
                    name,
                    spec.dataset_id,
                    to_json(asdict(spec)),
                    "Waiting for its turn",
                    spec.time_budget_seconds,
                    spec.priority,
                    now,
                    owner,
                ),
            )
        return self.get(job_id)

    def get(self, job_id: str) -> Job:
        """Raises NotFound."""
        row = self._database.current().execute(f"{_SELECT} WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise NotFound("There is no such training run.", hint="It may have been deleted.")
        return _job(row)

    def elapsed(self, job_id: str, steady: float) -> float | None:
        """How many seconds of its time have gone by at this moment of the steady clock; None where it never ran. Raises
        NotFound."""
        row = self._database.current().execute(f"SELECT {ELAPSED} FROM jobs WHERE id = ?", (steady, job_id)).fetchone()
        if row is None:
            raise NotFound("There is no such training run.", hint="It may have been deleted.")
        return None if row[0] is None else float(row[0])

    def page(self, limit: int, offset: int, dataset_id: str | None = None) -> tuple[list[Job], int]:
        """Newest first, and how many there are in all; of one data set, or of all."""
        where, values = ("WHERE dataset_id = ?", (dataset_id,)) if dataset_id else ("", ())
        connection = self._database.current()
        # The rows are found by the index alone: those that stand before the page are not read.
        rows = connection.execute(
            f"{_SELECT} WHERE id IN (SELECT id FROM jobs {where} ORDER BY created_at DESC, id LIMIT ? OFFSET ?)"
            " ORDER BY created_at DESC, id",
            (*values, limit, offset),
        ).fetchall()
        total = connection.execute(f"SELECT COUNT(*) FROM jobs {where}", values).fetchone()[0]
        return [_job(row) for row in rows], int(total)

    def running(self) -> list[Job]:
        """All that run, newest first."""
        return self._open("status = 'running'", -1)

    def waiting(self) -> list[Job]:
        """All that wait for their turn, newest first."""
        return self._open("status = 'queued'", -1)

    def open(self, limit: int) -> list[Job]:
        """Those that have not ended: first those that run, then those that wait, each newest first."""
        return self._open("status IN ('running', 'queued')", limit)

    def _open(self, where: str, limit: int) -> list[Job]:
        rows = self._database.current().execute(
            f"{_SELECT} WHERE {where} ORDER BY status DESC, created_at DESC, id LIMIT ?", (limit,)
        )
        return [_job(row) for row in rows]

    def champions(self, limit: int) -> list[Job]:
        """Of all runs that have ended with a model the best for each question, which is a column of a data set and a
        metric, newest first."""
        rows = self._database.read().execute(
            # Of the group MAX is of, the other columns are those of the row that has it.
            f"{_SELECT} WHERE id IN (SELECT id FROM (SELECT id, created_at, MAX({_GAIN}) FROM jobs"
            " INDEXED BY jobs_best"
            " WHERE best_model_id IS NOT NULL AND status IN ('completed', 'failed', 'cancelled')"
            " GROUP BY dataset_id, target, metric) ORDER BY created_at DESC, id LIMIT ?)"
            " ORDER BY created_at DESC, id",
            (limit,),
        )
        return [_job(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many jobs there are in each status."""
        counts = {str(status): 0 for status in JobStatus}
        counts.update(
            (row[0], row[1])
            for row in self._database.current().execute("SELECT status, COUNT(*) FROM jobs GROUP BY status")
        )
        return counts

    def names_from(self, beginning: str) -> set[str]:
        """The names that begin like this."""
        return names_from(self._database.current(), "jobs", beginning)

    def using(self, dataset_id: str) -> int:
        """How many queued or running jobs need this dataset."""
        row = self._database.current().execute(
            "SELECT COUNT(*) FROM jobs WHERE dataset_id = ? AND status IN ('queued', 'running')", (dataset_id,)
        )
        return int(row.fetchone()[0])

    def claim(self, limit: int, now: float, steady: float, queues: Collection[str] = ("auto", "cpu")) -> Job | None:
        """Take the next queued job of one of these queues to running, unless `limit` are running already: those of the
        queue `priority` first, then by priority.

        Its time, which is one of the steady clock, counts from when it was asked for, or from now where it has waited
        for its turn or goes on.
        """
        with self._database.write() as connection:
            row = connection.execute(
                "UPDATE jobs SET status = 'running', stage = 'starting', message = 'Getting ready',"
                " started_at = COALESCE(started_at, ?), conductor_starts = 0,"
                " deadline_at = ? + time_budget_seconds - elapsed_seconds"
                " - CASE WHEN started_at IS NULL AND created_at BETWEEN ? AND ? THEN ? - created_at ELSE 0 END"
                " WHERE id = (SELECT id FROM jobs WHERE status = 'queued'"
                " AND json_extract(spec, '$.queue') IN (SELECT value FROM json_each(?))"
                " ORDER BY json_extract(spec, '$.queue') = 'priority' DESC, priority DESC, created_at, id LIMIT 1)"
                " AND (SELECT COUNT(*) FROM jobs WHERE status = 'running') < ? RETURNING id",
                (now, steady, now - PROMPT_SECONDS, now, now, to_json(list(queues)), limit),
            ).fetchone()
        return self.get(row["id"]) if row else None

    def update(self, job_id: str, **changes: Any) -> Job:
        """Change columns by name. Raises NotFound; KeyError for a column that may not change."""
        unknown = set(changes) - _CHANGEABLE
        if unknown:
            raise KeyError(f"not columns of a job that may change: {sorted(unknown)}")
        values = [
            to_json(asdict(value))
            if isinstance(value, JobSpec | Validation)
            else to_json(value)
            if isinstance(value, Mapping)
            else int(value)
            if isinstance(value, bool)
            else value
            for key, value in changes.items()
        ]
        with self._database.write() as connection:
            assignments = ", ".join(f"{key} = ?" for key in changes)
            connection.execute(f"UPDATE jobs SET {assignments} WHERE id = ?", (*values, job_id))
            if "best_model_id" in changes:
                self._database.changes_models()
                connection.execute(f"{_OF_BEST_MODEL} WHERE id = ?", (job_id,))
            return self.get(job_id)

    def delete(self, job_id: str) -> None:
        """With its trials and models. Raises NotFound."""
        with self._database.write() as connection:
            self._database.changes_models()
            if connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,)).rowcount == 0:
                raise NotFound("There is no such training run.", hint="It may have been deleted already.")


def show_best_model(connection: sqlite3.Connection, model_id: str) -> None:
    """What a job shows of its best model stands with the job, so that a list of jobs reads no models: bring it up to
    date when that model has changed."""
    connection.execute(
        f"{_OF_BEST_MODEL} WHERE id = (SELECT job_id FROM models WHERE id = ?) AND best_model_id = ?",
        (model_id, model_id),
    )


@read_once(2_000)
def _spec(text: str) -> JobSpec:
    spec = from_json(text)
    spec["algorithms"] = None if spec["algorithms"] is None else tuple(spec["algorithms"])
    spec["exclude_columns"] = tuple(spec["exclude_columns"])
    return JobSpec(**spec)


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        name=row["name"],
        spec=_spec(row["spec"]),
        status=JobStatus(row["status"]),
        stage=row["stage"],
        progress=row["progress"],
        message=row["message"],
        problem_type=ProblemType(row["problem_type"]) if row["problem_type"] else None,
        metric=row["metric"],
        time_budget_seconds=row["time_budget_seconds"],
        elapsed_seconds=row["elapsed_seconds"],
        trials_finished=row["trials_finished"],
        best_score=row["best_score"],
        best_model_id=row["best_model_id"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        deadline_at=row["deadline_at"],
        error=row["error"],
        cancel_requested=bool(row["cancel_requested"]),
        conductor_starts=row["conductor_starts"],
        validation=None if row["validation"] is None else _validation(from_json(row["validation"])),
        fast_model_id=row["fast_model_id"],
        estimate=from_json(row["estimate"]),
        baseline_score=row["baseline_score"],
        positive_class=row["positive_class"],
        owner=row["owner"],
        other_load=row["other_load"],
    )


def _validation(stored: dict[str, Any]) -> Validation:
    kind, advice = ValidationKind(stored["kind"]), tuple(stored.get("advice", ()))
    return Validation(**{**stored, "kind": kind, "advice": advice})
