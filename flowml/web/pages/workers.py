"""Workers: the machines that train, what they have, and how another one joins."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.access.caller import Permission
from flowml.domain.wording import plural
from flowml.domain.workers import Load, Worker, WorkerStatus, capabilities_of
from flowml.services.fleet import cluster
from flowml.services.fleet.cluster import Cluster
from flowml.web.caller import address_of, context_of
from flowml.web.pages.frame import build_frame
from flowml.web.templating import Page, respond

LISTED = 500
MOST = 5_000


@dataclass(frozen=True)
class Machine:
    """A worker as it is shown: `parts` are what it has, in words, `is_here` says that the server runs on it, `runs` are
    those that it works on, by id, name and how many trials, `busy` says how much of it is in use."""

    worker: Worker
    parts: tuple[str, ...]
    busy: tuple[str, ...]
    is_here: bool
    runs: list[tuple[str, str, int]]


@dataclass(frozen=True, kw_only=True)
class WorkersPage(Page):
    template: ClassVar[str] = "workers.html"

    cluster: Cluster
    machines: list[Machine]
    offline: list[Machine]
    total: int
    may_change: bool
    local_only: bool
    tailnet_command: str | None


def page(request: Request) -> Response:
    """`GET /workers`."""
    frame = build_frame(request, "workers")
    context = context_of(request)
    workers, total = cluster.list_workers(context, MOST, 0)
    trains = cluster.trains_now(context)
    machines = [
        Machine(
            worker,
            parts(worker.capabilities),
            busy(worker.load if worker.status is not WorkerStatus.OFFLINE else None),
            cluster.is_here(worker),
            trains.get(worker.id, []),
        )
        for worker in workers
    ]
    # This server first, the others as they joined.
    machines.sort(key=lambda machine: not machine.is_here)
    there = [machine for machine in machines if not is_gone(machine.worker)][:LISTED]
    # Who was here last comes first: it is the one that is looked for.
    gone = sorted((machine for machine in machines if is_gone(machine.worker)), key=lambda it: -it.worker.last_seen_at)
    address = address_of(request)
    state = cluster.cluster(context, address)
    local_only = not context.settings.needs_credentials
    return respond(
        request,
        WorkersPage(
            title="Workers",
            frame=frame,
            cluster=state,
            machines=there,
            offline=gone[:LISTED],
            total=total,
            may_change=Permission.ADMIN in context.caller.may,
            local_only=local_only,
            tailnet_command=None if local_only else _in_the_tailnet(state, urlsplit(address).port),
        ),
    )


def is_gone(worker: Worker) -> bool:
    """Whether it stands among those that were here before; the server's own machine, and one that was set aside, never
    do."""
    return worker.status is WorkerStatus.OFFLINE and worker.set_aside is None and not cluster.is_here(worker)


def _in_the_tailnet(state: Cluster, port: int | None) -> str | None:
    tailnet = state.tailscale
    if not tailnet.running or tailnet.self is None:
        return None
    return cluster.join_command(f"http://{tailnet.self.name}:{port or 80}")


def busy(load: Load | None) -> tuple[str, ...]:
    """How much of a machine is in use.

    >>> from flowml.domain.workers import GPULoad
    >>> busy(Load(87.4, 12_000_000_000, 32_000_000_000, (GPULoad(0, 5_000_000_000, 24_000_000_000, 65.0),)))
    ('cores 87 % busy', '12 of 32 GB of memory in use', 'GPU 65 % busy, 5 of 24 GB in use')
    >>> busy(None)
    ()
    """
    if load is None:
        return ()
    cards = (
        f"GPU{f' {gpu.index}' if len(load.gpus) > 1 else ''}"
        f"{'' if gpu.utilization_percent is None else f' {gpu.utilization_percent:.0f} % busy,'} "
        f"{_gigabytes(gpu.memory_used_bytes)} of {_gigabytes(gpu.memory_total_bytes)} GB in use"
        for gpu in load.gpus[:16]
    )
    memory = f"{_gigabytes(load.memory_used_bytes)} of {_gigabytes(load.memory_total_bytes)} GB of memory in use"
    return f"cores {load.cpu_percent:.0f} % busy", memory, *cards


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.0f}" if size >= 1e10 else f"{size / 1e9:.2g}"


def parts(capabilities: Mapping[str, Any]) -> tuple[str, ...]:
    """What a machine has, as far as it says so: it may be another version's, or nobody's.

    >>> parts({"cpu_count_logical": 8, "total_ram_gb": 31.2, "gpus": [{"name": "L4", "vram_gb": 24.0}]})
    ('8 cores', '31.2 GB of memory', 'L4 with 24.0 GB')
    >>> parts({"disk_free_gb": 70, "speed_score": 1.4, "gpu_driver_version": "550.54", "cuda_version": "12.4"})
    ('70 GB of disk free', 'speed 1.4', 'driver 550.54 (CUDA 12.4)')
    >>> parts({"cpu_count_logical": "many"})
    ()
    """
    known = capabilities_of(capabilities)
    found = []
    if known.cpu_count_logical is not None:
        found.append(plural(known.cpu_count_logical, "core"))
    if known.total_ram_gb is not None:
        found.append(f"{known.total_ram_gb:g} GB of memory")
    if known.disk_free_gb is not None:
        found.append(f"{known.disk_free_gb:g} GB of disk free")
    if known.speed_score is not None:
        found.append(f"speed {known.speed_score:g}")
    found += [f"{card.name[:60]} with {card.vram_gb} GB" for card in known.gpus]
    if known.gpu_driver_version and known.cuda_version:
        found.append(f"driver {known.gpu_driver_version[:30]} (CUDA {known.cuda_version[:10]})")
    return tuple(found)
