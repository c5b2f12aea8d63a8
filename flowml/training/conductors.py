"""The conductors of this machine, one process a job: started, started again when they die, ended when they are late."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from flowml.machine.child import describe_exit
from flowml.machine.facts import own_bytes, resident_bytes

log = logging.getLogger(__name__)

_MOST_STARTS = 3
_GRACE_SECONDS = 0.6
_FIRST_MODEL_GRACE_SECONDS = 60.0
_CANCEL_GRACE_SECONDS = 5.0
_MEMORY_CHECK_SECONDS = 0.5
# What one needs for the smallest of tables; nobody is ended for that.
_LEAST_BYTES = 400_000_000


@dataclass(frozen=True)
class RunningJob:
    """A job that is running: when it has to be over by the steady clock, whether somebody wants it to end now, and
    whether it has a model to end with."""

    job_id: str
    deadline_at: float | None
    cancel_requested: bool
    has_model: bool


class ConductorDesk(Protocol):
    """What is asked of the tables about jobs."""

    def running_jobs(self) -> list[RunningJob]:
        """Jobs that should have a conductor."""
        ...

    def started(self, job_id: str) -> int:
        """Note a start; returns how often it has been started."""
        ...

    def overdue(self, job_id: str) -> None:
        """Its conductor did not end it in time: the job ends with what it has."""
        ...

    def failed(self, job_id: str, reason: str) -> None:
        """Its conductor keeps dying, or holds too much: the job ends with what it has."""
        ...


class Conductors:
    """`start` makes the process of a job; `ended` hears that one has ended, and a place is free. All of them together
    may hold `memory_bytes`."""

    def __init__(
        self, desk: ConductorDesk, start: Callable[[str], BaseProcess], ended: Callable[[], None], memory_bytes: int
    ):
        self._memory_bytes = memory_bytes
        self._memory_checked_at = -math.inf
        self._desk = desk
        self._start = start
        self._ended = ended
        self._processes: dict[str, BaseProcess] = {}
        self._cancelled_since: dict[str, float] = {}

    def processes(self) -> list[BaseProcess]:
        return list(self._processes.values())

    def described(self) -> list[dict[str, Any]]:
        """Them, for those who look after the machine."""
        return [
            {"kind": "conductor", "pid": process.pid, "job_id": job_id} for job_id, process in self._processes.items()
        ]

    def look(self, jobs: list[RunningJob], now: float) -> None:
        """End what is late, and see to it that each job has one."""
        self._end_overdue(jobs, now)
        self._end_greedy(now)
        self._watch()

    def _end_greedy(self, now: float) -> None:
        """Of those that hold too much together the one that holds most: the machine is not to stand still for it."""
        if now - self._memory_checked_at < _MEMORY_CHECK_SECONDS:
            return
        self._memory_checked_at = now
        held = {job_id: resident_bytes(process.pid or 0) for job_id, process in self._processes.items()}
        if sum(held.values()) > self._memory_bytes:
            # What they share counts once; finding that out takes longer.
            held = {job_id: own_bytes(self._processes[job_id].pid or 0) for job_id in held}
        while sum(held.values()) > self._memory_bytes and max(held.values()) > _LEAST_BYTES:
            job_id = max(held, key=lambda job_id: held[job_id])
            del held[job_id]
            process = self._processes[job_id]
            log.warning("the conductor of job %s holds too much memory", job_id, extra={"job_id": job_id})
            process.kill()
            process.join(timeout=2)
            self._desk.failed(
                job_id,
                f"All runs together needed more than the {self._memory_bytes / 1e9:.1f} GB of memory that they share,"
                " and of those that ran this one held the most.",
            )

    def _end_overdue(self, jobs: list[RunningJob], now: float) -> None:
        """A job's time is a promise, also when its conductor hangs."""
        cancelled = {job.job_id for job in jobs if job.cancel_requested}
        self._cancelled_since = {job_id: self._cancelled_since.get(job_id, now) for job_id in cancelled}
        for job in jobs:
            # A first model that comes late is worth more than none in time.
            grace = _GRACE_SECONDS if job.has_model else _FIRST_MODEL_GRACE_SECONDS
            late = job.deadline_at is not None and now > job.deadline_at + grace
            stopped = now - self._cancelled_since.get(job.job_id, now) > _CANCEL_GRACE_SECONDS
            if late or stopped:
                log.warning("job %s was not ended by its conductor in time", job.job_id, extra={"job_id": job.job_id})
                process = self._processes.get(job.job_id)
                if process is not None:
                    process.kill()
                    process.join(timeout=2)
                self._desk.overdue(job.job_id)
                if process is None:
                    # Nobody else will notice that its place is free.
                    self._ended()

    def _watch(self) -> None:
        for job_id, process in list(self._processes.items()):
            if process.is_alive():
                continue
            process.join()
            del self._processes[job_id]
            if any(job.job_id == job_id for job in self._desk.running_jobs()):
                how = describe_exit(process.exitcode)
                log.warning("the conductor of job %s is gone: %s", job_id, how, extra={"job_id": job_id})
            else:
                self._ended()
        # Asked anew: a job may have ended while its conductor was looked after.
        for job_id in [job.job_id for job in self._desk.running_jobs()]:
            if job_id in self._processes:
                continue
            if self._desk.started(job_id) > _MOST_STARTS:
                self._desk.failed(job_id, "The process that runs this training keeps crashing.")
                self._ended()
                continue
            log.info("job %s has a conductor", job_id, extra={"job_id": job_id})
            self._processes[job_id] = self._start(job_id)
