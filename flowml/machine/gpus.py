"""NVIDIA's GPUs of this machine, as its management library (NVML) knows them."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True)
class GPU:
    """One card. `utilization_percent`: None where it does not say."""

    index: int
    name: str
    memory_used_bytes: int
    memory_total_bytes: int
    utilization_percent: float | None


@dataclass(frozen=True)
class Driver:
    """What drives them; `cuda`: the latest CUDA that it takes."""

    version: str
    cuda: str


def gpu_driver() -> Driver | None:
    """None without one, or where it does not answer."""
    nvml = _nvml()
    if nvml is None:
        return None
    try:
        cuda = int(nvml.nvmlSystemGetCudaDriverVersion())
        return Driver(_text(nvml.nvmlSystemGetDriverVersion())[:50], f"{cuda // 1000}.{cuda % 1000 // 10}")
    except nvml.NVMLError:
        return None


def free_bytes(own: Collection[int] = ()) -> dict[int, int]:
    """Memory of each card, by its number, that is free now, or that these processes hold, as far as the driver says so:
    in a container it may not."""
    nvml = _nvml()
    free = {gpu.index: gpu.memory_total_bytes - gpu.memory_used_bytes for gpu in gpus()}
    for index in free if own else ():
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            for process in nvml.nvmlDeviceGetComputeRunningProcesses(handle):
                if process.pid in own:
                    free[index] += int(process.usedGpuMemory or 0)
        except nvml.NVMLError:
            continue
    return free


def free_for_trainers() -> dict[int, int]:
    """The same for who trains: what this process and those beside it hold is free again."""
    try:
        own = {process.pid for process in psutil.Process(os.getppid()).children()}
    except psutil.Error:
        own = {os.getpid()}
    return free_bytes(own)


def gpus() -> tuple[GPU, ...]:
    """Those that can be seen now; none without a driver, or where it does not answer."""
    nvml = _nvml()
    if nvml is None:
        return ()
    return tuple(gpu for gpu in (_read(nvml, index) for index in range(_count(nvml))) if gpu is not None)


def _count(nvml: Any) -> int:
    try:
        return int(nvml.nvmlDeviceGetCount())
    except nvml.NVMLError:
        return 0


def _text(value: Any) -> str:
    # Older versions of the library answer with bytes.
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _read(nvml: Any, index: int) -> GPU | None:
    """None for a card that does not answer: the others are there all the same."""
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        name = _text(nvml.nvmlDeviceGetName(handle))
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
