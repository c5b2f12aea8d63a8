"""Whoever has a worker's token and means no good: what is sent is refused in words, and everybody else goes on."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flowml.domain.protocol import LENGTH, OFFSET
from flowml.domain.workers import Share
from flowml.services.jobs import trains_on_gpu
from flowml.services.starting import what_it_waits_for
from flowml.store.fleet import workers as stored_workers
from flowml.web.pages.workers import parts
from flowml.web.schemas.workers import MOST_MEMORY_BYTES, MOST_SLOTS, Heartbeat
from tests.web.api.test_cluster import WORKER, beat, enqueue, join, lease, who
from tests.web.serving import Served, serve

DEEP: Any = json.loads("[" * 50 + "]" * 50)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(Path(tmp_path_factory.mktemp("home")), who=who) as served:
        yield served


def send(server: Served, address: str, body: Any) -> Any:
    return server.client.post(f"/api/workers/{address}", json=body, headers=WORKER)


NO_MACHINE: list[dict[str, Any]] = [
    {"gpus": 5},
    {"gpus": [1]},
    {"gpus": [{"vram_gb": "x"}]},
    {"gpus": [{"name": "L4"}]},
    {"gpus": [{"vram_gb": -1.0}]},
    {"gpus": [{"vram_gb": 1.0}] * 2_000},
    {"gpu_libraries": ["x"]},
    {"gpu_libraries": {"xgboost": 1}},
    {"gpu_libraries": {"xgboost": {"device": ["cuda"]}}},
    {"total_ram_gb": 10**400},
    {"cpu_count_logical": "many"},
    {"largest_trial_bytes": 2.5},
    {"gpu_driver_version": "x" * 501},
]


@pytest.mark.parametrize(
    "given",
    [
        {"slots": MOST_SLOTS + 1},
        {"slots": -1},
        {"threads": 10**9},
        {"memory_bytes": MOST_MEMORY_BYTES + 1},
        {"name": "a\x1b[2Jb"},
        {"name": "a\nb"},
        {"name": "a\x00b"},
        {"name": "a\u202eb"},
        {"name": ""},
        {"name": "x" * 101},
        {"queues": ["cpu\n"]},
        {"queues": ["cpu"] * 51},
        {"instance": "a\x1bb"},
        {"capabilities": {"x": "y" * 64_000}},
        {"capabilities": {"x": DEEP}},
        {"capabilities": []},
        *({"capabilities": said} for said in NO_MACHINE),
    ],
    ids=lambda given: str(given)[:40],
)
def test_nobody_joins_as_more_than_a_machine_can_be(server: Served, given: dict[str, Any]) -> None:
    answer = send(server, "register", {"name": "far", **given})
    assert answer.status_code == 422 and len(answer.text) < 2_000


def test_what_a_worker_of_earlier_has_said_of_itself_breaks_nothing(server: Served) -> None:
    """Of rows that were stored before anybody looked at what they say, and of what no server wrote."""
    store = server.store.workers
    for number, said in enumerate(NO_MACHINE):
        store.register(f"odd {number}", ("cpu",), Share(1, 1, 10**9), said, 1.0, owner="somebody")
    workers = [worker for worker in store.all() if worker.name.startswith("odd ")]
    assert len(workers) == len(NO_MACHINE)
    assert "12 GB; the largest online has 1" in what_it_waits_for("gpu.vram12", workers)
    assert all(isinstance(part, str) for worker in workers for part in parts(worker.capabilities))
    assert all(machine.largest_trial_bytes is None for machine in store.machines())
    context: Any = SimpleNamespace(store=server.store)
    assert not trains_on_gpu(context, "xgboost")
    for worker in workers:
        store.remove(worker.id)


def test_the_largest_machine_takes_no_run_with_it(server: Served) -> None:
    worker_id = join(server, "giant", slots=MOST_SLOTS, memory_bytes=MOST_MEMORY_BYTES)
    (giant,) = (machine for machine in server.store.workers.machines() if machine.worker_id == worker_id)
    server.store.trials.lower_needs("any", ["cpu"], giant.slots * giant.memory_bytes)


def test_of_very_many_of_one_token_those_that_are_gone_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_workers, "MOST_OF_AN_OWNER", 2)
    with serve(tmp_path, who=who) as server:
        first, _ = join(server, "first"), join(server, "second")
        refused = send(server, "register", {"name": "third"})
        assert refused.status_code == 409 and "have joined with this token" in refused.json()["detail"]
        assert join(server, "first") == first, "who is there comes back"
        assert send(server, "leave", {"worker_id": first}).status_code == 204
        join(server, "third")
        assert server.client.get(f"/api/workers/{first}").status_code == 404


def test_a_heartbeat_names_each_trial_once(server: Served) -> None:
    worker_id = join(server, "stammerer")
    held = {"trial_id": "a", "attempt": 1}
    for running in (["a"] * 3_000, ["a", held], [held, {**held, "attempt": 2}]):
        answer = beat(server, worker_id, running)
        assert answer.status_code == 422 and "once" in answer.json()["detail"]


def held_trial(server: Served, worker_id: str) -> str:
    """The address of a trial that this worker has leased."""
    enqueue(server, "cpu")
    return f"{worker_id}/trials/{lease(server, worker_id)['trial_id']}"


def upload(server: Served, trial: str, content: bytes, attempt: int = 1) -> Any:
    sha256 = hashlib.sha256(content).hexdigest()
    headers = {**WORKER, OFFSET: "0", LENGTH: str(len(content))}
    address = f"/api/workers/{trial}/uploads/{sha256}?attempt={attempt}"
    return server.client.patch(address, content=content, headers=headers)


FILES = [hashlib.sha256(content).hexdigest() for content in (b"predictions", b"a model")]
WHOLE = {
    "status": "finished",
    "score": 0.5,
    "fold_scores": [0.5],
    "out_of_fold": FILES[0],
    "model": FILES[1],
    "tested_on": "these",
}


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "queued"},
        {"status": "leased"},
        {"status": "running"},
        {"score": None},
        {"score": "NaN"},
        {"score": 10**400},
        {"fold_scores": [0.5] * 1_001},
        {"metrics": {"r2": "Infinity"}},
        {"metrics": {str(number): 1.0 for number in range(101)}},
        {"fit_seconds": 1e300},
        {"predict_ms": -1},
        {"error": "x" * 2_001},
        {"out_of_fold": None},
        {"model": None},
        {"model": "../../flowml.sqlite"},
        {"tested_on": None},
    ],
    ids=lambda changed: str(changed)[:40],
)
def test_a_report_says_how_a_trial_has_ended_and_nothing_else(
    server: Served, reporter: str, changed: dict[str, Any]
) -> None:
    answer = send(server, f"{reporter}/report?attempt=1", {**WHOLE, **changed})
    assert answer.status_code == 422 and len(answer.text) < 2_000
    assert server.store.trials.get(reporter.split("/")[-1]).status == "leased"


@pytest.fixture(scope="module")
def reporter(server: Served) -> str:
    return held_trial(server, join(server, "reporter"))


def test_a_report_names_only_what_this_attempt_has_handed_over(tmp_path: Path) -> None:
    with serve(tmp_path, who=who) as server:
        worker_id, other_id = join(server, "honest"), join(server, "other")
        first, second = enqueue(server, "cpu", "cpu")
        trials = {lease(server, name)["trial_id"]: name for name in (worker_id, other_id)}
        assert set(trials) == {first, second}
        mine, theirs = (f"{trials[trial_id]}/trials/{trial_id}" for trial_id in (first, second))
        table = server.store.files.put_bytes(b"the table of the job")
        for content in (b"predictions", b"a model"):
            assert upload(server, theirs, content).json() == {"received_bytes": None}

        def report(**changed: Any) -> Any:
            return send(server, f"{mine}/report?attempt=1", {**WHOLE, **changed})

        def received(sha256: str) -> Any:
            address = f"/api/workers/{mine}/uploads/{sha256}?attempt=1"
            return server.client.get(address, headers=WORKER).json()["received_bytes"]

        assert report().status_code == 404, "another has handed them over"
        assert report(model=table, out_of_fold=table).status_code == 404
        assert (received(table), received(FILES[0])) == (0, 0), "nobody learns what is here"
        for content in (b"predictions", b"a model"):
            upload(server, mine, content)
        assert (received(FILES[0]), report(model=table).status_code) == (None, 404)
        assert server.store.trials.get(first).status == "leased"
        for trial_id in (second, "nobody"):
            stolen = send(server, f"{trials[first]}/trials/{trial_id}/report?attempt=1", WHOLE)
            assert stolen.status_code == 404, "somebody else's trial"
        assert report().json() == {"accepted": True, "lease": None}
        assert report().status_code == 404


def test_what_a_worker_says_of_a_failure_reaches_no_terminal_as_more_than_words(tmp_path: Path) -> None:
    with serve(tmp_path, who=who) as server:
        trial = held_trial(server, join(server))
        said = {"status": "failed", "error": "It \x1b[2J\u202efailed\r\nfor good.\x00"}
        assert send(server, f"{trial}/report?attempt=1", said).json() == {"accepted": True, "lease": None}
        assert server.store.trials.get(trial.split("/")[-1]).error == "It [2Jfailed for good."


def test_what_an_earlier_attempt_has_handed_over_counts_no_more(tmp_path: Path) -> None:
    with serve(tmp_path, who=who) as server:
        trial = held_trial(server, join(server))
        upload(server, trial, b"predictions")
        assert send(server, f"{trial}/give-back?attempt=1", {}).status_code == 204
        again = lease(server, trial.split("/")[0])
        assert again["attempt"] == 2
        upload(server, trial, b"a model", attempt=2)
        assert send(server, f"{trial}/report?attempt=2", WHOLE).status_code == 404


@pytest.mark.parametrize(
    "load",
    [
        {"cpu_percent": 400.0, "memory_used_bytes": 1, "memory_total_bytes": 2},
        {"cpu_percent": 4.0, "memory_used_bytes": 10**30, "memory_total_bytes": 2},
        {"cpu_percent": "<b>", "memory_used_bytes": 1, "memory_total_bytes": 2},
        {"cpu_percent": 4.0, "memory_used_bytes": 1, "memory_total_bytes": 2, "gpus": [{}] * 65},
        {"cpu_percent": 4.0},
        {},
    ],
    ids=lambda load: str(load)[:40],
)
def test_a_load_that_no_machine_has_is_left_out_and_the_heartbeat_counts(server: Served, load: dict[str, Any]) -> None:
    beat = {"worker_id": join(server, "busy"), "load": load}
    assert send(server, "heartbeat", beat).status_code == 200
    assert Heartbeat.model_validate(beat).said_load() is None
