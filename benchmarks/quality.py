"""How good the models are: the cross-validated score that FlowML states, beside the score on rows it never saw.

    python -m benchmarks.quality                                      tables made up here
    python -m benchmarks.quality --data FOLDER --task titanic --budget 60

A task is a folder with train.csv, test.csv and meta.json ({"target", "problem_type", "positive_class"?}).
"""

import argparse
import csv
import math
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.report import table
from benchmarks.server import Server, flowml_command
from benchmarks.tasks import Task, find_tasks, made_tasks

HEADER = (
    "task",
    "metric",
    "cross-validated",
    "test accuracy",
    "test AUC",
    "test RMSE",
    "trials",
    "best model",
    "wall s",
)


def read_column(path: Path, name: str) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row[name] for row in csv.DictReader(file)]


def auc(truth: list[bool], scores: list[float]) -> float:
    """Area under the ROC curve: the share of pairs in the right order, ties counting half."""
    order = sorted(range(len(scores)), key=scores.__getitem__)
    ranks = [0.0] * len(scores)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and scores[order[end + 1]] == scores[order[start]]:
            end += 1
        for place in range(start, end + 1):
            ranks[order[place]] = (start + end) / 2 + 1
        start = end + 1
    positives = sum(truth)
    negatives = len(truth) - positives
    if not positives or not negatives:
        return math.nan
    return (sum(rank for rank, true in zip(ranks, truth, strict=True) if true) - positives * (positives + 1) / 2) / (
        positives * negatives
    )


def test_scores(task: Task, predicted: Path) -> dict[str, float | None]:
    """Scores of a file that `flowml predict` wrote."""
    truth = read_column(task.test, task.target)
    prediction = read_column(predicted, "prediction")
    scores: dict[str, float | None] = {"accuracy": None, "auc": None, "rmse": None}
    if task.regression:
        errors = [(float(a) - float(b)) ** 2 for a, b in zip(truth, prediction, strict=True)]
        scores["rmse"] = math.sqrt(sum(errors) / len(errors))
        return scores
    hits = [a == b for a, b in zip(truth, prediction, strict=True)]
    scores["accuracy"] = sum(hits) / len(hits)
    if task.positive is not None:
        probabilities = [float(value) for value in read_column(predicted, f"probability_{task.positive}")]
        scores["auc"] = auc([value == task.positive for value in truth], probabilities)
    return scores


def measure(server: Server, task: Task, budget: float, options: dict[str, Any], folder: Path) -> tuple[Any, ...]:
    """One row of the table."""
    dataset = server.upload(task.train)
    started = time.monotonic()
    job = server.train(dataset["id"], task.target, budget, **options)
    job = server.wait(job["id"], timeout=budget + 120)
    wall = time.monotonic() - started
    if job["status"] != "completed":
        raise SystemExit(f"{task.name}: the job {job['status']}: {job['error']}")
    best = server.leaderboard(job["id"])[0]
    model = folder / f"{task.name}.flowml"
    model.write_bytes(server.request("GET", f"/api/results/model/{best['model_id']}/download?format=flowml"))
    predicted = folder / f"{task.name}-predicted.csv"
    command = [*flowml_command(), "predict", str(model), str(task.test), "-o", str(predicted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{task.name}: flowml predict failed: {done.stderr.strip()}")
    scores = test_scores(task, predicted)
    return (
        *(task.name, job["metric"], float(best["score"]), scores["accuracy"], scores["auc"], scores["rmse"]),
        *(job["trials_finished"], best["algorithm"], wall),
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of task folders, or one task folder")
    parser.add_argument("--task", action="append", default=[], help="only this one; may be given again")
    parser.add_argument("--budget", type=float, default=60, help="seconds a job (default: 60)")
    parser.add_argument("--metric", default="auto", help="what to optimise (default: what FlowML chooses)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", help='what to measure: path/flowml.pyz, "flowml" (default: this environment)')
    given = parser.parse_args(arguments)
    options = {"metric": given.metric, "seed": given.seed}
    with tempfile.TemporaryDirectory(prefix="flowml-quality-") as name:
        folder = Path(name)
        tasks = find_tasks(given.data, given.task) if given.data else made_tasks(folder, given.task)
        with Server(folder / "home", flowml_command(given.command)) as server:
            rows = [measure(server, task, given.budget, options, folder) for task in tasks]
    print(table(HEADER, rows, title=f"Quality, {given.budget:g} s a job"))


if __name__ == "__main__":
    main()
