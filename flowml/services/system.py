"""What this server is doing, in figures."""

import shutil
import time
from dataclasses import dataclass

import psutil

from flowml import __version__
from flowml.machine import facts
from flowml.machine.gpus import GPU, gpus
from flowml.machine.load import CpuGauge
from flowml.services import prediction
from flowml.services.context import Context
from flowml.services.prediction import PredictionFigures

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
        predictions=prediction.figures(context),
        cpu_percent=_CPU.percent(),
        memory=Usage(total - facts.free_memory_bytes(), total),
        disk=Usage(disk.used, disk.total),
        gpus=gpus(),
        processes=tuple(ChildProcess(**item) for item in context.trainers.processes()),
        uptime_seconds=time.monotonic() - _STARTED,
        version=__version__,
    )


def check_ready(context: Context) -> None:
    """Raises whatever keeps the store from answering."""
    context.store.events.last_id()


def process_memory_bytes() -> int:
    """Resident memory of the server process."""
    return int(psutil.Process().memory_info().rss)
