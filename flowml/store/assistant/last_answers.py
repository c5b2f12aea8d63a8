"""The last_answers table: of each question to a model the latest answer. It goes with the first of the data set, the
run and the model that it is about."""

import sqlite3

from flowml.domain.assistant.last_answers import LastAnswer
from flowml.store.database import Database
from flowml.store.rows import from_json, to_json

MOST_ANSWERS = 40
MOST_CHARACTERS = 1_000_000
"""About one data set and what was trained on it: the oldest go."""


class LastAnswers:
    """One row a question."""

    def __init__(self, database: Database):
        self._database = database

    def put(self, answer: LastAnswer) -> None:
        """In the place of the one before. Nothing is kept where what it is about was deleted meanwhile."""
        record = to_json(answer.answer)
        if len(record) > MOST_CHARACTERS:
            return
        values = (answer.purpose, answer.dataset_id, answer.job_id, answer.model_id, answer.target, _about(answer))
        with self._database.write() as connection:
            try:
                connection.execute(
                    "INSERT OR REPLACE INTO last_answers"
                    " (purpose, dataset_id, job_id, model_id, target, about, answer, standing, made_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*values, record, answer.standing, answer.made_at),
                )
            except sqlite3.IntegrityError:
                return
            _trim(connection, answer.dataset_id)

    def get(
        self,
        purpose: str,
        *,
        dataset_id: str | None = None,
        job_id: str | None = None,
        model_id: str | None = None,
        target: str | None = None,
    ) -> LastAnswer | None:
        """Of results the data set need not be named."""
        about = _about(LastAnswer(purpose, dataset_id, job_id, model_id, target, {}, "", 0.0))
        row = self._database.read().execute("SELECT * FROM last_answers WHERE about = ?", (about,)).fetchone()
        if row is None:
            return None
        return LastAnswer(
            row["purpose"],
            row["dataset_id"],
            row["job_id"],
            row["model_id"],
            row["target"],
            from_json(row["answer"]),
            row["standing"],
            row["made_at"],
        )


def _about(answer: LastAnswer) -> str:
    dataset_id = answer.dataset_id if answer.job_id is None and answer.model_id is None else None
    return to_json([answer.purpose, dataset_id, answer.job_id, answer.model_id, answer.target])


def _trim(connection: sqlite3.Connection, dataset_id: str | None) -> None:
    """Leave the newest, as many as there may be."""
    rows = connection.execute(
        "SELECT number, length(answer) FROM last_answers WHERE dataset_id IS ? ORDER BY number DESC", (dataset_id,)
    ).fetchall()
    characters = 0
    for count, (number, length) in enumerate(rows):
        characters += length
        if count >= MOST_ANSWERS or characters > MOST_CHARACTERS:
            connection.execute("DELETE FROM last_answers WHERE dataset_id IS ? AND number <= ?", (dataset_id, number))
            return
