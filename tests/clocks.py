"""Clocks that tests turn."""

from collections.abc import Callable

from flowml.domain.clock import Clock


def clock_at(seconds: float) -> Clock:
    """One that stands still."""
    return Clock(lambda: seconds, lambda: seconds)


def clock_of(now: Callable[[], float]) -> Clock:
    """One that nobody sets: time of day and steady seconds are the same."""
    return Clock(now, now)
