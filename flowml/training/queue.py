"""The queue of local work: Huey on a SQLite file of its own, its consumer inside the server process.

Huey forgets a task as soon as it takes it, so nothing may depend on one: every task looks at the tables and does what
they call for, and is put in again at start-up and every minute. A lost message costs a delay, never a job. So the file
is made anew at each start, whatever has become of the last one, and where it cannot be written to (a full disk) a task
runs without it.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huey import SqliteHuey, crontab
from huey.consumer import Consumer

from flowml.domain.faults import fault_of

log = logging.getLogger(__name__)


class _EmbeddedConsumer(Consumer):  # type: ignore[misc]
    """A consumer that leaves the process's signals to the server around it."""

    def _set_signal_handlers(self) -> None:
        return None


class LocalQueue:
    """Starts jobs and keeps house, each as a Huey task."""

    def __init__(self, path: Path, *, start_jobs: Callable[[], None], keep_house: Callable[[], None]):
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        self._huey = SqliteHuey("flowml", filename=str(path), results=False, utc=True)
        self._look_at_tables = start_jobs
        self._start_jobs = self._huey.task(name="start_jobs", retries=2, retry_delay=1)(start_jobs)

        def every_minute() -> None:
            start_jobs()
            keep_house()

        self._huey.periodic_task(crontab(minute="*"), name="every_minute")(every_minute)
        self._consumer: Any = None

    def start(self) -> None:
        """Start the consumer's threads, and look at the tables once."""
        self._consumer = _EmbeddedConsumer(
            self._huey,
            workers=2,
            worker_type="thread",
            initial_delay=0.05,
            backoff=1.2,
            max_delay=0.1,
            check_worker_health=False,
        )
        self._consumer.start()
        self.start_jobs()

    def stop(self) -> None:
        if self._consumer is not None:
            self._consumer.stop(graceful=False)
        self._huey.storage.close()

    def start_jobs(self) -> None:
        """Have the waiting jobs looked at."""
        try:
            self._start_jobs()
        except Exception as error:
            if fault_of(error) is None:
                raise
            log.warning("the queue cannot be written to (%s); the tables are looked at without it", error)
            threading.Thread(target=self._look, name="start-jobs", daemon=True).start()

    def _look(self) -> None:
        try:
            self._look_at_tables()
        except Exception:
            log.exception("the waiting jobs could not be looked at; it is tried again within a minute")
