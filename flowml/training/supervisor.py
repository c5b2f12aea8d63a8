"""Starts, watches and ends the processes that train on this machine.

One thread looks at all of them several times a second: a conductor that died is started again, a trainer that died
gives its trial back at once, one that ignores its deadline, an abandoned trial or the memory limit is killed. What it
does not know itself it asks the `Desk`, which keeps the tables.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from flowml.automl.trial import limits
from flowml.domain.trials import DID_NOT_STOP
from flowml.machine.child import describe_exit
from flowml.machine.facts import resident_bytes
from flowml.training import processes
from flowml.training.trainer_status import Busy

log = logging.getLogger(__name__)

_TICK_SECONDS = 0.1
_IDLE_TICK_SECONDS = 1.0
_GRACE_SECONDS = 0.5
_ABANDON_GRACE_SECONDS = 2.0
_MEMORY_CHECK_SECONDS = 0.5
_MAX_CONDUCTOR_STARTS = 3
_JOB_GRACE_SECONDS = 0.6
_FIRST_MODEL_GRACE_SECONDS = 60.0
_CANCEL_GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class RunningJob:
    """A job that is running: when it has to be over, whether somebody wants it to end now, and whether it has a model
    to end with."""

    job_id: str
    deadline_at: float | None
    cancel_requested: bool
    has_model: bool


class Desk(Protocol):
    """What the supervisor asks of the tables."""

    def running_jobs(self) -> list[RunningJob]:
        """Jobs that should have a conductor."""
        ...

    def job_overdue(self, job_id: str) -> None:
        """Its conductor did not end it in time: the job ends with what it has."""
        ...

    def conductor_started(self, job_id: str) -> int:
        """Note a start; returns how often it has been started."""
        ...

    def conductor_failed(self, job_id: str, reason: str) -> None:
        """Its conductor keeps dying: the job ends with what it has."""
        ...

    def holds(self, owner: str, trial_id: str) -> bool:
        """Whether this trainer still has this trial, and it is still wanted."""
        ...

    def trainer_died(self, owner: str, reason: str, retry: bool, trial_id: str | None) -> None:
        """Give its trial back, or fail it with the reason; `trial_id`: the one it was killed for."""
        ...


@dataclass(frozen=True)
class Limits:
    """What this machine gives to training."""

    slots: int
    threads: int
    memory_bytes: int
    idle_seconds: float


@dataclass
class _Trainer:
    owner: str
    process: BaseProcess
    status: Connection
    busy: Busy | None = None
    abandoned_since: float | None = None
    kill_reason: str | None = None
    killed_for: str | None = None
    told: bool = False
    retry: bool = True
    ready: bool = False


@dataclass
class _State:
    trainers: list[_Trainer] = field(default_factory=list)
    conductors: dict[str, BaseProcess] = field(default_factory=dict)
    cancelled_since: dict[str, float] = field(default_factory=dict)


class Supervisor:
    """The processes of one server. `conduct` and `train` are the children's main functions, picklable."""

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        conduct: Callable[..., None],
        train: Callable[..., None],
        arguments: tuple[Any, ...],
        *,
        boot: str,
        conductor_ended: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ):
        self._desk = desk
        self._limits = limits
        self._conduct = conduct
        self._train = train
        self._arguments = arguments
        self._boot = boot
        self._conductor_ended = conductor_ended
        self._clock = clock
        self._state = _State()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._warm_until = 0.0
        self._next_trainer = 0
        self._stillborn = 0
        self._start_not_before = 0.0
        self._memory_checked_at = 0.0
        self._context: Any = None
        self._engine: threading.Thread | None = None
        self._loaded = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End all children now. What they were doing is in the tables and goes on at the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        with self._lock:
            children = [trainer.process for trainer in self._state.trainers] + list(self._state.conductors.values())
            for process in children:
                process.kill()
            for process in children:
                process.join(timeout=2)

    def wake(self) -> None:
        """Something changed: look now."""
        self._wake.set()

    def warm_up(self) -> None:
        """Training is likely soon: have the trainers ready."""
        self._warm_until = self._clock() + self._limits.idle_seconds
        self._wake.set()

    def processes(self) -> list[dict[str, Any]]:
        """The children, for those who look after the machine."""
        with self._lock:
            trainers = [
                {
                    "kind": "trainer",
                    "pid": trainer.process.pid,
                    "trial_id": trainer.busy.trial_id if trainer.busy else None,
                }
                for trainer in self._state.trainers
            ]
            conductors = [
                {"kind": "conductor", "pid": process.pid, "job_id": job_id}
                for job_id, process in self._state.conductors.items()
            ]
        return conductors + trainers

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                active = self.tick()
            except Exception:
                log.exception("the supervisor stumbled; it looks again in a moment")
                active = True
            self._wake.wait(_TICK_SECONDS if active else _IDLE_TICK_SECONDS)
            self._wake.clear()

    def tick(self) -> bool:
        """One look at everything; True while there is something to watch."""
        now = self._clock()
        jobs = self._desk.running_jobs()
        if jobs:
            self._warm_until = now + self._limits.idle_seconds
        with self._lock:
            if self._stopping.is_set():
                return False
            self._end_overdue_jobs(jobs, now)
            self._watch_conductors()
            self._watch_trainers(now)
            wanted = self._limits.slots if now < self._warm_until else 0
            if (wanted or jobs) and self._engine is None:
                self._load_engine()
            while self._loaded.is_set() and len(self._state.trainers) < wanted and now >= self._start_not_before:
                self._start_trainer()
            if not wanted:
                self._send_home()
            return bool(jobs or self._state.trainers)

    def _end_overdue_jobs(self, jobs: list[RunningJob], now: float) -> None:
        """A job's time is a promise, also when its conductor hangs."""
        cancelled = {job.job_id for job in jobs if job.cancel_requested}
        self._state.cancelled_since = {job_id: self._state.cancelled_since.get(job_id, now) for job_id in cancelled}
        for job in jobs:
            # A first model that comes late is worth more than none in time.
            grace = _JOB_GRACE_SECONDS if job.has_model else _FIRST_MODEL_GRACE_SECONDS
            late = job.deadline_at is not None and now > job.deadline_at + grace
            stopped = now - self._state.cancelled_since.get(job.job_id, now) > _CANCEL_GRACE_SECONDS
            if late or stopped:
                log.warning("job %s was not ended by its conductor in time", job.job_id)
                process = self._state.conductors.get(job.job_id)
                if process is not None:
                    process.kill()
                    process.join(timeout=2)
                self._desk.job_overdue(job.job_id)
                if process is None:
                    # Nobody else will notice that its place is free.
                    self._conductor_ended()

    def _watch_conductors(self) -> None:
        for job_id, process in list(self._state.conductors.items()):
            if process.is_alive():
                continue
            process.join()
            del self._state.conductors[job_id]
            if any(job.job_id == job_id for job in self._desk.running_jobs()):
                log.warning("the conductor of job %s is gone: %s", job_id, describe_exit(process.exitcode))
            else:
                self._conductor_ended()
        # Asked anew: a job may have ended while its conductor was looked after.
        for job_id in [job.job_id for job in self._desk.running_jobs()]:
            if job_id in self._state.conductors:
                continue
            if self._desk.conductor_started(job_id) > _MAX_CONDUCTOR_STARTS:
                self._desk.conductor_failed(job_id, "The process that runs this training keeps crashing.")
                self._conductor_ended()
                continue
            # A conductor needs little of the engine: until that is loaded it is sooner there by itself.
            starter = self._mp() if self._loaded.is_set() else processes.fresh()
            process = starter.Process(
                target=self._conduct, args=(*self._arguments, job_id, self._limits), name=f"conductor-{job_id}"
            )
            process.start()
            self._state.conductors[job_id] = process

    def _watch_trainers(self, now: float) -> None:
        check_memory = now - self._memory_checked_at > _MEMORY_CHECK_SECONDS
        if check_memory:
            self._memory_checked_at = now
        for trainer in list(self._state.trainers):
            self._read_status(trainer)
            if not trainer.process.is_alive():
                trainer.process.join()
                self._state.trainers.remove(trainer)
                trainer.status.close()
                if not trainer.ready:
                    self._note_stillborn(trainer, now)
                reason = trainer.kill_reason or (
                    "The training process broke down: " + describe_exit(trainer.process.exitcode) + "."
                )
                if not trainer.told:
                    self._desk.trainer_died(trainer.owner, reason, trainer.retry, trainer.killed_for)
                continue
            if trainer.kill_reason is not None or trainer.busy is None:
                trainer.abandoned_since = None
            elif now > trainer.busy.deadline_at + _GRACE_SECONDS:
                self._kill(trainer, DID_NOT_STOP, retry=False)
            elif not self._desk.holds(trainer.owner, trainer.busy.trial_id):
                trainer.abandoned_since = trainer.abandoned_since or now
                if now - trainer.abandoned_since > _ABANDON_GRACE_SECONDS:
                    self._kill(trainer, "It was no longer wanted and did not stop when asked.", retry=False)
            else:
                trainer.abandoned_since = None
            if check_memory and trainer.kill_reason is None and trainer.busy is not None:
                self._check_memory(trainer)

    def _note_stillborn(self, trainer: _Trainer, now: float) -> None:
        """A trainer that ended before it was ready: something is wrong here, so not again and again at once."""
        self._stillborn += 1
        self._start_not_before = now + min(30.0, 0.2 * 2**self._stillborn)
        log.warning("a trainer did not come up: %s", describe_exit(trainer.process.exitcode))

    def _check_memory(self, trainer: _Trainer) -> None:
        used = resident_bytes(trainer.process.pid or 0)
        allowed = self._limits.memory_bytes
        if trainer.busy is not None and trainer.busy.memory_bytes is not None:
            allowed = trainer.busy.memory_bytes
        if used > allowed:
            self._kill(trainer, limits.too_much_memory(allowed), retry=False)

    def _kill(self, trainer: _Trainer, reason: str, *, retry: bool) -> None:
        trainer.kill_reason = reason
        trainer.killed_for = trainer.busy.trial_id if trainer.busy else None
        trainer.retry = retry
        trainer.process.kill()
        # At once: until its death is seen the run may end, and what was wrong with the trial would be lost.
        self._desk.trainer_died(trainer.owner, reason, retry, trainer.killed_for)
        trainer.told = True

    def _read_status(self, trainer: _Trainer) -> None:
        try:
            while trainer.status.poll():
                trainer.busy = trainer.status.recv()
                if not trainer.ready:
                    trainer.ready = True
                    self._stillborn = 0
        except (EOFError, OSError):
            return

    def _load_engine(self) -> None:
        """Have the forkserver import the engine. Beside the watch: whoever asks it for a child waits until it has."""

        def load() -> None:
            try:
                process = self._mp().Process(target=processes.end, name="first")
                process.start()
                process.join()
            except Exception:
                log.exception("the engine could not be loaded; each child tries anew")
            self._loaded.set()
            self._wake.set()

        self._engine = threading.Thread(target=load, name="load-engine", daemon=True)
        self._engine.start()

    def _start_trainer(self) -> None:
        self._next_trainer += 1
        owner = f"{self._boot}:{os.getpid()}:{self._next_trainer}"
        receiver, sender = self._mp().Pipe(duplex=False)
        process = self._mp().Process(
            target=self._train, args=(*self._arguments, owner, self._limits, sender), name=f"trainer-{owner}"
        )
        process.start()
        sender.close()
        self._state.trainers.append(_Trainer(owner, process, receiver))

    def _send_home(self) -> None:
        for trainer in self._state.trainers:
            if trainer.busy is None:
                trainer.process.kill()

    def _mp(self) -> Any:
        if self._context is None:
            self._context = processes.context()
        return self._context
