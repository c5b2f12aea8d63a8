"""What a home with very many runs costs: every page and list, of a home that is filled straight through the store.

python -m benchmarks.many_runs
python -m benchmarks.many_runs --runs 2000 --home /tmp/many     (a home that is there already is measured as it is)
"""

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import polars as pl
import psutil

from benchmarks.report import table
from benchmarks.server import Server, flowml_command
from flowml.domain.datasets import Column, ColumnStats, Dataset, Role, TopValue
from flowml.domain.jobs import Job, JobSpec, JobStatus, ProblemType
from flowml.domain.models import ColumnImportance, Importance, Model, ModelDetails
from flowml.domain.trials import Needs, Offer, Trial, TrialReport, TrialSpec, TrialStatus
from flowml.services.dispatch.ledger import StoreLedger, finish_job
from flowml.services.dispatch.telling import tell_job, tell_trial
from flowml.store.home import Home
from flowml.store.store import Store

_COLUMNS = 20
_ROWS = 1_000
_ALGORITHMS = ("lightgbm", "xgboost", "random_forest", "logistic_regression", "mlp")
_MADE = 100
_DAY = 86_400.0
_COPIED = {
    "datasets": ("id",),
    "jobs": ("id", "best_model_id"),
    "trials": ("id", "job_id"),
    "models": ("id", "job_id", "trial_id"),
    "events": ("room",),
    "history": ("job_id",),
}
"""Tables of which most rows are copies, and the columns in which those have other names."""


