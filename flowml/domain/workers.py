"""Who trains: this machine, and the ones that joined."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from flowml.domain.caller import LOCAL_OWNER

LOCAL_ID = "local"
"""This server's own machine, as a worker."""


class WorkerStatus(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    DRAINING = "draining"


@dataclass(frozen=True)
class DatasetName:
    """Which data set."""

    id: str
    name: str


@dataclass(frozen=True)
class GPULoad:
    """How busy a card is; `utilization_percent`: None where it does not say."""

    index: int
    memory_used_bytes: int
    memory_total_bytes: int
    utilization_percent: float | None = None


@dataclass(frozen=True)
class Load:
    """How busy a machine is, all its programs together: its cores, its memory, its GPUs."""

    cpu_percent: float
    memory_used_bytes: int
    memory_total_bytes: int
    gpus: tuple[GPULoad, ...] = ()


@dataclass(frozen=True)
class Worker:
    """A machine that trains. This server's own is one of them."""

    id: str
    name: str
    status: WorkerStatus
    queues: tuple[str, ...]
    slots: int
    running: int
    capabilities: Mapping[str, Any]
    registered_at: float
    last_seen_at: float
    trials_finished: int = 0
    owner: str = LOCAL_OWNER.identifier
    set_aside: str | None = None
    """Why no trials are given to it any more."""
    datasets: tuple[DatasetName, ...] = ()
    """Those whose tables it has been given."""
    load: Load | None = None
    """As it said when it was last heard of; None where it did not."""


class Caller(NamedTuple):
    """Of a worker that calls, what has to be known of it each time."""

    id: str
    name: str
    status: WorkerStatus
    owner: str


@dataclass(frozen=True)
class Share:
    """How a machine is shared by trials: `slots` at once, each with so many `threads` and `memory_bytes`."""

    slots: int
    threads: int
    memory_bytes: int


@dataclass(frozen=True)
class Machine:
    """A worker that is online, as far as trials are planned by it: how many at once, and what each may use.

    `largest_trial_bytes`: where its slots are of several machines, the most that one trial may have. `running`: how
    many trials, of whichever job, it works on.
    """

    worker_id: str
    queues: tuple[str, ...]
    slots: int
    threads: int
    memory_bytes: int
    largest_trial_bytes: int | None = None
    running: int = field(default=0, compare=False)
