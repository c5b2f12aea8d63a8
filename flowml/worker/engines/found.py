"""What is known of the nodes of a cluster, and what they are together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowml import __version__
from flowml.domain.workers import Share
from flowml.machine import capabilities
from flowml.worker.engines.engine import Engine, Node, NodeLost, Unfit, whole
from flowml.worker.engines.node import describe

_MOST_NAMED = 100
_MOST_GPUS = 32
_PROBE_SECONDS = 300.0
_OFFERED_SHARE = 0.8
_ADDED = ("cpu_count", "cpu_count_logical", "total_ram_gb", "available_ram_gb")


@dataclass
class Found:
    """What is known of a node. `capabilities`: as `machine.capabilities.probe` has it; `free_bytes`: memory that a
    trial could have there now; `problem`: why it gets no trials."""

    node: Node
    share: Share
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    free_bytes: int = 0
    problem: str | None = None

    @property
    def queues(self) -> tuple[str, ...]:
        """Whose trials it can train."""
        if self.problem is not None:
            return ()
        offered = capabilities.queues(dict(self.capabilities))
        return tuple(queue for queue in offered if self.node.gpus or not queue.startswith("gpu"))

    @property
    def vram_gb(self) -> float:
        """Of its largest GPU."""
        return max((float(gpu["vram_gb"]) for gpu in self.capabilities.get("gpus") or ()), default=0.0)


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
    # The nodes of a cluster may be of one image and yet of different machines.
    task = engine.submit(node, Share(1, 1, 0), node.gpus > 0, describe)
    if not task.wait(_PROBE_SECONDS):
        task.cancel()
        raise NodeLost(f"{node.name} has not said what it has: it is busy, or hangs.")
    told = task.result()
    if not isinstance(told, dict) or not whole(told.get("total_ram_gb")):
        return Found(node, nobody, problem="What it says of itself is not what a node says.")
    told["python_version"] = python
    ram_bytes = int(_OFFERED_SHARE * told["total_ram_gb"] * 1e9) // max(1, beside)
    share = node.share(ram_bytes)
    return Found(node, share, told, share.memory_bytes)


def together(engine_name: str, found: Sequence[Found], slots: int) -> dict[str, Any]:
    """The capabilities of the cluster: sums, and the nodes by name. With no nodes, those that nobody has."""
    fit = [one for one in found if one.problem is None]
    first: Mapping[str, Any] = fit[0].capabilities if fit else {}
    cards = [card for one in fit if one.node.gpus for card in one.capabilities["gpus"]]
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
        "gpus": [{**card, "index": index} for index, card in enumerate(cards[:_MOST_GPUS])],
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
