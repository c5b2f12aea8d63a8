"""What a trainer says of itself to its supervisor; apart, because the web process must not import the engine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Busy:
    """The trial a trainer is working on, and in how many seconds it has to be over.

    `memory_bytes`: what it may hold, where that is not the usual share.
    """

    trial_id: str
    seconds_left: float
    memory_bytes: int | None = None
