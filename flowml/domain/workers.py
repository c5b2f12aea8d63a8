"""Who trains: this machine, and the ones that joined."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from flowml.domain.access.caller import LOCAL_OWNER

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


# What a machine says that it has is kept as it came. Whoever makes something of it sees it through here: it may be
# another version's, or that of somebody who says what they like.
MOST_GPUS = 1_024
MOST_LIBRARIES = 100
MOST_FIGURE = 1e9
"""No machine has so many cores, or gigabytes of anything."""
MOST_BYTES = 2**60
LONGEST_TEXT = 500


@dataclass(frozen=True)
class GPU:
    """A card, by what is printed on it."""

    index: int
    name: str
    vram_gb: float


@dataclass(frozen=True)
class GPULibrary:
    """The `device` on which a library fits there, or the `reason` why it does not."""

    device: str | None
    reason: str | None


@dataclass(frozen=True)
class Capabilities:
    """What is known of a machine; None where it says nothing of it, or nothing that could be."""

    cpu_count_logical: int | None = None
    total_ram_gb: float | None = None
    disk_free_gb: float | None = None
    speed_score: float | None = None
    gpus: tuple[GPU, ...] = ()
    gpu_libraries: Mapping[str, GPULibrary] = field(default_factory=dict)
    gpu_driver_version: str | None = None
    cuda_version: str | None = None
    largest_trial_bytes: int | None = None


def capabilities_of(said: object) -> Capabilities:
    """What can be made of what a machine has said.

    >>> capabilities_of({"gpus": 5, "gpu_libraries": ["x"], "total_ram_gb": "much"}) == Capabilities()
    True
    >>> capabilities_of({"gpus": [{"name": "L4", "vram_gb": 24}, {"vram_gb": "x"}, 7]}).gpus
    (GPU(index=0, name='L4', vram_gb=24.0),)
    """
    known = said if isinstance(said, Mapping) else {}
    cores = _figure(known.get("cpu_count_logical"))
    libraries = known.get("gpu_libraries")
    cards = known.get("gpus")
    return Capabilities(
        None if cores is None else int(cores),
        _figure(known.get("total_ram_gb")),
        _figure(known.get("disk_free_gb")),
        _figure(known.get("speed_score")),
        tuple(filter(None, map(_gpu, cards[:MOST_GPUS] if isinstance(cards, list) else ()))),
        _libraries(libraries) if isinstance(libraries, Mapping) else {},
        _text(known.get("gpu_driver_version")),
        _text(known.get("cuda_version")),
        _whole(known.get("largest_trial_bytes"), MOST_BYTES),
    )


def _gpu(card: object) -> GPU | None:
    if not isinstance(card, Mapping):
        return None
    vram_gb = _figure(card.get("vram_gb"))
    if vram_gb is None:
        return None
    return GPU(_whole(card.get("index"), MOST_GPUS) or 0, _text(card.get("name")) or "GPU", vram_gb)


def _libraries(libraries: Mapping[Any, Any]) -> dict[str, GPULibrary]:
    told = {
        name: GPULibrary(_text(found.get("device")), _text(found.get("reason")))
        for name, found in list(libraries.items())[:MOST_LIBRARIES]
        if isinstance(name, str) and isinstance(found, Mapping)
    }
    return {name: library for name, library in told.items() if library.device or library.reason}


def _figure(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared before it is made a float: a whole number may be larger than any.
    return float(value) if 0 <= value <= MOST_FIGURE and math.isfinite(value) else None


def _whole(value: object, most: int) -> int | None:
    is_one = isinstance(value, int) and not isinstance(value, bool)
    return value if is_one and isinstance(value, int) and 0 <= value <= most else None


def _text(value: object) -> str | None:
    return value[:LONGEST_TEXT] if isinstance(value, str) and value else None
