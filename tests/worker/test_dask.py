"""What a Dask cluster says of its nodes, by its own client: the nodes are in this process."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flowml.domain.workers import Share
from flowml.worker.engines import dask
from flowml.worker.engines.dask import DaskEngine
from flowml.worker.engines.engine import ClusterLost, NodeLost, NotFetched
from tests.web.serving import until

pytestmark = pytest.mark.dask
HANGING: set[str] = set()
SHARE = Share(1, 1, 0)


async def answer(dask_worker: Any) -> str:
    """At once, or never."""
    if dask_worker.address in HANGING:
        await asyncio.Event().wait()
    return "here"


@pytest.fixture
def cluster() -> Iterator[Any]:
    import distributed

    HANGING.clear()
    given = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": None, "memory_limit": 0}
    with distributed.LocalCluster(host="127.0.0.1", protocol="tcp://", **given) as cluster:
        yield cluster


def test_a_node_that_hangs_keeps_nobody_waiting_and_a_result_comes(cluster: Any) -> None:
    from distributed import Status

    engine = DaskEngine(cluster.scheduler_address)
    engine.connect()
    try:
        first, second = engine.nodes()
        both = [first.id, second.id]
        assert engine.call(both, 20.0, answer) == dict.fromkeys(both, "here")
        HANGING.add(first.id)
        # One hangs, and one is nowhere.
        assert engine.call([*both, "tcp://127.0.0.1:1"], 3.0, answer) == {second.id: "here"}

        task = engine.submit(second, SHARE, False, sum, [1, 2])
        assert task.wait(20) and task.size() == 28 and task.fetch(20) and task.result() == 3
        failing = engine.submit(second, SHARE, False, int, "x")
        assert failing.wait(20) and failing.fetch(0)
        with pytest.raises(ValueError, match="invalid literal"):
            failing.result()

        cluster.workers[0].status = Status.paused
        assert until(lambda: sorted(node.paused for node in engine.nodes()) == [False, True])
    finally:
        engine.close()
    with pytest.raises(ClusterLost):
        engine.call(both, 1.0, answer)


class Future:
    """One of Dask's that is through, whose result does not come."""

    status = "finished"

    def __init__(self, problem: Exception | None = None):
        self.problem = problem

    def add_done_callback(self, call: Any) -> None:
        call(self)

    def result(self) -> Any:
        if self.problem is not None:
            raise self.problem
        threading.Event().wait()


def test_a_result_that_is_not_to_be_had_is_no_lost_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "_FETCH_SECONDS", 0.05)
    task = dask._DaskTask(None, Future())
    assert task.wait(0) and not task.fetch(0.01)
    with pytest.raises(NotFetched):
        task.result()
    lost = dask._DaskTask(None, Future(OSError("the connection was closed")))
    assert lost.fetch(20)
    with pytest.raises(NotFetched, match="connection was closed"):
        lost.result()
    gone = Future()
    gone.status = "cancelled"
    with pytest.raises(NodeLost):
        dask._DaskTask(None, gone).result()
