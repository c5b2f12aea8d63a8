"""A Dask cluster, by its own client."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Collection
from typing import Any

from flowml.domain.errors import StartupError
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

_CONNECT_SECONDS = 10.0
_VERSION_SECONDS = 10.0
_FETCH_SECONDS = 30.0
# One that hangs keeps back what those say who were asked with it.
_ASKED_TOGETHER = 16
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
            asked = client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=_CONNECT_SECONDS)
            workers = asked["workers"]
        except (OSError, TimeoutError, RuntimeError, asyncio.CancelledError) as problem:
            raise ClusterLost(f"the scheduler at {self._address} does not answer ({problem})") from problem
        return [
            Node(
                id=str(address),
                name=f"{worker.get('host') or 'node'}:{str(address).rpartition(':')[2]}",
                threads=max(1, whole(worker.get("nthreads"))),
                memory_bytes=whole(worker.get("memory_limit")) or None,
                gpus=whole((worker.get("resources") or {}).get("GPU")),
                paused=worker.get("status") == "paused",
            )
            for address, worker in workers.items()
            # The others are about to start, or to end.
            if worker.get("status") in ("running", "paused", None)
        ]

    def versions(self, node: Node) -> tuple[str, str]:
        answer = self._run([node.id], _VERSION_SECONDS, eval, _VERSIONS).get(node.id)
        if isinstance(answer, ImportError):
            raise Unfit(f"FlowML cannot be imported there ({answer}).")
        if not isinstance(answer, str) or answer.count(" ") != 1:
            raise NodeLost(f"{node.name} does not say which FlowML it has ({answer})")
        flowml, python = answer.split()
        return flowml, python

    def call(
        self, node_ids: Collection[str], seconds: float, function: Callable[..., Any], *arguments: Any
    ) -> dict[str, Any]:
        answers = self._run(node_ids, seconds, function, *arguments)
        return {node_id: answer for node_id, answer in answers.items() if not isinstance(answer, Exception)}

    def _run(
        self, node_ids: Collection[str], seconds: float, function: Callable[..., Any], *arguments: Any
    ) -> dict[str, Any]:
        client = self._connected()
        answers: dict[str, Any] = {}

        async def ask(some: list[str]) -> None:
            # Those of a worker that has just ended, or hangs, are left out.
            with contextlib.suppress(Exception):
                asked = client.run(function, *arguments, workers=some, on_error="return")
                answers.update(await asyncio.wait_for(asked, seconds))

        async def ask_all() -> None:
            ids = list(node_ids)
            together = 1 if len(ids) <= _ASKED_TOGETHER else _ASKED_TOGETHER
            await asyncio.gather(*(ask(ids[first : first + together]) for first in range(0, len(ids), together)))

        try:
            client.sync(ask_all, callback_timeout=seconds + _CONNECT_SECONDS)
        except (Exception, asyncio.CancelledError):
            self._connected()
        return dict(answers)

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
        return _DaskTask(client, future)


class _DaskTask:
    def __init__(self, client: Any, future: Any):
        self._client = client
        self._future = future
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._fetcher: threading.Thread | None = None
        self._fetched: Any = None
        self._problem: BaseException | None = None
        future.add_done_callback(lambda _: self._over.set())

    def wait(self, seconds: float) -> bool:
        return self._over.wait(seconds) or self._future.status in ("lost", "cancelled")

    def size(self) -> int:
        if self._future.status != "finished":
            return 0
        key = self._future.key
        with contextlib.suppress(Exception):
            asked = self._client.scheduler.nbytes
            found = self._client.sync(asked, keys=[key], summary=False, callback_timeout=_CONNECT_SECONDS)
            return whole(found[key])
        return MOST_BYTES

    def fetch(self, seconds: float) -> bool:
        if self._fetcher is None and self._future.status != "finished":
            return True
        with self._lock:
            if self._fetcher is None:
                # Dask's own limit of time would begin anew with each look.
                self._fetcher = threading.Thread(target=self._fetch, name="fetch-result", daemon=True)
                self._fetcher.start()
        self._fetcher.join(seconds)
        return not self._fetcher.is_alive()

    def _fetch(self) -> None:
        try:
            self._fetched = self._future.result()
        except BaseException as problem:
            self._problem = problem

    def result(self) -> Any:
        status = self._future.status
        if status == "finished" or self._fetcher is not None:
            if not self.fetch(_FETCH_SECONDS):
                raise NotFetched("what it returned does not come")
            if self._problem is not None:
                # It has ended, and perhaps so has who knows how.
                raise NotFetched(f"what it returned was lost ({self._problem})") from self._problem
            return self._fetched
        if status == "error":
            raised = self._future.exception(timeout=_CONNECT_SECONDS)
            if type(raised).__name__ == "KilledWorker":
                raise NodeLost("the worker that it ran on was lost")
            raise raised
        raise NodeLost(f"the cluster says that it is {status}")

    def cancel(self) -> None:
        with contextlib.suppress(Exception):
            self._future.cancel(force=True)
