"""The one place that wires everything: store, supervisor, queue, web.

Also the main functions of the child processes, which wire their own few parts.
"""

import contextlib
import logging
import platform
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from flowml.automl.processes import keep_quiet, let_nobody_fork, usable_cores
from flowml.services import dispatch
from flowml.services.context import Context
from flowml.services.housekeeping import keep_house
from flowml.services.jobs import start_waiting_jobs
from flowml.services.settings import Settings
from flowml.store import locks
from flowml.store.home import Home, ServerLock
from flowml.store.store import Store
from flowml.training import capabilities, processes
from flowml.training.queue import LocalQueue
from flowml.training.supervisor import Limits, Supervisor

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from starlette.types import ASGIApp

    from flowml.automl.sharing import Share

log = logging.getLogger(__name__)

_TRAINER_WAIT_SECONDS = 0.2


def training_limits(settings: Settings) -> Limits:
    """What this machine gives to training, from its cores and memory unless set."""
    cores = usable_cores()
    slots = processes.local_slots(cores) if settings.local_slots is None else settings.local_slots
    if settings.trial_memory_mb is not None:
        memory = settings.trial_memory_mb * 1_000_000
    else:
        memory = int(psutil.virtual_memory().total * 0.8 / max(1, slots))
    return Limits(
        slots=slots,
        threads=max(1, cores // max(1, slots)),
        memory_bytes=memory,
        idle_seconds=settings.trainer_idle_seconds,
    )


class Server:
    """A server of one home folder: what it holds, and how it starts and stops."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time):
        """Open the home folder. Raises StartupError when it cannot be used or is in use."""
        home = Home(settings.home)
        home.prepare()
        self._lock = ServerLock(home)
        limits = training_limits(settings)
        # Before any numeric library is imported, here or in a child.
        processes.limit_threads(limits.threads)
        self._store = Store(home.path, now=clock())
        self._clock = clock
        self._slots = limits.slots
        self._worker_name = platform.node() or dispatch.LOCAL_WORKER
        worker_id = self._register(capabilities.probe())
        dispatch.recover(self._store, worker_id, clock())
        self._queue = LocalQueue(home.queue, start_jobs=self._start_jobs, keep_house=self._keep_house)
        self._supervisor = Supervisor(
            dispatch.StoreDesk(self._store, clock),
            limits,
            run_conductor,
            run_trainer,
            (str(home.path), worker_id, self._worker_name),
            boot=secrets.token_hex(4),
            conductor_ended=self._queue.start_jobs,
            trainer_ready=self._queue.start_jobs,
            clock=clock,
        )
        self.context = Context(settings=settings, store=self._store, clock=clock, trainers=self)

    def warm_up(self) -> None:
        self._supervisor.warm_up()

    def nudge(self) -> None:
        self._queue.start_jobs()

    def processes(self) -> list[dict[str, Any]]:
        return self._supervisor.processes()

    def start(self) -> None:
        """Go on with what was running and with what waits."""
        self._supervisor.start()
        self._queue.start()
        if self._capabilities["gpus"]:
            threading.Thread(target=self._try_gpus, name="try-gpus", daemon=True).start()

    def stop(self) -> None:
        """End the children; what they did is stored and goes on at the next start."""
        self._queue.stop()
        self._supervisor.stop()
        self._store.close()
        self._lock.release()

    def _start_jobs(self) -> None:
        # A budget counts from when a job is taken up, and the moment until there is a trainer is not to be its own.
        # Who asked for it waits too, though: a second more than was asked for is too much.
        if self._store.jobs.counts()["queued"] and not self._supervisor.ready():
            self._supervisor.warm_up()
            until = time.monotonic() + _TRAINER_WAIT_SECONDS
            while time.monotonic() < until and not self._supervisor.ready():
                time.sleep(0.02)
        start_waiting_jobs(self.context)
        self._supervisor.wake()

    def _try_gpus(self) -> None:
        """Once for each start: what the drivers were able to do yesterday says little."""
        try:
            found = capabilities.probe(fit_on_gpu=True)
            self._register(found)
        except Exception:
            log.exception("the GPUs could not be tried; training goes on without them")

    def _register(self, found: dict[str, Any]) -> str:
        self._capabilities = found
        queues = capabilities.queues(found)
        return self._store.workers.register_local(self._worker_name, queues, self._slots, found, self._clock())

    def _keep_house(self) -> None:
        keep_house(self.context)


def build(server: Server) -> "ASGIApp":
    """The web application around a server; it starts and stops with it."""
    from flowml.web.server import create_app

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        server.start()
        try:
            yield
        finally:
            server.stop()

    return create_app(server.context, lifespan)


def run_conductor(home: str, worker_id: str, worker_name: str, job_id: str, limits: Limits) -> None:
    """Main function of a conductor process."""
    processes.settle_child()
    _log_to_stderr()
    from flowml.training.conductor import conduct_job

    store = Store(Path(home), now=time.time())
    conduct_job(dispatch.StoreLedger(store, job_id), machine=_machine(limits))


def run_trainer(home: str, worker_id: str, worker_name: str, owner: str, limits: Limits, status: "Connection") -> None:
    """Main function of a trainer process."""
    processes.settle_child()
    processes.step_back()
    let_nobody_fork()
    keep_quiet()
    _log_to_stderr()
    from flowml.training.gpus import GPUs
    from flowml.training.trainer import Trainer

    store = Store(Path(home), now=time.time())
    channel = dispatch.StoreChannel(store, owner=owner, worker_id=worker_id, worker_name=worker_name)
    gpus = GPUs(
        lambda: store.workers.capabilities(worker_id), lambda index: locks.taken(Path(home) / f"gpu-{index}.lock")
    )
    Trainer(channel, machine=_machine(limits), gpus=gpus, tell=status.send).run(stop=lambda: False)


def _machine(limits: Limits) -> "Share":
    from flowml.automl.sharing import Share

    return Share(max(1, limits.slots), limits.threads, limits.memory_bytes)


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
