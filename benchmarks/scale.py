"""Big tables: whether a run ends in time, how much memory it takes, and whether it beats LightGBM's defaults.

    python -m benchmarks.scale                                1,000,000 × 30, 120 s, through the server and the library
    python -m benchmarks.scale --rows 20000 --columns 1000    a wide one
    python -m benchmarks.scale --budget 20 --budget 60 --way server

The table is made up here (`big_tables.mixed`), with rows that nobody sees before the end. LightGBM with its default
parameters gets all the time that it wants. Memory is that of all processes together, shared pages counted once.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil

from benchmarks import big_tables
from benchmarks.budget import seconds
from benchmarks.report import table
from benchmarks.server import ENDED, Server, flowml_command

HEADER = (
    *("who", "budget s", "took s", "over s", "first model s", "trials", "best model"),
    *("peak MiB", "largest process", "test AUC", "test log loss", "test accuracy"),
)
WAYS = ("server", "library")


def scores(test: Path, probabilities: np.ndarray) -> tuple[float, float, float]:
    """AUC, log loss and accuracy of the probabilities of “yes”."""
    truth = (pl.read_parquet(test, columns=[big_tables.TARGET])[big_tables.TARGET].cast(pl.String)).to_numpy() == "yes"
    ranks = pl.Series(probabilities).rank().to_numpy()
    positives, negatives = truth.sum(), (~truth).sum()
    auc = (ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    chosen = np.clip(np.where(truth, probabilities, 1 - probabilities), 1e-15, 1)
    return float(auc), float(-np.log(chosen).mean()), float(((probabilities > 0.5) == truth).mean())


@contextmanager
def watching(processes: Callable[[], list[psutil.Process]]) -> Iterator[dict[str, float]]:
    """The highest memory of these processes while the block runs, in MiB: of all, and of the largest."""
    peak = {"all": 0.0, "largest": 0.0}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.25):
            found = []
            for process in processes():
                try:
                    found.append(process.memory_full_info().pss / 2**20)
                except (psutil.Error, OSError):
                    continue
            peak["all"] = max(peak["all"], sum(found))
            peak["largest"] = max([peak["largest"], *found])

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def by_lightgbm(train: Path, test: Path) -> tuple[Any, ...]:
    """Default parameters, 100 rounds, categories as its own documentation wants them; all cores, no limit of time."""
    import lightgbm

    frame, held = pl.read_parquet(train), pl.read_parquet(test)
    names = [name for name in frame.columns if name != big_tables.TARGET]
    categorical = [index for index, name in enumerate(names) if frame[name].dtype == pl.String]
    levels = {names[index]: frame[names[index]].drop_nulls().unique().sort() for index in categorical}

    def matrix(part: pl.DataFrame) -> np.ndarray:
        columns = []
        for name in names:
            column = part[name]
            if name in levels:
                codes = pl.DataFrame({name: levels[name], "code": np.arange(len(levels[name]), dtype=np.float32)})
                column = part.select(name).join(codes, on=name, how="left", maintain_order="left")["code"]
            elif column.dtype == pl.Date:
                column = column.cast(pl.Int32)
            columns.append(column.cast(pl.Float32).fill_null(float("nan")).to_numpy())
        return np.column_stack(columns)

    with watching(lambda: [psutil.Process()]) as peak:
        values, target = matrix(frame), (frame[big_tables.TARGET].cast(pl.String) == "yes").to_numpy()
        started = time.monotonic()
        data = lightgbm.Dataset(values, target, categorical_feature=categorical)
        booster = lightgbm.train({"objective": "binary", "verbosity": -1}, data, 100)
        took = time.monotonic() - started
    figures = scores(test, np.asarray(booster.predict(matrix(held))))
    return ("LightGBM defaults", None, took, None, None, 1, "lightgbm", peak["all"], peak["largest"], *figures)


def of_model(model: Path, test: Path, folder: Path) -> tuple[float, float, float]:
    """The scores of a model file on the rows nobody saw, by `flowml predict`."""
    out = folder / "predicted.parquet"
    subprocess.run(
        [*flowml_command(), "predict", str(model), str(test), "-o", str(out)], check=True, capture_output=True
    )
    return scores(test, pl.read_parquet(out, columns=["probability_yes"])["probability_yes"].to_numpy())


def by_server(train: Path, test: Path, folder: Path, budget: float, metric: str) -> tuple[Any, ...]:
    with Server(folder / f"home-{budget:g}") as server:
        dataset = server.upload(train)

        def all_of_them() -> list[psutil.Process]:
            assert server.process is not None
            return [psutil.Process(server.process.pid), *server.family()]

        with watching(all_of_them) as peak:
            asked, first = time.monotonic(), None
            job = server.train(dataset["id"], big_tables.TARGET, budget, metric=metric)
            while job["status"] not in ENDED:
                time.sleep(0.1)
                if first is None and server.leaderboard(job["id"]):
                    first = time.monotonic() - asked
                job = server.job(job["id"])
        for trial in server.trials(job["id"]):
            ended = seconds(trial["finished_at"], job["started_at"])
            known = (trial["score"], trial["fit_seconds"], trial["error"] or "", f"ended after {ended:.1f} s")
            print(
                "   ",
                trial["algorithm"],
                trial["status"],
                *known,
                seconds(trial["finished_at"], job["started_at"]),
                file=sys.stderr,
            )
        if job["status"] != "completed":
            raise SystemExit(f"the job {job['status']}: {job['error']}")
        best = server.leaderboard(job["id"])[0]
        model = folder / "server.flowml"
        model.write_bytes(server.request("GET", f"/api/results/model/{best['model_id']}/download?format=flowml"))
    took = seconds(job["finished_at"], job["started_at"])
    return (
        *("FlowML server", budget, took, took - budget, first, job["trials_finished"], best["algorithm"]),
        *(peak["all"], peak["largest"], *of_model(model, test, folder)),
    )


def by_library(train: Path, test: Path, folder: Path, budget: float, metric: str) -> tuple[Any, ...]:
    model = folder / "library.flowml"
    command = [*flowml_command(), "train", str(train), "--target", big_tables.TARGET, "--budget", f"{budget:g}s"]
    started = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([*command, "--metric", metric, "--out", str(model), "--json"], stdout=said)
        parent = psutil.Process(process.pid)
        with watching(lambda: [parent, *parent.children(recursive=True)]) as peak:
            process.wait()
        took = time.monotonic() - started
        said.seek(0)
        answer = json.loads(said.read() or b"{}")
    if process.returncode:
        raise SystemExit("flowml train failed")
    for name, reason in answer["failures"].items():
        print("   ", name, reason, file=sys.stderr)
    board = answer["leaderboard"]
    return (
        *("FlowML library", budget, took, took - budget, answer.get("first_model_seconds"), len(board)),
        *(board[0]["algorithm"], peak["all"], peak["largest"], *of_model(model, test, folder)),
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="to learn from (default: 1,000,000)")
    parser.add_argument("--columns", type=int, default=30, help="default: 30")
    parser.add_argument("--budget", type=float, action="append", help="seconds; may be given again (default: 120)")
    parser.add_argument("--metric", default="roc_auc", help="what to optimise (default: roc_auc)")
    parser.add_argument("--way", choices=WAYS, action="append", help="only this way (default: both)")
    parser.add_argument("--no-baseline", action="store_true", help="leave LightGBM's defaults out")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="flowml-scale-") as name:
        folder = Path(name)
        train, test = folder / "train.parquet", folder / "test.parquet"
        held = max(given.rows // 10, 1_000)
        parts = big_tables.split(big_tables.mixed(given.rows + held, given.columns, given.seed), held)
        for part, path in zip(parts, (train, test), strict=True):
            part.write_parquet(path)
        del part
        rows = [] if given.no_baseline else [by_lightgbm(train, test)]
        for way in given.way or WAYS:
            run = by_server if way == "server" else by_library
            for budget in given.budget or [120.0]:
                rows.append(run(train, test, folder, budget, given.metric))
                print(*rows[-1], file=sys.stderr)
    print(table(HEADER, rows, title=f"{given.rows:,} × {given.columns}, {given.metric}"))


if __name__ == "__main__":
    main()
