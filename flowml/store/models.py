"""The models table."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from flowml.domain.errors import NotFound
from flowml.domain.jobs import ProblemType
from flowml.domain.models import MADE_AT_ONCE, Model, ModelDetails
from flowml.store.database import Database
from flowml.store.jobs import show_best_model
from flowml.store.rows import from_json, to_json


class Models:
    """What finished trials and ensembles left behind."""

    def __init__(self, database: Database):
        self._database = database

    def put(self, model: Model, gain: float) -> None:
        """Add a model, or replace the one with the same id (the ensemble grows). `gain`: score, greater is better. It
        is theirs whose job it is of."""
        with self._database.write() as connection:
            self._database.changes_models()
            connection.execute(
                "INSERT INTO models (id, job_id, trial_id, name, algorithm, problem_type, target, metric, score, gain,"
                " metrics, cv_scores, params, feature_names, classes, fit_seconds, predict_ms, size_bytes, file,"
                " created_at, details, out_of_fold_file, owner)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                " (SELECT owner FROM jobs WHERE id = ?))"
                " ON CONFLICT (id) DO UPDATE SET name = excluded.name, score = excluded.score, gain = excluded.gain,"
                " metrics = excluded.metrics, cv_scores = excluded.cv_scores, params = excluded.params,"
                " fit_seconds = excluded.fit_seconds, predict_ms = excluded.predict_ms,"
                " size_bytes = excluded.size_bytes, file = excluded.file, details = excluded.details,"
                " out_of_fold_file = excluded.out_of_fold_file",
                (
                    model.id,
                    model.job_id,
                    model.trial_id,
                    model.name,
                    model.algorithm,
                    str(model.problem_type),
                    model.target,
                    model.metric,
                    model.score,
                    gain,
                    to_json(model.metrics),
                    to_json(model.cv_scores),
                    to_json(model.params),
                    to_json(model.feature_names),
                    None if model.classes is None else to_json(model.classes),
                    model.fit_seconds,
                    model.predict_ms,
                    model.size_bytes,
                    model.file,
                    model.created_at,
                    to_json(model.details.record()),
                    model.out_of_fold,
                    model.job_id,
                ),
            )
            show_best_model(connection, model.id)

    def get(self, model_id: str) -> Model:
        """Raises NotFound."""
        row = self._database.current().execute("SELECT * FROM models WHERE id = ?", (model_id,)).fetchone()
        if row is None:
            raise NotFound("There is no such model.", hint="It may have been deleted with its training run.")
        return _model(row)

    def meant(self, model_id: str) -> tuple[str, str] | None:
        """The id and the file of a model, or of the best one of a job; None where there is none. Quick enough to be
        asked for every row that is predicted."""
        query = "SELECT id, file FROM models WHERE id = COALESCE((SELECT best_model_id FROM jobs WHERE id = ?), ?)"
        row = self._database.read().execute(query, (model_id, model_id)).fetchone()
        return None if row is None else (row["id"], row["file"])

    def of_job(self, job_id: str) -> list[Model]:
        """Best first; of equals the job's best model, then the one whose trial was asked for first, and last those that
        were made at once."""
        rows = self._database.current().execute(
            "SELECT * FROM models WHERE job_id = ? ORDER BY gain DESC,"
            " id = (SELECT best_model_id FROM jobs WHERE jobs.id = models.job_id) DESC,"
            f" algorithm IN ({', '.join('?' * len(MADE_AT_ONCE))}),"
            " (SELECT number FROM trials WHERE trials.id = models.trial_id), id",
            (job_id, *MADE_AT_ONCE),
        )
        return [_model(row) for row in rows]

    def count(self, job_id: str | None = None) -> int:
        """How many there are, of one job or of all."""
        where, values = ("", ()) if job_id is None else (" WHERE job_id = ?", (job_id,))
        return int(self._database.current().execute(f"SELECT COUNT(*) FROM models{where}", values).fetchone()[0])

    def set_details(self, model_id: str, details: Mapping[str, Any]) -> None:
        """Add figures, as `ModelDetails.record` has them, to those stored with a model. Raises NotFound."""
        with self._database.write() as connection:
            merged = {**self.get(model_id).details.record(), **details}
            connection.execute("UPDATE models SET details = ? WHERE id = ?", (to_json(merged), model_id))
            show_best_model(connection, model_id)

    def set_out_of_fold(self, model_id: str, sha256: str) -> None:
        """Note where it stands what a model said of rows that it had not seen. Raises NotFound."""
        self.get(model_id)
        with self._database.write() as connection:
            connection.execute("UPDATE models SET out_of_fold_file = ? WHERE id = ?", (sha256, model_id))

    def figure(self, job_id: str, name: str, stand: str) -> Any | None:
        """A figure of a job's results that was kept of this `stand`; None where there is none, or one of another."""
        row = (
            self._database.read()
            .execute("SELECT body FROM job_figures WHERE job_id = ? AND name = ? AND stand = ?", (job_id, name, stand))
            .fetchone()
        )
        return None if row is None else from_json(row["body"])

    def keep_figure(self, job_id: str, name: str, stand: str, body: Any, most: int | None = None) -> None:
        """Keep a figure, as JSON, in place of the one of another stand; of a job that is gone, nothing is kept. `most`:
        so many are kept of its kind, which is what its name begins with up to a colon; others of them go."""
        with self._database.write() as connection:
            if connection.execute("SELECT 1 FROM jobs WHERE id = ?", (job_id,)).fetchone():
                if most is not None:
                    kind = name.partition(":")[0]
                    connection.execute(
                        "DELETE FROM job_figures WHERE job_id = ?1 AND name IN (SELECT name FROM job_figures"
                        " WHERE job_id = ?1 AND name >= ?2 || ':' AND name < ?2 || ';' AND name <> ?3"
                        " ORDER BY random() LIMIT -1 OFFSET ?4)",
                        (job_id, kind, name, most - 1),
                    )
                connection.execute(
                    "INSERT INTO job_figures (job_id, name, stand, body) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (job_id, name) DO UPDATE SET stand = excluded.stand, body = excluded.body",
                    (job_id, name, stand, to_json(body)),
                )


def _model(row: sqlite3.Row) -> Model:
    classes = from_json(row["classes"])
    return Model(
        id=row["id"],
        job_id=row["job_id"],
        trial_id=row["trial_id"],
        name=row["name"],
        algorithm=row["algorithm"],
        problem_type=ProblemType(row["problem_type"]),
        target=row["target"],
        metric=row["metric"],
        score=row["score"],
        metrics=from_json(row["metrics"]),
        cv_scores=tuple(from_json(row["cv_scores"])),
        params=from_json(row["params"]),
        feature_names=tuple(from_json(row["feature_names"])),
        classes=None if classes is None else tuple(classes),
        fit_seconds=row["fit_seconds"],
        predict_ms=row["predict_ms"],
        size_bytes=row["size_bytes"],
        file=row["file"],
        created_at=row["created_at"],
        details=ModelDetails.of_record(from_json(row["details"])),
        out_of_fold=row["out_of_fold_file"],
    )
