"""Who trains: this machine, and the ones that joined."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class WorkerStatus(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    DRAINING = "draining"


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
    trials_finished: int
