"""Whatever is killed in the middle of training, at any moment: nothing that has finished is lost, and it goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

# With these a run ends, whatever is killed and started again meanwhile, and not with its time. More than are finished
# before something is killed, however slow the server's answers are in between.
TRIALS = 10


class Server:
    """A real server in a process of its own."""

    def __init__(self, home: Path):
        self.home = home
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flowml", "serve", "--port", "0", "--home", str(self.home), "--local-slots", "2"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        words = self.process.stdout.readline().split()
        assert words, "the server did not start"
        self.client = httpx.Client(base_url=words[-1], timeout=60)

    def get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def train(self, seconds: float, trials: int | None = None) -> str:
        generator = np.random.default_rng(0)
        rows = ["size,town,age,sold"] + [
            f"{size:.1f},t{town},{age},{'yes' if size + 20 * town + noise > 130 else 'no'}"
            for size, town, age, noise in zip(
                generator.uniform(30, 200, 800),
                generator.integers(0, 4, 800),
                generator.integers(1, 90, 800),
                generator.normal(0, 20, 800),
                strict=True,
            )
        ]
        upload = self.client.post("/api/datasets/upload", files={"file": ("houses.csv", "\n".join(rows))})
        assert upload.status_code == 201, upload.text
        body = {
            "dataset_id": upload.json()["id"],
            "target": "sold",
            "time_budget_seconds": seconds,
            "max_trials": trials,
            "cv_folds": 3,
        }
        started = self.client.post("/api/training/start", json=body)
        assert started.status_code == 202, started.text
        return str(started.json()["id"])

    def finished(self, job_id: str) -> dict[str, float]:
        trials = self.get(f"/api/training/{job_id}/trials?limit=500")["items"]
        return {trial["id"]: trial["score"] for trial in trials if trial["status"] == "finished"}

    def child(self, kind: str) -> int | None:
        busy = (item for item in self.get("/api/stats")["processes"] if item["kind"] == kind)
        return next((item["pid"] for item in busy if item["job_id"] or item["trial_id"]), None)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("home"))
    yield started
    started.process.terminate()
    started.process.wait(timeout=30)


@pytest.fixture
def server(serving: Server) -> Iterator[Server]:
    """The one server of these tests, with nothing to do."""
    yield serving
    for job in serving.get("/api/training")["items"]:
        if job["status"] in ("queued", "running"):
            serving.client.post(f"/api/training/{job['id']}/cancel")
    until(lambda: not serving.child("conductor"))


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
    return found


def check_the_end(server: Server, job_id: str, before: dict[str, float]) -> None:
    """The job goes on to a champion, and everything that had finished is there with its score."""
    until(lambda: len(server.finished(job_id)) > len(before))
    until(lambda: server.get(f"/api/training/{job_id}")["status"] != "running", 90)
    job = server.get(f"/api/training/{job_id}")
    assert job["status"] == "completed" and job["error"] is None
    after = server.finished(job_id)
    assert {trial: after.get(trial) for trial in before} == before
    board = server.get(f"/api/results/job/{job_id}/leaderboard")["items"]
    assert board[0]["model_id"] == job["best_model_id"] and set(before) <= {row["model_id"] for row in board}
    answer = server.client.post(
        "/api/results/predict", json={"model_id": job_id, "features": {"size": 190, "town": "t3", "age": 5}}
    )
    assert answer.json()["prediction"] == "yes"


def test_the_server_is_killed(server: Server) -> None:
    job_id = server.train(90, TRIALS)
    until(lambda: len(server.finished(job_id)) >= 2)
    children = psutil.Process(server.process.pid).children(recursive=True)
    before = server.finished(job_id)
    server.process.kill()
    server.process.wait()
    _, alive = psutil.wait_procs(children, timeout=15)
    assert not alive, "children outlived their server"
    server.start()
    # One more may have ended between the look and the kill.
    assert server.finished(job_id).items() >= before.items()
    check_the_end(server, job_id, before)


@pytest.mark.parametrize("kind", ["conductor", "trainer"])
def test_a_child_is_killed(server: Server, kind: str) -> None:
    job_id = server.train(90, TRIALS)
    until(lambda: len(server.finished(job_id)) >= 2)
    pid = until(lambda: server.child(kind))
    before = server.finished(job_id)
    os.kill(pid, signal.SIGKILL)
    until(lambda: server.child(kind) not in (pid, None))
    check_the_end(server, job_id, before)


def test_stopping_keeps_what_has_finished(server: Server) -> None:
    job_id = server.train(600)
    until(lambda: len(server.finished(job_id)) >= 2)
    assert server.client.post(f"/api/training/{job_id}/cancel").status_code == 202
    until(lambda: server.get(f"/api/training/{job_id}")["status"] == "cancelled", 20)
    job = server.get(f"/api/training/{job_id}")
    assert job["best_model_id"]
    until(lambda: not server.child("conductor"))
    assert server.client.post(f"/api/training/{job_id}/cancel").status_code == 409

    before = server.finished(job_id)
    longer = server.client.post(f"/api/training/{job_id}/extend", json={"time_budget_seconds": 5})
    assert longer.status_code == 202, longer.text
    check_the_end(server, job_id, before)


def test_at_most_three_jobs_run_and_a_waiting_one_can_be_taken_back(server: Server) -> None:
    jobs = [server.train(60) for _ in range(4)]

    def statuses() -> list[str]:
        return [server.get(f"/api/training/{job_id}")["status"] for job_id in jobs]

    until(lambda: statuses().count("running") == 3)
    assert statuses()[3] == "queued"
    dataset = server.get(f"/api/training/{jobs[0]}")["dataset_id"]
    assert server.client.delete(f"/api/datasets/{dataset}").status_code == 409
    assert server.client.post(f"/api/training/{jobs[3]}/cancel").json()["status"] == "cancelled"
    for job_id in jobs[:3]:
        server.client.post(f"/api/training/{job_id}/cancel")
    until(lambda: set(statuses()) == {"cancelled"}, 30)
