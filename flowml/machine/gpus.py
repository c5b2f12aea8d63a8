"""NVIDIA's GPUs of this machine, as its management library (NVML) knows them."""

from dataclasses import dataclass
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
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError:
        return ()
    return tuple(gpu for gpu in (_read(nvml, index) for index in range(count)) if gpu is not None)


def _read(nvml: Any, index: int) -> GPU | None:
    """None for a card that does not answer: the others are there all the same."""
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        name = str(nvml.nvmlDeviceGetName(handle))
    except nvml.NVMLError:
        return None
    try:
        utilization = float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    except nvml.NVMLError:
        utilization = None
    return GPU(index, name, int(memory.used), int(memory.total), utilization)


_ready: Any = None


def _nvml() -> Any:
    """The library, initialised once; None on a machine without it, or as long as its driver does not answer."""
    global _ready
    if _ready is None:
        try:
            import pynvml

            pynvml.nvmlInit()
            _ready = pynvml
        except Exception:
            # No driver, no library, or a driver that does not answer: for us all the same.
            return None
    return _ready
