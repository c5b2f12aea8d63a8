"""What this machine can do: measured here, never assumed. Nothing of the engine is imported for it."""

import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from flowml.domain.jobs import LLM, PRIORITY
from flowml.machine import facts, ollama, speed
from flowml.machine.confinement.confining import available
from flowml.machine.gpu_probe import gpu_libraries
from flowml.machine.gpus import gpu_driver, gpus
from flowml.machine.tailscale import tailscale

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


def probe(
    *,
    fit_on_gpu: bool = False,
    details: bool = False,
    home: Path | None = None,
    looks_for_ollama: bool = True,
    ollama_url: str | None = None,
) -> dict[str, Any]:
    """Cores, memory, GPUs, disk and library versions, as a JSON object.

    With `fit_on_gpu` every library that may use a GPU is tried on it, which takes seconds where there is one; without,
    `gpu_libraries` is None: not known yet. With `details` the speed is measured, and Tailscale and Ollama are looked
    for, which takes a moment; without, they are None. `home`: the folder whose disk counts. Ollama is looked for at
    `ollama_url`, else where `ollama.version` says; unless `looks_for_ollama` is False.
    `confinement`: in words, what a process that reads files from outside cannot reach here.
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
    driver = gpu_driver() if cards else None
    return {
        "cpu_count": min(facts.usable_cores(), psutil.cpu_count(logical=False) or facts.usable_cores()),
        "cpu_count_logical": facts.usable_cores(),
        "total_ram_gb": round(facts.memory_bytes() / 1e9, 1),
        "available_ram_gb": round(facts.free_memory_bytes() / 1e9, 1),
        "disk_free_gb": _free_disk_gb(home),
        "speed_score": speed.score() if details else None,
        "has_gpu": bool(cards),
        "gpu_count": len(cards),
        "gpus": cards,
        "gpu_driver_version": driver and driver.version,
        "cuda_version": driver and driver.cuda,
        "gpu_libraries": {} if not cards else gpu_libraries() if fit_on_gpu else None,
        "tailscale": _tailnet() if details else None,
        "ollama_version": ollama.version(ollama_url) if details and looks_for_ollama else None,
        "confinement": available().words(),
        "python_version": platform.python_version(),
        "platform": platform.platform(),
        **{name: _version(packages) for name, packages in _LIBRARIES.items()},
    }


def _free_disk_gb(home: Path | None) -> float | None:
    try:
        return round(shutil.disk_usage(home or Path.home()).free / 1e9, 1)
    except OSError:
        return None


def _tailnet() -> dict[str, str] | None:
    me = tailscale().self
    return None if me is None or not me.addresses else {"name": me.name, "address": me.addresses[0]}


def queues(capabilities: dict[str, Any]) -> tuple[str, ...]:
    """The queues that follow from them."""
    offered = ["cpu"]
    libraries = capabilities["gpu_libraries"]
    known_useless = libraries is not None and not any(found["device"] for found in libraries.values())
    if capabilities["has_gpu"] and not known_useless:
        offered.append("gpu")
        vram = max(gpu["vram_gb"] for gpu in capabilities["gpus"])
        offered += [f"gpu.vram{size}" for size in _VRAM_QUEUES if vram >= size - VRAM_SLACK_GB]
    offered.append(PRIORITY)
    if capabilities.get("ollama_version"):
        offered.append(LLM)
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
