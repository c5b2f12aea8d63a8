"""Algorithms that crash, hang, lie or eat the memory cost a trial each, with the reason; the job ends in time and well.

Through a real server with its supervisor and trainers, and through the library with its processes.
"""

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pytest

from benchmarks.server import Server
from flowml.automl.algorithms import registry
from flowml.domain.datasets import Role
from flowml.library import run as library
from flowml.library.engine_process import EngineProcess
from flowml.machine import facts
from flowml.store.fleet.strikes import MAX_FAILURES
from tests.doubles import DOUBLES, HARMLESS, LATE, REASONS

# Enough for each double to fail as often as it may, on a machine that has other things to do.
BUDGET = 30.0
# The least that a server takes: it is eaten soon, also where memory comes slowly.
MEMORY_MB = 768


def table(rows: int = 1_500) -> pl.DataFrame:
    chance = np.random.default_rng(0)
    size, town = chance.uniform(30, 200, rows), chance.integers(0, 4, rows)
    sold = size + 20 * town + chance.normal(0, 20, rows) > 130
    return pl.DataFrame(
        {"size": size.round(1), "town": [f"t{number}" for number in town], "sold": np.where(sold, "yes", "no")}
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The job, its trials, its leaderboard, and the processes that are left after the server has ended."""
    folder = tmp_path_factory.mktemp("doubles")
    table().write_csv(folder / "houses.csv")
    server = Server(
        folder / "home",
        [sys.executable, "-m", "tests.serve_with_doubles"],
        environment={"FLOWML_LOCAL_SLOTS": "2", "FLOWML_TRIAL_MEMORY_MB": str(MEMORY_MB)},
    )
    with server:
        names = ["logistic_regression", *REASONS, *HARMLESS]
        dataset = server.upload(folder / "houses.csv")
        job = server.train(dataset["id"], "sold", BUDGET, algorithms=names)
        job = server.wait(job["id"], timeout=BUDGET + 60)
        trials, board = server.trials(job["id"]), server.leaderboard(job["id"])
        answer = server.predict(job["id"], {"size": 190, "town": "t3"})
        family = server.family()
    said = (folder / "home.log").read_bytes()
    return job, {trial["algorithm"]: trial for trial in trials}, board, answer, family, said


@pytest.mark.parametrize("double", REASONS)
def test_a_misbehaving_algorithm_costs_one_trial_and_the_record_says_why(trained: Any, double: str) -> None:
    trial = trained[1][double]
    assert trial["status"] == ("cancelled" if double in LATE else "failed")
    assert REASONS[double] in trial["error"], trial["error"]
    assert 1 <= trial["attempt"] <= MAX_FAILURES


@pytest.mark.parametrize("double", HARMLESS)
def test_one_that_only_makes_noise_is_a_model_like_others(trained: Any, double: str) -> None:
    assert trained[1][double]["status"] == "finished", trained[1][double]["error"]


def test_the_job_ends_in_time_with_a_champion_that_answers(trained: Any) -> None:
    job, _, board, answer, _, _ = trained
    took = datetime.fromisoformat(job["finished_at"]) - datetime.fromisoformat(job["started_at"])
    assert job["status"] == "completed" and took.total_seconds() <= BUDGET + 1
    assert board[0]["model_id"] == job["best_model_id"] and board[0]["score"] > 0.8
    assert answer["prediction"] == "yes"


def test_nothing_is_left_behind_and_nothing_was_printed(trained: Any) -> None:
    *_, family, said = trained
    assert not [process for process in family if process.is_running() and process.status() != "zombie"]
    assert b"\xff" not in said and b"\x1b[2J" not in said


def test_the_library_survives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for algorithm in DOUBLES:
        monkeypatch.setitem(registry._REGISTERED, algorithm.name, algorithm())
    engine = EngineProcess("tests.engine_with_doubles")
    monkeypatch.setattr(library, "engine_process", lambda: engine)
    monkeypatch.setattr(facts, "memory_bytes", lambda: int(2 * MEMORY_MB * 1e6 / library._MEMORY_SHARE))
    # On a busy machine the first trials' time would be over before it is there.
    engine.scratch()
    before = psutil.Process().memory_info().rss
    began = time.monotonic()
    try:
        found = library.train(
            table(),
            {"size": Role.NUMERIC, "town": Role.CATEGORICAL, "sold": Role.CATEGORICAL},
            target="sold",
            time_budget_seconds=BUDGET,
            algorithm_names=["logistic_regression", *REASONS, *HARMLESS],
            n_jobs=2,
        )
        took = time.monotonic() - began
    finally:
        engine.close()
    assert took <= BUDGET + 1
    assert found.leaderboard[0].score > 0.8
    assert {entry.algorithm for entry in found.leaderboard} >= set(HARMLESS)
    failed = {name: reason for name, reason in REASONS.items() if name not in LATE}
    assert {name: reason for name, reason in failed.items() if reason not in found.failures.get(name, "")} == {}
    assert set(LATE) <= set(found.unfinished)
    assert psutil.Process().memory_info().rss - before < 500e6, "this process did not eat with them"


def test_a_server_without_doubles_knows_none_of_them(tmp_path: Path) -> None:
    table(50).write_csv(tmp_path / "houses.csv")
    with Server(tmp_path / "home") as server:
        names = {item["name"] for item in server.get("/api/training/algorithms")["items"]}
    assert "logistic_regression" in names and not names & {*REASONS, *HARMLESS}
