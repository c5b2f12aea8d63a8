"""The machines that train, over HTTP: who they are, and what whoever runs the server may do with them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Scope

from flowml.domain.access.caller import LOCAL_OWNER, Permission, Principal
from flowml.domain.trials import Needs, TrialSpec
from tests.services.records import add_dataset, add_job
from tests.web.serving import Served, serve

WORKER = {"Authorization": "Bearer x"}


def who(scope: Scope) -> Principal:
    if dict(scope["headers"]).get(b"authorization"):
        return Principal("a fleet", frozenset({Permission.WORK}))
    return LOCAL_OWNER


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path, who=who) as served:
        served.store.workers.register_local("here", ("cpu",), 2, {"cpu_count": 4}, 1.7e9)
        yield served


def join(server: Served, name: str = "far", **given: Any) -> str:
    body = {
        "name": name,
        "capabilities": {"cpu_count": 8},
        "queues": ["cpu", "gpu"],
        "slots": 3,
        "protocol": 1,
        **given,
    }
    answer = server.client.post("/api/workers/register", json=body, headers=WORKER)
    assert answer.status_code == 201
    joined = answer.json()
    assert (joined["heartbeat_seconds"], joined["offline_after_seconds"]) == (30, 90)
    return str(joined["worker_id"])


def beat(server: Served, worker_id: str, running: list[Any] | None = None) -> Any:
    body = {"worker_id": worker_id, "load": {}, "running": running or []}
    return server.client.post("/api/workers/heartbeat", json=body, headers=WORKER)


def lease(server: Served, worker_id: str, seconds: float = 2.0) -> Any:
    body = {"worker_id": worker_id, "memory_bytes": 1, "wait_seconds": seconds}
    return server.client.post("/api/workers/lease", json=body, headers=WORKER).json()["lease"]


def enqueue(server: Served, *queues: str) -> list[str]:
    add_dataset(server.store)
    job = add_job(server.store)
    server.store.jobs.claim(1, 1.0, 1.0)
    return [
        server.store.trials.add(job.id, TrialSpec(number, "ridge", {}), Needs(queue), 1e12, 0.0).id
        for number, queue in enumerate(queues)
    ]


def test_machines_are_listed_with_this_one(server: Served) -> None:
    worker_id = join(server)
    listed = server.client.get("/api/workers").json()
    assert (listed["total"], [one["name"] for one in listed["items"]]) == (2, ["here", "far"])
    far = server.client.get(f"/api/workers/{worker_id}").json()
    assert far == listed["items"][1]
    assert (far["status"], far["queues"], far["slots"], far["running"]) == ("online", ["cpu", "gpu"], 3, 0)
    assert far["capabilities"] == {"cpu_count": 8} and far["registered_at"].endswith("Z") and far["load"] is None
    assert 0 < listed["items"][0]["load"]["memory_used_bytes"] < listed["items"][0]["load"]["memory_total_bytes"]
    assert server.client.get("/api/workers/nobody").status_code == 404


def test_the_cluster_counts_places_and_what_waits_for_them(server: Served) -> None:
    worker_id = join(server)
    enqueue(server, "cpu", "cpu", "gpu.vram12")
    assert lease(server, worker_id) is not None
    found = server.client.get("/api/cluster").json()
    assert (found["workers_online"], found["slots_total"], found["slots_free"]) == (2, 5, 4)
    assert found["queues"] == [
        {"name": "cpu", "workers": 2, "waiting": 1, "running": 1},
        {"name": "gpu", "workers": 1, "waiting": 0, "running": 0},
        {"name": "gpu.vram12", "workers": 0, "waiting": 1, "running": 0},
    ]
    assert found["join_command"].startswith("flowml worker --server http://127.0.0.1:")
    assert found["tailscale"]["installed"] in (True, False)


def test_a_heartbeat_may_name_trials_alone(server: Served) -> None:
    worker_id = join(server)
    (trial_id,) = enqueue(server, "cpu")
    assert lease(server, worker_id)["trial_id"] == trial_id
    assert beat(server, worker_id, [trial_id, "unknown"]).json() == {"stop": ["unknown"]}
    attempt = {"trial_id": trial_id, "attempt": 1, "fold_scores": [0.5]}
    assert beat(server, worker_id, [attempt]).json() == {"stop": []}
    assert server.store.trials.get(trial_id).fold_scores == (0.5,)
    server.store.trials.cancel([trial_id], 1.0)
    assert beat(server, worker_id, [trial_id]).json() == {"stop": [trial_id]}


def test_one_that_drains_gets_nothing_new_and_finishes_what_it_has(server: Served) -> None:
    worker_id = join(server)
    first, second = enqueue(server, "cpu", "cpu")
    held = lease(server, worker_id)
    assert server.client.post(f"/api/workers/{worker_id}/drain").json()["status"] == "draining"
    assert lease(server, worker_id, seconds=0.1) is None
    assert beat(server, worker_id, [held["trial_id"]]).json() == {"stop": []}
    assert server.client.get(f"/api/workers/{worker_id}").json()["status"] == "draining"
    assert server.client.post(f"/api/workers/{worker_id}/resume").json()["status"] == "online"
    server.client.post(f"/api/workers/{worker_id}/drain")
    done = server.client.post(
        f"/api/workers/{worker_id}/trials/{held['trial_id']}/report?attempt=1",
        json={"status": "failed", "error": "no"},
        headers=WORKER,
    )
    assert done.json() == {"accepted": True, "lease": None}
    assert server.store.trials.get(second if held["trial_id"] == first else first).status == "queued"


def test_one_that_is_removed_gives_back_what_it_has_and_is_told_to_end(server: Served) -> None:
    worker_id = join(server)
    (trial_id,) = enqueue(server, "cpu")
    assert lease(server, worker_id) is not None
    assert server.client.delete(f"/api/workers/{worker_id}").status_code == 204
    assert server.store.trials.get(trial_id).status == "queued"
    assert server.client.get(f"/api/workers/{worker_id}").status_code == 404
    refused = beat(server, worker_id)
    assert refused.status_code == 403 and "was removed" in refused.json()["detail"]
    assert join(server) != worker_id


def test_this_machine_is_neither_drained_nor_removed(server: Served) -> None:
    for answer in (server.client.post("/api/workers/local/drain"), server.client.delete("/api/workers/local")):
        assert answer.status_code == 409 and "--local-slots 0" in answer.json()["hint"]


def test_a_worker_that_speaks_another_protocol_is_told_so(server: Served) -> None:
    body = {"name": "old", "capabilities": {}, "queues": ["cpu"], "slots": 1, "protocol": 0}
    answer = server.client.post("/api/workers/register", json=body, headers=WORKER)
    assert answer.status_code == 409 and "Upgrade the worker" in answer.json()["hint"]
