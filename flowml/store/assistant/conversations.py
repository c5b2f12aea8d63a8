"""The messages table: what was said about data sets and runs. It goes with whichever of the two goes first."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from flowml.domain.conversations import AnswerState, Chart, Cited, Proposal, Said, Speaker
from flowml.domain.errors import NotFound
from flowml.store.database import Database
from flowml.store.rows import from_json, to_json

MOST_MESSAGES = 400
MOST_CHARACTERS = 1_000_000
"""Of a conversation: the oldest go."""


class Conversations:
    """One row a message."""

    def __init__(self, database: Database):
        self._database = database

    def add(self, *messages: Said) -> None:
        """Add messages behind the others, all or none; their `number` is given out here. Raises NotFound where the data
        set or the run is gone."""
        with self._database.write() as connection:
            for said in messages:
                try:
                    connection.execute(
                        "INSERT INTO messages (id, dataset_id, job_id, owner, speaker, text, state, created_at)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                        (
                            said.id,
                            said.dataset_id,
                            said.job_id,
                            said.owner,
                            said.speaker,
                            said.text,
                            said.state,
                            said.created_at,
                        ),
                    )
                except sqlite3.IntegrityError:
                    raise NotFound("What this conversation is about was deleted.") from None
            if messages:
                where, values = _conversation(messages[0].dataset_id, messages[0].job_id)
                _trim(connection, where, values)

    def get(self, message_id: str) -> Said:
        """Raises NotFound."""
        row = self._database.current().execute("SELECT * FROM messages WHERE id = ?", (message_id,)).fetchone()
        if row is None:
            raise NotFound("There is no such message.", hint="Its conversation may have been deleted.")
        return _said(row)

    def of_dataset(self, dataset_id: str) -> list[Said]:
        """What was said last about a data set and about the runs on it, oldest first."""
        return self._newest("dataset_id = ?", dataset_id)

    def of_job(self, job_id: str) -> list[Said]:
        """What was said last about a run, oldest first."""
        return self._newest("job_id = ?", job_id)

    def _newest(self, where: str, value: str) -> list[Said]:
        query = f"SELECT * FROM messages WHERE {where} ORDER BY number DESC LIMIT {MOST_MESSAGES}"
        return [_said(row) for row in self._database.read().execute(query, (value,))][::-1]

    def grow(self, message_id: str, text: str) -> None:
        """So far an answer has come."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE messages SET text = ? WHERE id = ? AND state = ?", (text, message_id, AnswerState.RUNNING)
            )

    def by(self, message_id: str, model: str | None, where: str, values_of: Sequence[str]) -> None:
        """Who writes an answer, and of which columns values may be told for it, as soon as that is known."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE messages SET model = ?, place = ?, values_of = ? WHERE id = ? AND state = ?",
                (model, where, to_json(list(values_of)), message_id, AnswerState.RUNNING),
            )

    def end(self, said: Said) -> None:
        """What became of an answer. Nothing is kept of one whose conversation was deleted meanwhile."""
        values = {
            "text": said.text,
            "state": said.state,
            "reason": said.reason,
            "hint": said.hint,
            "cited": to_json([asdict(one) for one in said.cited]),
            "proposal": None if said.proposal is None else to_json(asdict(said.proposal)),
            "questions": to_json(list(said.questions)),
            "unfounded": to_json(list(said.unfounded)),
            "model": said.model,
            "place": said.where,
            "seconds": said.seconds,
            "values_of": None if said.values_of is None else to_json(list(said.values_of)),
        }
        with self._database.write() as connection:
            connection.execute(
                f"UPDATE messages SET {', '.join(f'{name} = :{name}' for name in values)}"
                " WHERE id = :id AND state = 'running'",
                {**values, "id": said.id},
            )

    def cut_off_open(self, reason: str, hint: str) -> int:
        """Answers that nobody writes any more; returns how many there were."""
        with self._database.write() as connection:
            return connection.execute(
                "UPDATE messages SET state = ?, reason = ?, hint = ? WHERE state = ?",
                (AnswerState.CUT_OFF, reason, hint, AnswerState.RUNNING),
            ).rowcount

    def remove(self, dataset_id: str | None, job_id: str | None) -> None:
        """Forget a conversation: of a run, or of a data set with those of its runs, also what is being written."""
        where, values = _conversation(dataset_id, job_id)
        if job_id is None:
            where = "dataset_id = ?"
        with self._database.write() as connection:
            connection.execute(f"DELETE FROM messages WHERE {where}", values)


def _conversation(dataset_id: str | None, job_id: str | None) -> tuple[str, tuple[str | None, ...]]:
    return ("job_id = ?", (job_id,)) if job_id is not None else ("dataset_id = ? AND job_id IS NULL", (dataset_id,))


def _trim(connection: sqlite3.Connection, where: str, values: tuple[str | None, ...]) -> None:
    """Leave the newest, as many as there may be."""
    rows = connection.execute(
        f"SELECT number, length(text) FROM messages WHERE {where} ORDER BY number DESC", values
    ).fetchall()
    characters = 0
    for count, (number, length) in enumerate(rows):
        characters += length
        if count >= MOST_MESSAGES or characters > MOST_CHARACTERS:
            connection.execute(f"DELETE FROM messages WHERE {where} AND number <= ?", (*values, number))
            return


def _said(row: sqlite3.Row) -> Said:
    return Said(
        row["id"],
        row["number"],
        row["dataset_id"],
        row["job_id"],
        row["owner"],
        Speaker(row["speaker"]),
        row["text"],
        AnswerState(row["state"]),
        row["created_at"],
        row["reason"],
        row["hint"],
        tuple(Cited(**item) for item in from_json(row["cited"])),
        _proposal(from_json(row["proposal"])),
        tuple(from_json(row["questions"])),
        tuple(from_json(row["unfounded"])),
        row["model"],
        row["place"],
        row["seconds"],
        None if row["values_of"] is None else tuple(from_json(row["values_of"])),
    )


def _proposal(record: Mapping[str, Any] | None) -> Proposal | None:
    if record is None:
        return None
    chart = record["chart"]
    return Proposal(
        tuple(record["operations"]),
        tuple(record["titles"]),
        record["destroys"],
        None if chart is None else Chart(**chart),
        record["code"],
    )
