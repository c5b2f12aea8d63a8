"""What a trainer says of itself to its supervisor; apart, because the web process must not import the engine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Busy:
    """The trial a trainer is working on, and when it has to be over."""

    trial_id: str
    deadline_at: float
