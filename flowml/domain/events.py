"""What happened, in the order it happened; the live updates are this table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """One message of a room (`job:ID`, `chat:ID`, `system`, `workers`, `logs`). `id` only grows."""

    id: int
    room: str
    type: str
    at: float
    data: Mapping[str, Any]
