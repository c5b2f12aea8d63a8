"""What this machine can do: measured here, never assumed. Nothing of the engine is imported for it."""

import platform
from importlib import metadata
from typing import Any

import psutil

_LIBRARIES = {
    "sklearn_version": ("scikit-learn",),
    "xgboost_version": ("xgboost", "xgboost-cpu"),
    "lightgbm_version": ("lightgbm",),
    "catboost_version": ("catboost",),
    "torch_version": ("torch",),
}
_VRAM_QUEUES = (6, 8, 12, 24)


def probe() -> dict[str, Any]:
    """Cores, memory, GPUs and library versions, as a JSON object."""
    memory = psutil.virtual_memory()
    gpus = _gpus()
    return {
        "cpu_count": psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        "cpu_count_logical": psutil.cpu_count() or 1,
        "total_ram_gb": round(memory.total / 1e9, 1),
        "available_ram_gb": round(memory.available / 1e9, 1),
        "has_gpu": bool(gpus),
        "gpu_count": len(gpus),
        "gpus": gpus,
        "python_version": platform.python_version(),
        "platform": platform.platform(),
        **{name: _version(packages) for name, packages in _LIBRARIES.items()},
    }


def queues(capabilities: dict[str, Any]) -> tuple[str, ...]:
    """The queues that follow from them."""
    offered = ["cpu"]
    if capabilities["has_gpu"]:
        offered.append("gpu")
        vram = max(gpu["vram_gb"] for gpu in capabilities["gpus"])
        # Cards report a little less than what is printed on them.
        offered += [f"gpu.vram{size}" for size in _VRAM_QUEUES if vram >= size - 0.6]
    return tuple(offered)


def _version(packages: tuple[str, ...]) -> str | None:
    for package in packages:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return None


def _gpus() -> list[dict[str, Any]]:
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:
        # No driver, no library, or a driver that does not answer: for us all the same.
        return []
    try:
        found = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            found.append(
                {
                    "index": index,
                    "name": str(pynvml.nvmlDeviceGetName(handle)),
                    "vram_gb": round(int(memory.total) / 1e9, 1),
                    "vram_free_gb": round(int(memory.free) / 1e9, 1),
                }
            )
        return found
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()
