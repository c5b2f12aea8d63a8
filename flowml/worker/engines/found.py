"""What is known of the nodes of a cluster, and what they are together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from flowml import __version__
from flowml.domain.workers import Share
from flowml.machine import capabilities
from flowml.worker.engines.described import MOST_GPUS, parse_description
from flowml.worker.engines.engine import Engine, Node, NodeLost, Unfit
from flowml.worker.engines.node import describe

_MOST_NAMED = 100
_PROBE_SECONDS = 300.0
_OFFERED_SHARE = 0.8
_ADDED = ("cpu_count", "cpu_count_logical", "total_ram_gb", "available_ram_gb")


class Gone(StrEnum):
    """Why there are no seats on a node any more: it alone is not there, or nothing is known of any of them."""

    NODE = "it is not part of the cluster any more"
    ALL = "the cluster is away, or this worker ends"


@dataclass(eq=False)
class Found:
    """What is known of a node, from when it was met until it is `gone`: met anew it is another one. `capabilities`: as
    `machine.capabilities.probe` has it; `free_bytes`: memory that a trial could have there now, `vram_free_bytes` that
    of its GPUs by number, as far as it says so; `problem`: why it gets no trials; `paused`: why not for now; `faults`:
    how often in a row a trial could not be looked after there."""

    node: Node
    share: Share
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    free_bytes: int = 0
    problem: str | None = None
    gone: Gone | None = None
    paused: bool = False
    faults: int = 0
    vram_free_bytes: Mapping[int, int] = field(default_factory=dict)

    @property
    def queues(self) -> tuple[str, ...]:
        """Whose trials it can train."""
        if self.problem is not None:
            return ()
        offered = capabilities.queues(dict(self.capabilities))
        return tuple(queue for queue in offered if self.node.gpus or not queue.startswith("gpu"))

    @property
    def cards(self) -> list[Mapping[str, Any]]:
        """Its GPUs. Where the cluster shows a task no more than its own, the others are taken to be like it."""
        seen = list(self.capabilities.get("gpus") or ())
        return seen + seen[-1:] * (min(self.node.gpus, MOST_GPUS) - len(seen)) if self.node.gpus else []


def meet(engine: Engine, node: Node, beside: int) -> Found:
    """Look at a node that was not known before; `beside`: how many nodes there are on its machine. Raises NodeLost and
    ClusterLost."""
    nobody = Share(0, 1, 0)
    try:
        flowml, python = engine.versions(node)
    except Unfit as problem:
        return Found(node, nobody, problem=problem.detail)
    if flowml != __version__:
        return Found(node, nobody, problem=f"It has FlowML {flowml}, and this worker {__version__}.")
    # The nodes of a cluster may be of one image and yet of different machines. A GPU may be taken for long.
    told = _described(engine, node, False)
    if told is None:
        return Found(node, nobody, problem="What it says of itself is not what a node says.")
    told["python_version"] = python
    ram_bytes = int(_OFFERED_SHARE * told["total_ram_gb"] * 1e9) // max(1, beside)
    share = node.share(ram_bytes)
    return Found(node, share, told, share.memory_bytes)


def meet_gpus(engine: Engine, found: Found) -> bool:
    """Look at what tasks of this node may use of its GPUs, which takes until one is free; whether there is news. Raises
    NodeLost and ClusterLost."""
    told = _described(engine, found.node, True)
    if told is None or not told["gpus"]:
        return False
    names = ("has_gpu", "gpu_count", "gpus", "gpu_libraries", "gpu_driver_version", "cuda_version")
    found.capabilities = {**found.capabilities, **{name: told[name] for name in names if name in told}}
    return True


def _described(engine: Engine, node: Node, with_gpus: bool) -> dict[str, Any] | None:
    task = engine.submit(node, Share(1, 1, 0), with_gpus, describe, with_gpus)
    if not task.wait(_PROBE_SECONDS):
        task.cancel()
        raise NodeLost(f"{node.name} has not said what it has: it is busy, or hangs.")
    return parse_description(task.result())


def together(engine_name: str, found: Sequence[Found], slots: int) -> dict[str, Any]:
    """The capabilities of the cluster: sums, and the nodes by name. With no nodes, those that nobody has."""
    fit = [one for one in found if one.problem is None]
    first: Mapping[str, Any] = fit[0].capabilities if fit else {}
    cards = [card for one in fit for card in one.cards]
    libraries: dict[str, Any] = {}
    for one in fit if cards else ():
        for name, library in (one.capabilities["gpu_libraries"] or {}).items():
            if name not in libraries or not libraries[name]["device"]:
                libraries[name] = library
    return {
        **first,
        **{name: round(sum(one.capabilities[name] for one in fit), 1) for name in _ADDED},
        "has_gpu": bool(cards),
        "gpu_count": len(cards),
        "gpus": [{**card, "index": index} for index, card in enumerate(cards[:MOST_GPUS])],
        "gpu_libraries": libraries,
        "platform": f"{engine_name}, {len(fit)} {'node' if len(fit) == 1 else 'nodes'}",
        "largest_trial_bytes": max((one.share.memory_bytes for one in fit), default=0),
        "engine": {
            "name": engine_name,
            "slots": slots,
            "nodes": [
                {
                    "name": one.node.name[:100],
                    "slots": one.share.slots,
                    "gpus": one.node.gpus,
                    "problem": one.problem and one.problem[:200],
                }
                for one in found[:_MOST_NAMED]
            ],
            "nodes_left_out": max(0, len(found) - _MOST_NAMED),
        },
    }
