"""NVIDIA's GPUs of this machine, as its management library (NVML) knows them."""

from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class GPU:
    """One card. `utilization_percent`: None where it does not say."""

    index: int
    name: str
    memory_used_bytes: int
    memory_total_bytes: int
    utilization_percent: float | None


def gpus() -> tuple[GPU, ...]:
    """Those that can be seen now; none without a driver, or where it does not answer."""
    nvml = _nvml()
    if nvml is None:
        return ()
    try:
        return tuple(_read(nvml, index) for index in range(nvml.nvmlDeviceGetCount()))
    except nvml.NVMLError:
        return ()


def _read(nvml: Any, index: int) -> GPU:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    try:
        utilization = float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    except nvml.NVMLError:
        utilization = None
    return GPU(index, str(nvml.nvmlDeviceGetName(handle)), int(memory.used), int(memory.total), utilization)


@cache
def _nvml() -> Any:
    """The library, initialised once; None on a machine without it."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:
        # No driver, no library, or a driver that does not answer: for us all the same.
        return None
    return pynvml
