"""A Dask cluster, by its own client."""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Collection
from typing import Any

from flowml.domain.errors import StartupError
from flowml.domain.workers import Share
from flowml.worker.engines.engine import ClusterLost, Node, NodeLost, Unfit, missing, whole

_CONNECT_SECONDS = 10.0
# By nothing of FlowML's, which may not be there.
_VERSIONS = "__import__('flowml').__version__ + ' ' + __import__('platform').python_version()"


class DaskEngine:
    """The cluster whose scheduler is at this address. Raises StartupError where Dask is not installed."""

    name = "Dask"

    def __init__(self, address: str | None):
        try:
            import distributed
        except ImportError:
            raise missing("distributed", "Dask") from None
        if not address:
            raise StartupError(
                "The address of the cluster's scheduler is missing.",
                hint="Give it: --engine dask --address tcp://HOST:8786",
            )
        self._dask: Any = distributed
        self._address = address
        self._client: Any = None

    def connect(self) -> None:
        """As `engine.Engine`, and so are the others."""
        self.close()
        try:
            self._client = self._dask.Client(self._address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError, RuntimeError, ImportError) as problem:
            raise ClusterLost(f"the scheduler at {self._address} does not answer ({problem})") from problem

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close(timeout=1)

    def _connected(self) -> Any:
        client = self._client
        if client is None or client.status != "running":
            raise ClusterLost(f"the scheduler at {self._address} has ended the connection")
        return client

    def nodes(self) -> list[Node]:
        client = self._connected()
        try:
            workers = client.scheduler_info(n_workers=-1)["workers"]
        except (OSError, TimeoutError, RuntimeError, asyncio.CancelledError) as problem:
            raise ClusterLost(f"the scheduler at {self._address} does not answer ({problem})") from problem
        return [
            Node(
                id=str(address),
                name=f"{worker.get('host') or 'node'}:{str(address).rpartition(':')[2]}",
                threads=max(1, whole(worker.get("nthreads"))),
                memory_bytes=whole(worker.get("memory_limit")) or None,
                gpus=whole((worker.get("resources") or {}).get("GPU")),
            )
            for address, worker in workers.items()
            # The others are about to start, or to end.
            if worker.get("status") in ("running", None)
        ]

    def versions(self, node: Node) -> tuple[str, str]:
        answer = self._run([node.id], eval, _VERSIONS).get(node.id)
        if isinstance(answer, ImportError):
            raise Unfit(f"FlowML cannot be imported there ({answer}).")
        if not isinstance(answer, str) or answer.count(" ") != 1:
            raise NodeLost(f"{node.name} does not say which FlowML it has ({answer})")
        flowml, python = answer.split()
        return flowml, python

    def call(self, node_ids: Collection[str], function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        answers = self._run(node_ids, function, *arguments)
        return {node_id: answer for node_id, answer in answers.items() if not isinstance(answer, Exception)}

    def _run(self, node_ids: Collection[str], function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        client = self._connected()
        try:
            return dict(client.run(function, *arguments, workers=list(node_ids), on_error="return"))
        except (OSError, TimeoutError, asyncio.CancelledError, concurrent.futures.CancelledError):
            return {}
        except Exception:
            # A worker that has just ended is not known any more.
            self._connected()
            return {}

    def submit(
        self, node: Node, share: Share, use_gpu: bool, function: Callable[..., Any], *arguments: Any
    ) -> "_DaskTask":
        client = self._connected()
        try:
            future = client.submit(
                function,
                *arguments,
                workers=[node.id],
                allow_other_workers=False,
                resources={"GPU": 1} if use_gpu else None,
                retries=0,
                pure=False,
            )
        except (OSError, RuntimeError, self._dask.CommClosedError) as problem:
            raise ClusterLost(f"the scheduler at {self._address} does not answer ({problem})") from problem
        return _DaskTask(future)


class _DaskTask:
    def __init__(self, future: Any):
        self._future = future
        self._over = threading.Event()
        future.add_done_callback(lambda _: self._over.set())

    def wait(self, seconds: float) -> bool:
        return self._over.wait(seconds) or self._future.status in ("lost", "cancelled")

    def result(self) -> Any:
        status = self._future.status
        if status == "finished":
            try:
                return self._future.result(timeout=_CONNECT_SECONDS)
            except Exception as problem:
                # It has ended, and so has who knows how.
                raise NodeLost(f"its result was lost ({problem})") from problem
        if status == "error":
            raised = self._future.exception(timeout=_CONNECT_SECONDS)
            if type(raised).__name__ == "KilledWorker":
                raise NodeLost("the worker that it ran on was lost")
            raise raised
        raise NodeLost(f"the cluster says that it is {status}")

    def cancel(self) -> None:
        with contextlib.suppress(Exception):
            self._future.cancel(force=True)
