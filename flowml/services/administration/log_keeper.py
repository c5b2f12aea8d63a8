"""Has the log of a process written into the tables. Apart, because conductors and trainers do so as well."""

import contextlib

from flowml.domain.errors import NotFound
from flowml.domain.logs import LogEntry, LogLine
from flowml.domain.workers import LOCAL_ID
from flowml.machine.log_lines import Collector, Writer
from flowml.store.store import Store

THIS_SERVER = "this server"


class LogKeeper:
    """What a collector of this machine's holds goes into this store, a batch at a time."""

    def __init__(self, store: Store, collector: Collector):
        self._store = store
        self._collector = collector
        self._writer = Writer(collector, self._write)

    def start(self) -> None:
        """Begin to write."""
        self._writer.start()

    def close(self) -> None:
        """Hear no more, and write what is left."""
        self._collector.detach()
        self._writer.close()

    def _write(self, lines: list[LogLine]) -> None:
        self._store.logs.append([self._entry(line) for line in lines])

    def _entry(self, line: LogLine) -> LogEntry:
        job_id = line.job_id
        if job_id is None and line.trial_id is not None:
            # A trainer knows its trial alone, which may be deleted by now.
            with contextlib.suppress(NotFound):
                job_id = self._store.trials.get(line.trial_id).job_id
        return LogEntry(
            0,
            line.at,
            line.level,
            line.source,
            THIS_SERVER,
            LOCAL_ID,
            line.kind,
            line.message,
            line.detail,
            job_id,
            line.trial_id,
        )
