"""A Ray cluster, by Ray's own driver."""

import contextlib
import os
import threading
from collections.abc import Callable, Collection
from typing import Any

from flowml import __version__
from flowml.domain.workers import Share
from flowml.worker.engines.engine import (
    MOST_BYTES,
    ClusterLost,
    Node,
    NodeLost,
    NotFetched,
    Unfit,
    missing,
    whole,
)

_CALL_SECONDS = 10.0
_VERSION_SECONDS = 120.0
# Ray rounds what it counts.
_ASKED_SHARE = 0.95


def _versions() -> str:
    import platform

    return f"{__version__} {platform.python_version()}"


class RayEngine:
    """The cluster at this address, or the one that Ray itself knows of. Raises StartupError where Ray is not
    installed."""

    name = "Ray"

    def __init__(self, address: str | None):
        # Before it is imported: it tells nobody that it is used.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
        except ImportError:
            raise missing("ray", "Ray") from None
        self._ray: Any = ray
        self._on: Any = NodeAffinitySchedulingStrategy
        self._address = address or os.environ.get("RAY_ADDRESS") or "auto"
        self._lock = threading.Lock()
        self._remotes: dict[Callable[..., Any], Any] = {}

    def connect(self) -> None:
        """As `engine.Engine`, and so are the others."""
        self.close()
        try:
            self._ray.init(
                address=self._address,
                namespace="flowml",
                log_to_driver=False,
                configure_logging=False,
                include_dashboard=None,
            )
        except Exception as problem:
            raise ClusterLost(f"no Ray cluster answers at “{self._address}” ({_first_line(problem)})") from problem

    def close(self) -> None:
        with self._lock:
            self._remotes.clear()
        with contextlib.suppress(Exception):
            self._ray.shutdown()

    def nodes(self) -> list[Node]:
        if not self._ray.is_initialized():
            raise ClusterLost("the connection to Ray has ended")
        try:
            found = self._ray.nodes()
        except Exception as problem:
            raise ClusterLost(f"Ray does not answer ({_first_line(problem)})") from problem
        nodes = []
        for node in found:
            resources = node.get("Resources") or {}
            if not node.get("Alive") or whole(resources.get("CPU")) < 1:
                continue
            nodes.append(
                Node(
                    id=str(node["NodeID"]),
                    name=f"{node.get('NodeManagerHostname') or 'node'}:{str(node['NodeID'])[:8]}",
                    threads=whole(resources["CPU"]),
                    memory_bytes=whole(_ASKED_SHARE * float(resources.get("memory") or 0.0)) or None,
                    gpus=whole(resources.get("GPU")),
                )
            )
        return nodes

    def versions(self, node: Node) -> tuple[str, str]:
        task = self._begin(node.id, {"num_cpus": 0}, _versions, ())
        if not task.wait(_VERSION_SECONDS):
            task.cancel()
            raise NodeLost(f"{node.name} does not say which FlowML it has")
        flowml, python = str(task.result()).split()
        return flowml, python

    def call(
        self, node_ids: Collection[str], seconds: float, function: Callable[..., Any], *arguments: Any
    ) -> dict[str, Any]:
        tasks = {node_id: self._begin(node_id, {"num_cpus": 0}, function, arguments) for node_id in node_ids}
        refs = [task.ref for task in tasks.values()]
        try:
            self._ray.wait(refs, num_returns=len(refs), timeout=seconds)
        except Exception as problem:
            raise ClusterLost(f"Ray does not answer ({_first_line(problem)})") from problem
        answers = {}
        for node_id, task in tasks.items():
            if not task.fetch(0):
                task.cancel()
                continue
            with contextlib.suppress(Exception):
                answers[node_id] = task.result()
        return answers

    def submit(
        self, node: Node, share: Share, use_gpu: bool, function: Callable[..., Any], *arguments: Any
    ) -> "_RayTask":
        asked: dict[str, Any] = {"num_cpus": share.threads, "num_gpus": 1 if use_gpu else 0}
        if node.memory_bytes and share.memory_bytes:
            asked["memory"] = share.memory_bytes
        return self._begin(node.id, asked, function, arguments)

    def _begin(
        self, node_id: str, asked: dict[str, Any], function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> "_RayTask":
        if not self._ray.is_initialized():
            raise ClusterLost("the connection to Ray has ended")
        try:
            with self._lock:
                if function not in self._remotes:
                    self._remotes[function] = self._ray.remote(max_retries=0)(function)
                remote = self._remotes[function]
            pinned = self._on(node_id, soft=False)
            return _RayTask(self._ray, remote.options(**asked, scheduling_strategy=pinned).remote(*arguments))
        except Exception as problem:
            raise ClusterLost(f"Ray takes no task ({_first_line(problem)})") from problem


class _RayTask:
    def __init__(self, ray: Any, ref: Any):
        self._ray = ray
        self.ref = ref

    def wait(self, seconds: float) -> bool:
        return self._is(seconds, fetch_local=False)

    def size(self) -> int:
        with contextlib.suppress(Exception):
            found = self._ray.experimental.get_object_locations([self.ref])[self.ref]
            return whole(found["object_size"]) or MOST_BYTES
        return MOST_BYTES

    def fetch(self, seconds: float) -> bool:
        return self._is(seconds, fetch_local=True)

    def _is(self, seconds: float, *, fetch_local: bool) -> bool:
        try:
            over, _ = self._ray.wait([self.ref], timeout=seconds, fetch_local=fetch_local)
        except Exception as problem:
            raise ClusterLost(f"Ray does not answer ({_first_line(problem)})") from problem
        return bool(over)

    def result(self) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(self.ref, timeout=_CALL_SECONDS)
        except errors.RayTaskError as problem:
            cause = getattr(problem, "cause", None)
            if isinstance(cause, ImportError) or "No module named" in str(problem):
                raise Unfit(f"FlowML cannot be imported there ({_last_line(problem)}).") from problem
            raise
        except errors.GetTimeoutError as problem:
            raise NotFetched("what it returned does not come") from problem
        except errors.ObjectLostError as problem:
            raise NotFetched(f"what it returned was lost ({_first_line(problem)})") from problem
        except errors.RayError as problem:
            if "No module named" in str(problem):
                raise Unfit(f"FlowML cannot be imported there ({_last_line(problem)}).") from problem
            raise NodeLost(_first_line(problem)) from problem

    def cancel(self) -> None:
        with contextlib.suppress(Exception):
            self._ray.cancel(self.ref, force=False)


def _first_line(problem: BaseException) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:300]


def _last_line(problem: BaseException) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[-1][:300]
