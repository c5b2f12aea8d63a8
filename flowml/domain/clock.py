"""What time it is: what people read on a clock, and how much time has gone by. The first may be set at any moment."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """`now`: the time of day in seconds since the epoch, for what is shown and told. `steady`: seconds that go by
    evenly, whoever sets the time of day, for budgets, deadlines and leases; they are the same for all processes of
    this machine and stand still while it sleeps, and begin anew when it starts: what is stored in them is good for one
    life of the server (`services.dispatch.recovery`)."""

    now: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic


CLOCK = Clock()
"""This machine's."""


class AgeClock:
    """A time of day for the ages of things: put forward, it is followed only after so many `seconds` have really gone
    by. What is older than that is so then by any clock; nothing that has just been made is taken for old."""

    def __init__(self, clock: Clock, seconds: float):
        self._clock = clock
        self._seconds = seconds
        self._began, self._began_steady = clock.now(), clock.steady()
        self._ahead_since: float | None = None

    def __call__(self) -> float:
        """
        >>> day, gone = [1000.0], [0.0]
        >>> ages = AgeClock(Clock(lambda: day[0], lambda: gone[0]), seconds=60.0)
        >>> day[0], gone[0] = 8210.0, 10.0; ages()
        1010.0
        >>> day[0], gone[0] = 8280.0, 80.0; ages()
        8280.0
        """
        now, steady = self._clock.now(), self._clock.steady()
        reckoned = self._began + steady - self._began_steady
        if now <= reckoned + _SLACK_SECONDS:
            self._ahead_since = None
        elif self._ahead_since is None:
            self._ahead_since = steady
        if self._ahead_since is not None and steady - self._ahead_since < self._seconds:
            return reckoned
        self._began, self._began_steady, self._ahead_since = now, steady, None
        return now


_SLACK_SECONDS = 1.0
"""Clocks that agree drift apart, and are corrected, by less."""
