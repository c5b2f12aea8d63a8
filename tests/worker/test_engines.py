"""A worker whose trials run on a cluster, which loses a node in the middle of a run."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import flowml
from flowml.domain.trials import TrialStatus
from flowml.server import Server
from flowml.services.settings import Settings
from flowml.web.application import create_app
from flowml.worker.cache import Cache
from flowml.worker.channel import HttpChannel
from flowml.worker.engines.cluster import ClusterCrew
from flowml.worker.engines.dask import DaskEngine
from flowml.worker.engines.engine import Engine
from flowml.worker.engines.ray import RayEngine
from flowml.worker.membership import Membership
from tests.web.serving import run_app, until
from tests.worker.test_membership import running, who

# What a run could learn completely it would not go on with.
ROWS = "\n".join(f"{n % 17},{n % 5},{n % 17 + n % 5 + n * n * 7 % 23}" for n in range(400))


def soon(check: Callable[[], bool], seconds: float = 110.0) -> bool:
    """Whether that becomes so; who trains needs the cores, so it is not asked all the time."""
    return until(lambda: check() or bool(time.sleep(0.3)), seconds)


@contextmanager
def dask_cluster() -> Iterator[tuple[Engine, Callable[[], None]]]:
    """Two workers in processes of their own; gives what loses one of them."""
    import distributed

    given = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": "2GB"}
    with distributed.LocalCluster(host="127.0.0.1", dashboard_address="127.0.0.1:0", **given) as cluster:
        yield DaskEngine(cluster.scheduler_address), lambda: os.kill(cluster.workers[0].pid, signal.SIGKILL)


@contextmanager
def ray_cluster() -> Iterator[tuple[Engine, Callable[[], None]]]:
    """The same with Ray: a head that trains nothing, and two nodes, at a loopback address that Ray does not replace."""
    from ray.cluster_utils import Cluster

    place = {"node_ip_address": "127.0.0.2", "object_store_memory": 80_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **place})
    try:
        nodes = [cluster.add_node(num_cpus=1, wait=False, **place) for _ in range(2)]
        yield RayEngine(cluster.address), lambda: cluster.remove_node(nodes[0], allow_graceful=False)
    finally:
        cluster.shutdown()


@pytest.mark.parametrize(
    "cluster_of", [pytest.param(dask_cluster, marks=pytest.mark.dask), pytest.param(ray_cluster, marks=pytest.mark.ray)]
)
def test_a_run_outlives_a_node_of_its_cluster(tmp_path: Path, cluster_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = os.pathsep.join(filter(None, (str(Path(flowml.__file__).parents[1]), os.environ.get("PYTHONPATH"))))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    product = Server(Settings(home=tmp_path / "home", local_slots=0))
    product.start()
    said: list[str] = []
    try:
        with cluster_of() as (engine, lose), run_app(create_app(product.context, who=who)) as port:
            address = f"http://127.0.0.1:{port}"
            owner = httpx.Client(base_url=address, timeout=60)
            client = httpx.Client(base_url=address, headers={"Authorization": "Bearer x"}, timeout=60)
            table = owner.post("/api/datasets/upload", files={"file": ("t.csv", f"a,b,c\n{ROWS}")}).json()["id"]
            channel = HttpChannel(client, "", Cache(tmp_path / "fetched", 10**9), wait_seconds=1.0)
            crew = ClusterCrew(engine, most_slots=8)
            membership = Membership(client, channel, name="far", instance="1", crew=crew, say=said.append)
            with running(membership) as ended:
                store = product.context.store
                assert soon(lambda: [one.slots for one in store.workers.all() if one.name == "far"] == [2]), said
                # Short trials: what takes time here are the processes of the cluster.
                asked = {"dataset_id": table, "target": "c", "time_budget_seconds": 240, "max_trials": 8}
                asked |= {"algorithms": ["ridge"], "cv_folds": 2}
                job = owner.post("/api/training/start", json=asked).json()["id"]

                def trials(*statuses: TrialStatus) -> dict[str, float | None]:
                    return {trial.id: trial.score for trial in store.trials.of_job(job) if trial.status in statuses}

                assert soon(lambda: len(trials(TrialStatus.FINISHED)) >= 2), said
                before = trials(TrialStatus.FINISHED)
                lose()
                assert soon(lambda: owner.get(f"/api/training/{job}").json()["status"] == "completed"), said
                assert soon(lambda: any("1 node of the cluster left" in words for words in said)), said
            assert not ended
            after = trials(TrialStatus.FINISHED)
            assert before.items() <= after.items() and len(after) > len(before)
            assert not trials(TrialStatus.QUEUED, TrialStatus.LEASED)
            assert owner.get(f"/api/training/{job}").json()["best_model_id"]
    finally:
        product.stop()
