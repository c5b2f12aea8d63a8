"""How busy this machine is."""

import threading
import time
from collections.abc import Callable

import psutil

from flowml.domain.workers import GPULoad, Load
from flowml.machine.facts import free_memory_bytes, memory_bytes
from flowml.machine.gpus import gpus

_LEAST_SECONDS = 0.5


def _core_seconds() -> tuple[float, float]:
    """Seconds that the cores have worked since the machine's start, and those that they had."""
    times = psutil.cpu_times()
    # What guests took is in `user` and `nice` already.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - times.idle - getattr(times, "iowait", 0.0), total


class CpuGauge:
    """The share of the cores at work since it was last read, for as many threads as ask.

    What is read within half a second is answered from before: over less there is nothing to measure.
    """

    def __init__(
        self,
        core_seconds: Callable[[], tuple[float, float]] = _core_seconds,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._core_seconds = core_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._seen = core_seconds()
        self._seen_at = clock()
        self._percent = 0.0
        self._is_new = True

    def percent(self) -> float:
        """0 to 100."""
        with self._lock:
            now = self._clock()
            if now - self._seen_at >= _LEAST_SECONDS or self._is_new:
                worked, total = self._core_seconds()
                passed = total - self._seen[1]
                if passed > 0:
                    self._percent = max(0.0, min(100.0, 100 * (worked - self._seen[0]) / passed))
                    self._seen, self._seen_at, self._is_new = (worked, total), now, False
            return self._percent


def machine_load(cpu: CpuGauge) -> Load:
    """How busy this machine is, its cores since `cpu` was last read."""
    total = memory_bytes()
    cards = tuple(
        GPULoad(gpu.index, gpu.memory_used_bytes, gpu.memory_total_bytes, gpu.utilization_percent) for gpu in gpus()
    )
    return Load(cpu.percent(), max(0, total - free_memory_bytes()), total, cards)
