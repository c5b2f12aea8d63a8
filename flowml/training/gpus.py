"""Which trial runs on a GPU: where its library can, where it pays, and one at a time on each.

Each card is a place: a trial that asks for a GPU has one to itself before it begins, and a machine whose cards are all
taken, by trials or by other programs, asks for no such trial.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from flowml.automl import algorithms
from flowml.automl.algorithms.base import Algorithm
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import PRIORITY
from flowml.domain.trials import Lease, TrialSpec
from flowml.machine.capabilities import VRAM_SLACK_GB, vram_of

PAYS_FROM_CELLS = 1_000_000
"""Below so many rows × columns starting a fit on a GPU takes longer than the fit on the CPU (`benchmarks/gpu.py`)."""
_LEAST_FREE_GB = 1.0
# A card of which others hold no more is as good as free: a desktop does, and trainers that have nothing to do.
_NO_MATTER = 0.1
_MEASURE_SECONDS = 1.0
_TAKES = 3
_TAKE_AGAIN_SECONDS = 0.002


def pays_on_gpu(spec: TrialSpec, shape: TaskShape) -> bool:
    """Whether a trial on this table is faster on a GPU, where nobody has asked for one."""
    n_rows = shape.n_rows if spec.max_rows is None else min(shape.n_rows, spec.max_rows)
    return algorithms.get(spec.algorithm).gpu and _is_big(replace(shape, n_rows=n_rows))


def _is_big(shape: TaskShape) -> bool:
    return shape.n_rows * shape.n_features >= PAYS_FROM_CELLS


class GPUs:
    """The GPUs of a machine. `capabilities` gives what was found on it; `take` locks one by its number until the end of
    the block, if nobody else has it, and says whether it did. `free_bytes`: the memory of each, by its number, that is
    free now, or that this machine's trainers let go of; what it does not say counts as free."""

    def __init__(
        self,
        capabilities: Callable[[], Mapping[str, Any]],
        take: Callable[[int], contextlib.AbstractContextManager[bool]],
        free_bytes: Callable[[], Mapping[int, int]] = dict,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._capabilities = capabilities
        self._take = take
        self._free_bytes = free_bytes
        self._clock = clock
        self._measured: Mapping[int, int] = {}
        self._measured_at: float | None = None
        self._reserved: int | None = None

    def offered(self, queues: tuple[str, ...]) -> tuple[tuple[str, ...], float]:
        """Of these queues those that this machine can serve now, and the memory in GB of the largest card that is
        free, 0 without one."""
        if not any(queue.startswith("gpu") for queue in queues):
            return queues, 0.0
        vram_gb = max((gb for index, gb in self._at_hand() if self._is_free(index)), default=0.0)
        can = tuple(
            queue
            for queue in queues
            if not queue.startswith("gpu") or (vram_gb > 0 and vram_gb >= vram_of(queue) - VRAM_SLACK_GB)
        )
        return can, vram_gb

    def _at_hand(self) -> list[tuple[int, float]]:
        """Cards with the memory in GB that a trial could have of each, whoever has it now; the smallest first, so that
        the larger are left to who needs them."""
        cards = self._capabilities().get("gpus") or ()
        now = self._clock()
        if cards and (self._measured_at is None or now - self._measured_at >= _MEASURE_SECONDS):
            self._measured, self._measured_at = self._free_bytes(), now
        found = []
        for card in cards:
            vram_gb = float(card["vram_gb"])
            free_gb = self._measured.get(card["index"], vram_gb * 1e9) / 1e9
            is_whole = vram_gb - free_gb <= max(VRAM_SLACK_GB, _NO_MATTER * vram_gb)
            found.append((int(card["index"]), vram_gb if is_whole else free_gb))
        return sorted((one for one in found if one[1] >= _LEAST_FREE_GB), key=lambda one: one[1])

    def _is_free(self, index: int) -> bool:
        with self._take(index) as is_free:
            return is_free

    @contextlib.contextmanager
    def reserved_for(self, lease: Lease) -> Iterator[bool]:
        """Have a card for a trial that asks for one until the end of the block; False where none is free any more."""
        if not lease.needs.queue.startswith("gpu"):
            yield True
            return
        with contextlib.ExitStack() as held:
            self._reserved = self._taken(held, vram_of(lease.needs.queue))
            try:
                yield self._reserved is not None
            finally:
                self._reserved = None

    def _taken(self, held: contextlib.ExitStack, vram_gb: float) -> int | None:
        enough = [index for index, gb in self._at_hand() if gb >= vram_gb - VRAM_SLACK_GB]
        for attempt in range(_TAKES):
            for index in enough:
                if held.enter_context(self._take(index)):
                    return index
            # Somebody may only have looked whether it is free.
            if attempt + 1 < _TAKES:
                time.sleep(_TAKE_AGAIN_SECONDS)
        return None

    @contextlib.contextmanager
    def device_for(
        self, lease: Lease, algorithm: Algorithm, shape: TaskShape, queue: str, remark: Callable[[str], None]
    ) -> Iterator[str]:
        """The device for one trial, held until the end of the block: `cpu`, or `cuda:0`. Where the CPU takes what a
        GPU should have had, `remark` hears why."""
        found = self._capabilities()
        wanted = queue.startswith("gpu") or (queue in ("auto", PRIORITY) and _is_big(shape) and bool(found.get("gpus")))
        if not algorithm.gpu or not wanted:
            yield "cpu"
            return
        library = (found.get("gpu_libraries") or {}).get(algorithm.name)
        if library is None or library["device"] is None:
            reason = "it has not been tried yet whether it can use the GPU." if library is None else library["reason"]
            remark(f"Fitted on the CPU: {reason}")
            yield "cpu"
            return
        if lease.failures:
            remark("Fitted on the CPU: the first attempt broke down.")
            yield "cpu"
            return
        with contextlib.ExitStack() as held:
            index = self._taken(held, vram_of(queue)) if self._reserved is None else self._reserved
            if index is not None:
                yield f"{library['device']}:{index}"
                return
            remark("Fitted on the CPU: another trial or another program had the GPU.")
            yield "cpu"
