"""What NVIDIA's management library says of the cards, as a library that is not there says it."""

import os
from types import SimpleNamespace
from typing import Any

import pytest

from flowml.machine import capabilities, gpus

GB = 10**9


class Error(Exception):
    pass


class Library:
    """Two cards, on the first of which a process of this machine's trainers and another one hold memory."""

    NVMLError = Error

    def __init__(self, **answers: Any):
        self.answers = answers

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetMemoryInfo(self, index: int) -> Any:
        return SimpleNamespace(total=24 * GB, used=(10 * GB, 0)[index])

    def nvmlDeviceGetName(self, index: int) -> Any:
        return (b"L4", "RTX 4090")[index]

    def nvmlDeviceGetUtilizationRates(self, index: int) -> Any:
        raise Error

    def nvmlDeviceGetComputeRunningProcesses(self, index: int) -> Any:
        if index == 1:
            raise Error
        mine, other = (
            SimpleNamespace(pid=os.getpid(), usedGpuMemory=4 * GB),
            SimpleNamespace(pid=1, usedGpuMemory=6 * GB),
        )
        return [mine, other, SimpleNamespace(pid=os.getpid(), usedGpuMemory=None)]

    def nvmlSystemGetDriverVersion(self) -> Any:
        return self.answers.get("driver", "550.54.14")

    def nvmlSystemGetCudaDriverVersion(self) -> int:
        if "cuda" in self.answers:
            raise Error
        return 12040


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    library = Library()
    monkeypatch.setattr(gpus, "_ready", library)
    return library


def test_memory_that_own_processes_hold_is_free_again_and_what_others_hold_is_not(library: Library) -> None:
    assert gpus.free_bytes() == {0: 14 * GB, 1: 24 * GB}
    assert gpus.free_bytes({os.getpid()}) == {0: 18 * GB, 1: 24 * GB}
    assert gpus.free_for_trainers()[0] == 18 * GB


def test_driver_and_cuda_are_told(library: Library) -> None:
    assert gpus.gpu_driver() == gpus.Driver("550.54.14", "12.4")
    library.answers = {"driver": b"470.1"}
    assert gpus.gpu_driver() == gpus.Driver("470.1", "12.4")
    library.answers = {"cuda": None}
    assert gpus.gpu_driver() is None
    found = capabilities.probe()
    assert [(gpu["name"], gpu["vram_gb"], gpu["vram_free_gb"]) for gpu in found["gpus"]] == [
        ("L4", 24.0, 14.0), ("RTX 4090", 24.0, 24.0),
    ]  # fmt: skip
    assert found["gpu_driver_version"] is None


def test_a_machine_without_a_driver_has_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "_nvml", lambda: None)
    assert (gpus.gpus(), gpus.gpu_driver(), gpus.free_bytes({1})) == ((), None, {})
