"""Starts, watches and ends the processes that train on this machine: one thread looks at all of them several times a
second. What conductors and trainers are, and what becomes of them, is in `conductors` and `trainers`.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

from flowml.domain.faults import fault_of
from flowml.domain.workers import Share
from flowml.training import processes
from flowml.training.conductors import ConductorDesk, Conductors
from flowml.training.trainers import TrainerDesk, TrainerProcess, Trainers

log = logging.getLogger(__name__)

_TICK_SECONDS = 0.1
_IDLE_TICK_SECONDS = 1.0
# How a request for a child ends when somebody, or a lack of memory, ends the process that it is forked from.
_FORKSERVER_GONE = (EOFError, ConnectionError)


class Supervisor:
    """The processes of one server. `conduct` and `train` are the children's main functions, picklable; trainers without
    work are kept for `idle_seconds`. All conductors together may hold `conductors_memory_bytes`. `clock`: the steady
    one (`domain.clock`)."""

    def __init__(
        self,
        conductor_desk: ConductorDesk,
        trainer_desk: TrainerDesk,
        share: Share,
        conduct: Callable[..., None],
        train: Callable[..., None],
        arguments: tuple[Any, ...],
        *,
        boot: str,
        idle_seconds: float,
        conductors_memory_bytes: int,
        conductor_ended: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._desk = conductor_desk
        self._conductors = Conductors(conductor_desk, self._start_conductor, conductor_ended, conductors_memory_bytes)
        self._trainers = Trainers(trainer_desk, self._start_trainer, share.memory_bytes, clock)
        self._share = share
        self._idle_seconds = idle_seconds
        self._conduct = conduct
        self._train = train
        self._arguments = arguments
        self._boot = boot
        self._clock = clock
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._warm_until = 0.0
        self._next_trainer = 0
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
            children = [*self._trainers.processes(), *self._conductors.processes()]
            for process in children:
                process.kill()
            for process in children:
                process.join(timeout=2)

    def wake(self) -> None:
        """Something changed: look now."""
        self._wake.set()

    def warm_up(self) -> None:
        """Training is likely soon: have the trainers ready."""
        self._warm_until = self._clock() + self._idle_seconds
        self._wake.set()

    def processes(self) -> list[dict[str, Any]]:
        """The children, for those who look after the machine."""
        with self._lock:
            return self._conductors.described() + self._trainers.described()

    def waiting_trainers(self, besides: str | None = None) -> list[int]:
        """As `Trainers.waiting`."""
        with self._lock:
            return self._trainers.waiting(besides)

    def places(self) -> int:
        """How many trials can be worked on at once: fewer than was said where trainers do not come up."""
        with self._lock:
            return self._trainers.places(self._share.slots)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                active = self.tick()
            except Exception as error:
                if isinstance(error, _FORKSERVER_GONE):
                    log.warning("what children are forked from was ended; it is started anew in a moment")
                elif fault := fault_of(error):
                    log.warning("the supervisor looks again in a moment: %s", fault.detail)
                else:
                    log.exception("the supervisor stumbled; it looks again in a moment")
                active = False
            self._wake.wait(_TICK_SECONDS if active else _IDLE_TICK_SECONDS)
            self._wake.clear()

    def tick(self) -> bool:
        """One look at everything; True while there is something to watch."""
        now = self._clock()
        jobs = self._desk.running_jobs()
        if jobs:
            self._warm_until = now + self._idle_seconds
        with self._lock:
            if self._stopping.is_set():
                return False
            self._conductors.look(jobs, now)
            self._trainers.look(now)
            wanted = self._share.slots if now < self._warm_until else 0
            if (wanted or jobs) and self._engine is None:
                self._load_engine()
            if self._loaded.is_set():
                self._trainers.start_missing(wanted, now)
            if not wanted:
                self._trainers.send_home()
            return bool(jobs or len(self._trainers))

    def _load_engine(self) -> None:
        """Have the forkserver import the engine. Beside the watch: whoever asks it for a child waits until it has."""

        def load() -> None:
            try:
                process = self._mp().Process(target=processes.end, name="first")
                process.start()
                process.join()
            except _FORKSERVER_GONE:
                log.warning("what children are forked from was ended; the first of them starts it anew")
            except Exception:
                log.exception("the engine could not be loaded; each child tries anew")
            self._loaded.set()
            self._wake.set()

        self._engine = threading.Thread(target=load, name="load-engine", daemon=True)
        self._engine.start()

    def _start_conductor(self, job_id: str) -> BaseProcess:
        # A conductor needs little of the engine: until that is loaded it is sooner there by itself.
        starter = self._mp() if self._loaded.is_set() else processes.fresh()
        process: BaseProcess = starter.Process(
            target=self._conduct, args=(*self._arguments, job_id), name=f"conductor-{job_id}"
        )
        process.start()
        return process

    def _start_trainer(self) -> TrainerProcess:
        self._next_trainer += 1
        owner = f"{self._boot}:{os.getpid()}:{self._next_trainer}"
        receiver, sender = self._mp().Pipe(duplex=False)
        process = self._mp().Process(
            target=self._train, args=(*self._arguments, owner, self._share, sender), name=f"trainer-{owner}"
        )
        process.start()
        sender.close()
        return TrainerProcess(owner, process, receiver)

    def _mp(self) -> Any:
        if self._context is None:
            self._context = processes.context()
        return self._context
