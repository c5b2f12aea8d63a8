"""What puts trials into the queue of a running job while `benchmarks.dispatch` measures: a process of its own, as a
conductor is, straight at the tables.
"""

import os
import random
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from flowml.domain.datasets import Column, Dataset, Role
from flowml.domain.jobs import JobSpec, JobStatus
from flowml.domain.trials import Needs, TrialSpec
from flowml.services.dispatch.ledger import StoreLedger
from flowml.store.store import Store

_BUDGET_SECONDS = 1e6
# As the conductor of a run looks for trials that have ended.
_LOOK_SECONDS = 0.01


def prepare(home: Path) -> None:
    """A table of which nobody asks anything, for the jobs to be of."""
    store = Store(home, now=time.time())
    table = store.files.put_bytes(b"a table")
    columns = (Column("x", "Int64", Role.NUMERIC), Column("t", "String", Role.CATEGORICAL))
    dataset = Dataset("d", "d", "d.csv", "csv", 1, 2, 7, "0" * 64, table, None, time.time(), columns)
    store.datasets.add(dataset, ())
    store.close()


class Queue:
    """The trials of one running job."""

    def __init__(self, home: Path):
        self._store = Store(home, now=time.time())
        # At once, or the server may begin it.
        with self._store.transaction():
            self._store.jobs.add(JobSpec("d", "t", time_budget_seconds=_BUDGET_SECONDS), "sleep", time.time())
            job = self._store.jobs.claim(1_000, time.time(), time.monotonic())
        assert job is not None
        self._store.jobs.update(job.id, metric="accuracy")
        self._job_id = job.id
        self._ledger = StoreLedger(self._store, job.id)
        self._number = 0

    def _add(self) -> str:
        # The sleepers fall short of that, and are believed to have ended there.
        spec = TrialSpec(self._number, "ridge", {"alpha": 1.0 + self._number}, bar=0.9)
        self._number += 1
        now, steady = time.time(), time.monotonic()
        return self._ledger.enqueue(spec, Needs(memory_bytes=10**9), steady + _BUDGET_SECONDS, now, steady).id

    def at_once(self, count: int) -> float:
        """So many; when they were there, by the steady clock."""
        with self._store.transaction():
            for _ in range(count):
                self._add()
        return time.monotonic()

    def now_and_then(self, count: int, per_second: float, seed: int) -> dict[str, float]:
        """So many at random moments; when each was there."""
        chance, added = random.Random(seed), {}
        for _ in range(count):
            time.sleep(chance.expovariate(per_second))
            trial_id = self._add()
            added[trial_id] = time.monotonic()
        return added

    def as_they_end(self, count: int, most_open: int) -> float:
        """So many, of which no more are open at a time than these; when the first were there."""
        waiting = set[str]()
        began, left, version = None, count, -1
        while left:
            if (seen := self._ledger.version()) != version:
                version = seen
                waiting -= {trial.id for trial in self._ledger.ended(waiting)}
                for _ in range(min(left, most_open - len(waiting))):
                    waiting.add(self._add())
                    left -= 1
                began = began or time.monotonic()
            time.sleep(_LOOK_SECONDS)
        assert began is not None
        return began

    def end(self) -> None:
        """Nobody conducts it any more."""
        self._ledger.finish(JobStatus.COMPLETED, time.time())
        self._store.close()


def conduct(home: str, core: int | None, asked: "Connection[Any, Any]") -> None:
    """Main function of the process: does what it is asked for, a method of the queue and its arguments."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    queue = Queue(Path(home))
    with suppress(EOFError):
        while True:
            what, arguments = asked.recv()
            asked.send(getattr(queue, what)(*arguments))
