"""The history table: what was told of a job and is read again when somebody comes back, kept as long as the job.

Events are forgotten after a while; these are the `log` and `champion` ones, under the same ids.
"""

from flowml.domain.events import Event
from flowml.store.database import Database
from flowml.store.rows import from_json, to_json


class History:
    """What the jobs' logs say."""

    def __init__(self, database: Database):
        self._database = database

    def keep(self, job_id: str, event: Event) -> None:
        """Keep an event of this job."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO history (job_id, event_id, type, at, data) VALUES (?, ?, ?, ?, ?)",
                (job_id, event.id, event.type, event.at, to_json(event.data)),
            )

    def of_job(self, job_id: str, until: int) -> list[Event]:
        """What was told of a job, oldest first, up to this id of an event."""
        rows = self._database.current().execute(
            "SELECT * FROM history WHERE job_id = ? AND event_id <= ? ORDER BY event_id", (job_id, until)
        )
        return [Event(row["event_id"], f"job:{job_id}", row["type"], row["at"], from_json(row["data"])) for row in rows]
