"""What a cluster has to be able to do: name its nodes, run a function on one of them, and say when one is lost."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol

from flowml.domain.errors import FlowMLError, StartupError
from flowml.domain.workers import Share
from flowml.training.processes import local_slots

MOST_BYTES = 2 << 30
"""Of what one trial hands in: the worker has it in memory."""
_MOST_OF_ANYTHING = 1 << 60


class ClusterLost(FlowMLError):
    """The cluster does not answer, or not any more."""


class NodeLost(FlowMLError):
    """A task was lost with the node that it ran on."""


class NotFetched(FlowMLError):
    """A task is through, and what it returned does not come: its node is there all the same."""


class Unfit(FlowMLError):
    """A node cannot run what it is asked to: FlowML is not there."""


@dataclass(frozen=True)
class Node:
    """A part of the cluster that runs tasks: a worker of Dask's, or a machine of Ray's.

    `threads`: of all its tasks together, as the cluster counts them; `memory_bytes`: the same, None where it does not
    say; `gpus`: those that tasks may ask for; `paused`: what runs there goes on, and nothing new begins for now.
    """

    id: str
    name: str
    threads: int
    memory_bytes: int | None = None
    gpus: int = 0
    paused: bool = False

    def share(self, memory_bytes: int) -> Share:
        """How it is shared by trials, of a machine with so much memory for it."""
        slots = local_slots(max(1, self.threads))
        all_bytes = memory_bytes if self.memory_bytes is None else min(memory_bytes, self.memory_bytes)
        return Share(slots, max(1, self.threads // slots), all_bytes // slots)


class Task(Protocol):
    """A function that runs on a node, or waits there to."""

    def wait(self, seconds: float) -> bool:
        """Whether it is over there, after so many seconds at the most."""
        ...

    def size(self) -> int:
        """Of one that is over: about how many bytes it returned, or the most that a trial does where nobody knows."""
        ...

    def fetch(self, seconds: float) -> bool:
        """Of one that is over: whether what it returned is here, after so many seconds at the most."""
        ...

    def result(self) -> Any:
        """What it returned. Raises NodeLost, NotFetched, Unfit, and what it raised itself."""
        ...

    def cancel(self) -> None:
        """Not begin with it any more, or forget it."""
        ...


class Engine(Protocol):
    """A cluster. Safe to use from several threads."""

    name: str

    def connect(self) -> None:
        """Raises ClusterLost, also where it was lost before."""
        ...

    def nodes(self) -> list[Node]:
        """Those that are there. Raises ClusterLost."""
        ...

    def versions(self, node: Node) -> tuple[str, str]:
        """Of FlowML and of Python on this node. Raises Unfit, NodeLost, ClusterLost."""
        ...

    def call(
        self, node_ids: Collection[str], seconds: float, function: Callable[..., Any], *arguments: Any
    ) -> dict[str, Any]:
        """Run something short at once on these, beside what they are busy with; gives what those return that answer
        within so many seconds, whatever the others do. Raises ClusterLost."""
        ...

    def submit(self, node: Node, share: Share, use_gpu: bool, function: Callable[..., Any], *arguments: Any) -> Task:
        """Run a function on this node, and never anywhere else, when it has a place for it. Raises ClusterLost."""
        ...

    def close(self) -> None:
        """Let go of the cluster, which goes on."""
        ...


def missing(package: str, name: str) -> StartupError:
    """The cluster's own library is not installed."""
    return StartupError(
        f"Trials cannot go through {name}: the package {package} is not installed for this Python.",
        hint=f'Install it: pip install "flowml[{name.lower()}]"; beside flowml.pyz: python -m pip install {package},'
        " with the same python that runs flowml.pyz.",
    )


def whole(value: Any) -> int:
    """A count that somebody else names, 0 where it is none, and no more than a machine could have of anything."""
    if isinstance(value, float) and math.isfinite(value) or isinstance(value, int):
        return int(min(max(value, 0), _MOST_OF_ANYTHING))
    return 0
