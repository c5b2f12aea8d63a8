"""What this machine can do: measured here, never assumed. Nothing of the engine is imported for it."""

import platform
from importlib import metadata
from typing import Any

import psutil

from flowml.machine import facts
from flowml.machine.gpu_probe import gpu_libraries
from flowml.machine.gpus import gpus

_LIBRARIES = {
    "sklearn_version": ("scikit-learn",),
    "xgboost_version": ("xgboost", "xgboost-cpu"),
    "lightgbm_version": ("lightgbm",),
    "catboost_version": ("catboost",),
    "torch_version": ("torch",),
}
_VRAM_QUEUES = (6, 8, 12, 24)
# Cards report a little less than what is printed on them.
VRAM_SLACK_GB = 0.6


def probe(*, fit_on_gpu: bool = False) -> dict[str, Any]:
    """Cores, memory, GPUs and library versions, as a JSON object.

    With `fit_on_gpu` every library that may use a GPU is tried on it, which takes seconds where there is one; without,
    `gpu_libraries` is None: not known yet.
    """
    cards = [
        {
            "index": gpu.index,
            "name": gpu.name,
            "vram_gb": round(gpu.memory_total_bytes / 1e9, 1),
            "vram_free_gb": round((gpu.memory_total_bytes - gpu.memory_used_bytes) / 1e9, 1),
        }
        for gpu in gpus()
    ]
    return {
        "cpu_count": min(facts.usable_cores(), psutil.cpu_count(logical=False) or facts.usable_cores()),
        "cpu_count_logical": facts.usable_cores(),
        "total_ram_gb": round(facts.memory_bytes() / 1e9, 1),
        "available_ram_gb": round(facts.free_memory_bytes() / 1e9, 1),
        "has_gpu": bool(cards),
        "gpu_count": len(cards),
        "gpus": cards,
        "gpu_libraries": {} if not cards else gpu_libraries() if fit_on_gpu else None,
        "python_version": platform.python_version(),
        "platform": platform.platform(),
        **{name: _version(packages) for name, packages in _LIBRARIES.items()},
    }


def queues(capabilities: dict[str, Any]) -> tuple[str, ...]:
    """The queues that follow from them."""
    offered = ["cpu"]
    libraries = capabilities["gpu_libraries"]
    known_useless = libraries is not None and not any(found["device"] for found in libraries.values())
    if capabilities["has_gpu"] and not known_useless:
        offered.append("gpu")
        vram = max(gpu["vram_gb"] for gpu in capabilities["gpus"])
        offered += [f"gpu.vram{size}" for size in _VRAM_QUEUES if vram >= size - VRAM_SLACK_GB]
    return tuple(offered)


def vram_of(queue: str) -> float:
    """Gigabytes that a queue asks for: 12 for `gpu.vram12`, else 0."""
    _, _, size = queue.partition(".vram")
    return float(size) if size else 0.0


def _version(packages: tuple[str, ...]) -> str | None:
    for package in packages:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return None