def fill(home: Path, n_runs: int, n_trials: int, n_datasets: int) -> None:
    """A home with so many runs of so many trials each, every trial with its model, on so many tables. Some are made by
    the store, and the others are copies of their rows; a few old ones have not ended."""
    now, store, rng = time.time(), Store(home), random.Random(0)
    file = store.files.put_bytes(b"what stands for every file")
    with store.transaction():
        datasets = [f"dataset{number}" for number in range(min(_MADE, n_datasets))]
        kept = store.files.put_path(_table(store.files.new_temp(), rng))
        for identifier in datasets:
            _add_dataset(store, identifier, kept, now)
        worker = store.workers.register_local("here", ("cpu",), 4, {}, now)
        for number in range(min(_MADE, n_runs)):
            _add_run(store, rng.choice(datasets), number, n_trials, worker, file, now - 60.0 * number, rng)
    store.close()
    with closing(sqlite3.connect(Home(home).database)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for copy in range(1, max(n_runs, n_datasets) // _MADE):
            for name, renamed in _COPIED.items():
                if copy < (n_datasets if name == "datasets" else n_runs) // _MADE:
                    _copy(connection, name, renamed, copy)
    store = Store(home)
    for _ in range(20):
        store.jobs.add(JobSpec(datasets[0], "target"), "a run that waits", now - 40 * _DAY)
    store.close()


def _copy(connection: sqlite3.Connection, name: str, renamed: tuple[str, ...], copy: int) -> None:
    """The rows of one of its tables that the store has made, once more under other names and of another time."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
    columns = [column for column in columns if (name, column) != ("events", "id")]
    given = [
        f"{column} || 'copy{copy}'"
        if column in renamed
        else f"{column} - {copy * _MADE * 60.0}"
        if column in ("created_at", "at", "queued_at", "started_at", "finished_at")
        else column
        for column in columns
    ]
    connection.execute(
        f"INSERT INTO {name} ({', '.join(columns)}) SELECT {', '.join(given)} FROM {name}"
        f" WHERE {renamed[0]} NOT LIKE '%copy%'"
    )


def _table(path: Path, rng: random.Random) -> Path:
    """What is behind every data set."""
    columns = {f"column {number}": [rng.random() for _ in range(_ROWS)] for number in range(_COLUMNS)}
    pl.DataFrame(columns).write_parquet(path)
    return path


def _add_dataset(store: Store, identifier: str, file: str, at: float) -> None:
    columns = tuple(Column(f"column {number}", "Float64", Role.NUMERIC) for number in range(_COLUMNS))
    dataset = Dataset(
        identifier, f"table {identifier}", "t.csv", "csv", _ROWS, _COLUMNS, 90_000, file, file, None, at, columns
    )
    top = tuple(TopValue(value, 10) for value in range(10))
    stats = tuple(ColumnStats(one.name, one.dtype, one.role, _ROWS, 0, 0.0, 900, 0.5, top=top) for one in columns)
    store.datasets.add(dataset, stats)


def _add_run(
    store: Store, dataset_id: str, number: int, n_trials: int, worker: str, file: str, at: float, rng: random.Random
) -> None:
    job = store.jobs.add(JobSpec(dataset_id, "target", time_budget_seconds=60.0), f"run {number}", at)
    tell_job(store, job, at)
    while (claimed := store.jobs.claim(1, at, at)) is not None and claimed.id != job.id:
        pass
    store.jobs.update(job.id, problem_type="classification", metric="accuracy")
    ledger, best = StoreLedger(store, job.id), 0.0
    for place in range(n_trials):
        trial = ledger.enqueue(TrialSpec(place, rng.choice(_ALGORITHMS), {"a": 1.0, "b": 2}), Needs(), at + 60, at, at)
        lease = store.trials.claim(f"owner{place}", worker, "here", Offer(), 60.0, at + 1, at + 1)
        assert lease is not None
        score = 0.5 + rng.random() / 2
        report = TrialReport(TrialStatus.FINISHED, score, (score,) * 5, {"accuracy": score}, 1.0, 1.0, None, file, file)
        store.trials.finish(lease, report, at + 2, at + 2)
        tell_trial(store, store.trials.get(trial.id), at + 2)
        model = ledger.publish_model(_model(job, trial, score, file, at), score, None)
        if score > best:
            best = score
            ledger.champion(
                model, {"score": score, "low": score - 0.1, "high": score, "method": "nested"}, at + 2, at + 2
            )
    finish_job(store, job.id, JobStatus.COMPLETED, at + 60)


def _model(job: Job, trial: Trial, score: float, file: str, at: float) -> Model:
    names = tuple(f"column {number}" for number in range(_COLUMNS - 1))
    schema = tuple({"name": name, "role": "numeric", "dtype": "Float64", "example": 1.5} for name in names)
    importance = Importance("permutation", tuple(ColumnImportance(name, 0.1, 0.01) for name in names))
    return Model(
        trial.id,
        job.id,
        trial.id,
        trial.algorithm,
        trial.algorithm,
        ProblemType.CLASSIFICATION,
        job.target,
        "accuracy",
        score,
        {"accuracy": score},
        (score,) * 5,
        trial.params,
        names,
        ("no", "yes"),
        1.0,
        1.0,
        1000,
        file,
        at,
        ModelDetails(schema=schema, permutation_importance=importance),
    )


def addresses(server: Server) -> list[str]:
    """Every page and list whose size grows with what is stored, with the newest of what there is."""
    job = next(job for job in server.get("/api/training?limit=50")["items"] if job["best_model_id"])
    dataset, model, total = job["dataset_id"], job["best_model_id"], server.get("/api/training?limit=1")["total"]
    name = quote(dataset, safe="")
    return [
        "/",
        "/datasets",
        "/jobs",
        f"/jobs?offset={max(0, total - 50)}",
        "/train",
        "/palette.json",
        f"/jobs/{job['id']}",
        f"/jobs/{job['id']}/results",
        f"/models/{model}",
        f"/models/{model}/playground",
        f"/datasets/{name}",
        f"/datasets/{name}/rows.json?sort=column%201",
        "/api/datasets",
        "/api/datasets?limit=1000",
        f"/api/datasets/{name}",
        f"/api/datasets/{name}/lineage",
        "/api/training",
        "/api/training?limit=1000",
        f"/api/training?limit=50&offset={max(0, total - 50)}",
        f"/api/training/{job['id']}",
        f"/api/training/{job['id']}/trials?limit=1000",
        f"/api/results/job/{job['id']}",
        f"/api/results/job/{job['id']}/leaderboard",
        f"/api/results/model/{model}",
        "/api/stats",
        "/metrics",
    ]


def measure(server: Server, path: str, times: int) -> tuple[str, ...]:
    """The first answer, the median of all and the slowest of the later ones in milliseconds; what one of them takes of
    a core, whatever else the machine does; and its kilobytes."""
    taken, content = [], b""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    used = process.cpu_times()
    for _ in range(times):
        started = time.perf_counter()
        content = server.request("GET", path)
        taken.append((time.perf_counter() - started) * 1000)
    now = process.cpu_times()
    cpu = (now.user - used.user + now.system - used.system) / times * 1000
    figures = (taken[0], statistics.median(taken), max(taken[1:], default=taken[0]), cpu, len(content) / 1000)
    return tuple(f"{figure:,.0f}" for figure in figures)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=10, help="of each run")
    parser.add_argument("--datasets", type=int, default=3_000)
    parser.add_argument("--times", type=int, default=15, help="how often each address is asked for")
    parser.add_argument("--home", type=Path, help="filled where it is not there, and kept")
    parser.add_argument("--command", help="the FlowML to measure (path/flowml.pyz); default: this environment's")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder) / "home"
        if not home.exists():
            started = time.perf_counter()
            fill(home, given.runs, given.trials, given.datasets)
            print(f"filled in {time.perf_counter() - started:.0f} s")
        # Nothing trains here: only what reading costs is measured.
        with Server(home, flowml_command(given.command), environment={"FLOWML_LOCAL_SLOTS": "0"}) as server:
            rows = [[path, *measure(server, path, given.times)] for path in addresses(server)]
    print(table(["address", "first, ms", "median, ms", "slowest, ms", "CPU, ms", "kB"], rows))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
