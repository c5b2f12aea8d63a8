"""Which trial runs on a GPU: where its library can, where it pays, and one at a time on each."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flowml.automl.algorithms.base import Algorithm
from flowml.automl.task.shape import TaskShape
from flowml.domain.trials import Lease
from flowml.machine.capabilities import VRAM_SLACK_GB, vram_of

PAYS_FROM_CELLS = 1_000_000
"""Below so many rows × columns starting a fit on a GPU takes longer than the fit on the CPU (`benchmarks/gpu.py`)."""


class GPUs:
    """The GPUs of a machine. `capabilities` gives what was found on it; `take` locks one by its number until the end of
    the block, if nobody else has it, and says whether it did."""

    def __init__(
        self,
        capabilities: Callable[[], Mapping[str, Any]],
        take: Callable[[int], contextlib.AbstractContextManager[bool]],
    ):
        self._capabilities = capabilities
        self._take = take

    def most_vram_gb(self) -> float:
        """Of the largest card, 0 without one."""
        return max((float(gpu["vram_gb"]) for gpu in self._capabilities().get("gpus") or ()), default=0.0)

    @contextlib.contextmanager
    def device_for(
        self, lease: Lease, algorithm: Algorithm, shape: TaskShape, queue: str, remark: Callable[[str], None]
    ) -> Iterator[str]:
        """The device for one trial, held until the end of the block: `cpu`, or `cuda:0`. Where the CPU takes what a
        GPU should have had, `remark` hears why."""
        found = self._capabilities()
        wanted = queue.startswith("gpu") or (
            queue == "auto" and shape.n_rows * shape.n_features >= PAYS_FROM_CELLS and bool(found.get("gpus"))
        )
        if not algorithm.gpu or not wanted:
            yield "cpu"
            return
        library = (found.get("gpu_libraries") or {}).get(algorithm.name)
        if library is None or library["device"] is None:
            reason = "it has not been tried yet whether it can use the GPU." if library is None else library["reason"]
            remark(f"Fitted on the CPU: {reason}")
            yield "cpu"
            return
        if lease.attempt > 1:
            remark("Fitted on the CPU: the first attempt broke down.")
            yield "cpu"
            return
        enough = [gpu["index"] for gpu in found["gpus"] if gpu["vram_gb"] >= vram_of(queue) - VRAM_SLACK_GB]
        with contextlib.ExitStack() as held:
            for index in enough:
                if held.enter_context(self._take(index)):
                    yield f"{library['device']}:{index}"
                    return
            remark("Fitted on the CPU: another trial had the GPU.")
            yield "cpu"
