"""What this server is doing, in figures."""

import shutil
import time
from dataclasses import dataclass

import psutil

from flowml import __version__
from flowml.domain.errors import DamagedDatabase, FlowMLError, NoRoom, NotReady
from flowml.domain.faults import fault_of
from flowml.domain.wording import plural
from flowml.domain.workers import Load
from flowml.machine import facts
from flowml.machine.gpus import GPU, gpus
from flowml.machine.load import CpuGauge, machine_load
from flowml.services.context import Context
from flowml.services.serving import predicting
from flowml.services.serving.figures import PredictionFigures
from flowml.store.room import megabytes

_STARTED = time.monotonic()
_CPU = CpuGauge()


@dataclass(frozen=True)
class Usage:
    used_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class ChildProcess:
    """A child of this server: a `conductor` with its job, or a `trainer` with the trial it works on."""

    kind: str
    pid: int
    job_id: str | None = None
    trial_id: str | None = None


@dataclass(frozen=True)
class SystemStats:
    """Counts from the tables, and this machine's load at this moment."""

    datasets: int
    jobs: dict[str, int]
    models: int
    predictions: PredictionFigures
    cpu_percent: float
    memory: Usage
    disk: Usage
    gpus: tuple[GPU, ...]
    processes: tuple[ChildProcess, ...]
    uptime_seconds: float
    version: str


def stats(context: Context) -> SystemStats:
    """Answers at once: the CPU's share is that since the last call."""
    total = facts.memory_bytes()
    disk = shutil.disk_usage(context.settings.home)
    return SystemStats(
        datasets=context.store.datasets.count(),
        jobs=context.store.jobs.counts(),
        models=context.store.models.count(),
        predictions=predicting.figures(context),
        cpu_percent=_CPU.percent(),
        memory=Usage(total - facts.free_memory_bytes(), total),
        disk=Usage(disk.used, disk.total),
        gpus=gpus(),
        processes=tuple(ChildProcess(**item) for item in context.trainers.processes()),
        uptime_seconds=time.monotonic() - _STARTED,
        version=__version__,
    )


def own_load() -> Load:
    """How busy this machine is, as other machines say it of themselves."""
    return machine_load(_CPU)


def check_ready(context: Context) -> None:
    """Whether the store can be read and written. Raises NotReady saying what keeps it from that."""
    try:
        context.store.events.last_id()
        context.store.room.check()
        _try_to_write(context)
    except Exception as error:
        problem = error if isinstance(error, FlowMLError) else fault_of(error)
        if problem is None:
            raise
        raise NotReady(problem.detail, hint=problem.hint) from None
    if context.store.damage is not None:
        raise NotReady(
            "The database is damaged: not all of what is stored can be read.",
            hint="Restore FlowML's folder from a backup. The server's log says more.",
        )


def _try_to_write(context: Context) -> None:
    # A quota, or a disk that was made read-only, leaves its free room as it is. Not into the database: what is kept in
    # memory would be looked up again.
    path = context.store.files.new_temp()
    try:
        path.write_bytes(b"something")
    finally:
        path.unlink(missing_ok=True)


def notices(context: Context) -> list[str]:
    """What whoever looks after this server has to know, in sentences."""
    found = []
    try:
        context.store.room.check()
    except NoRoom as problem:
        found.append(f"{problem.detail} {problem.hint}")
    if context.store.damage is not None:
        found.append(
            "The database is damaged: not all of what is stored can be read, and nothing is cleared away. Restore"
            " FlowML's folder from a backup."
        )
    strays = context.store.strays
    if strays.files:
        found.append(
            f"FlowML's folder holds {plural(len(strays.files), 'file')} ({megabytes(strays.n_bytes)}) that its database"
            " does not know: it is new, or older than they are. They are kept. To take in what can be read, stop the"
            f" server and run: flowml doctor --home {context.store.home.path} --adopt"
        )
    return found


def note(context: Context, fault: FlowMLError) -> None:
    """Remember what was found to be wrong with the server while it answered."""
    if isinstance(fault, DamagedDatabase) and context.store.damage is None:
        context.store.damage = fault.detail


def process_memory_bytes() -> int:
    """Resident memory of the server process."""
    return int(psutil.Process().memory_info().rss)
