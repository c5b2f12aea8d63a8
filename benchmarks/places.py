"""Does a search lose anything by being spread? One place against two, four and eight with the same core-seconds.

python -m benchmarks.places
python -m benchmarks.places --data folder --task titanic --task abalone --budget 45 --seed 0 --seed 1

What is fair: all that belongs to a run (server, conductor, every trial) is held to one core, whatever the number of
places, and has the same budget of wall time. So P places share that core, each is a P-th as fast, and together they
have the core-seconds that one place has: it is a fleet of P machines as fast as that core, with a P-th of the budget,
in slow motion. A trial takes the same part of the budget here as it would there. (What counts in seconds and not in
parts, the shortest time for a trial or between two ensembles, is P times shorter here.) What may be lost then is what
one place knows before it asks for the next trial and P places do not, and what is cut off at the end: P trials.

Each core of this machine measures by itself, one server at a time. Loss: 1 - AUC for two classes, log loss for more,
RMSE for numbers, on the test file, which no run has seen. Ratios are to one place with the same task and seed; the seed
draws folds and search, so differences of some per cent are luck on small tables, and their mean over tasks and seeds is
what counts. It takes about ten minutes, and says nothing on a machine that has other things to do.
"""

import argparse
import itertools
import os
import queue
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality import METRIC, geometric_mean, loss_name
from benchmarks.report import table
from benchmarks.scoring import score
from benchmarks.server import Server, flowml_command
from benchmarks.tasks import Task, find_tasks, made_tasks
from benchmarks.watch import run_watched

PLACES = (1, 2, 4, 8)
_TASKS = ("titanic", "abalone", "german_credit")
# Small ones: on a large table eight places finish no trial in the time in which one finishes several.
_MADE = ("passengers", "houses")
_SEEDS = (0, 1)


@dataclass(frozen=True)
class Line:
    """One run. `fit_share`: of the time that places had, the part that went into trials that finished."""

    task: str
    seed: int
    places: int
    loss: float
    finished: int
    pruned: int
    cut_off: int
    failed: int
    best: str
    seconds: float
    fit_share: float


def run(task: Task, seed: int, places: int, budget: float, command: Sequence[str], folder: Path) -> Line:
    """One run, on the core that this thread is held to."""
    environment = {"FLOWML_LOCAL_SLOTS": str(places)}
    with Server(folder / "home", command, environment=environment) as server:
        dataset = server.upload(task.train)["id"]
        kind = "regression" if task.regression else "classification"
        wanted: dict[str, Any] = {"metric": METRIC[loss_name(task)], "problem_type": kind, "seed": seed}
        job = server.train(dataset, task.target, budget, **wanted)
        job = server.wait(job["id"], timeout=budget + 120)
        trials = server.trials(job["id"])
        best = next(row for row in server.leaderboard(job["id"]) if row["model_id"] == job["best_model_id"])
        model = folder / "model.flowml"
        model.write_bytes(server.request("GET", f"/api/results/model/{job['best_model_id']}/download"))
    predicted = folder / "predicted.csv"
    run_watched([*command, "predict", str(model), str(task.test), "-o", str(predicted)], limit_seconds=300, cwd=folder)
    count = Counter(trial["status"] for trial in trials)
    begun = sum(trial["status"] == "cancelled" and trial["attempt"] > 0 for trial in trials)
    fitted = sum(trial["fit_seconds"] or 0.0 for trial in trials if trial["status"] == "finished")
    return Line(
        *(task.name, seed, places, score(task, predicted).loss, count["finished"], count["pruned"], begun),
        *(count["failed"], best["algorithm"], job["elapsed_seconds"], fitted / (places * job["elapsed_seconds"])),
    )


def run_all(tasks: Sequence[Task], seeds: Sequence[int], budget: float, command: Sequence[str]) -> list[Line]:
    """All runs, as many at a time as this process has cores."""
    # All numbers of places in turn: what else the machine does meets each of them.
    waiting: queue.SimpleQueue[tuple[Task, int, int]] = queue.SimpleQueue()
    for seed, task, places in itertools.product(seeds, tasks, PLACES):
        waiting.put((task, seed, places))
    lines: list[Line] = []
    problems: list[BaseException] = []

    def lane(core: int) -> None:
        # What this thread starts inherits it.
        os.sched_setaffinity(0, {core})
        while not problems:
            try:
                task, seed, places = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                with tempfile.TemporaryDirectory(prefix="flowml-places-") as name:
                    lines.append(run(task, seed, places, budget, command, Path(name)))
            except BaseException as problem:
                problems.append(problem)
                return
            print(*vars(lines[-1]).values(), file=sys.stderr, flush=True)

    lanes = [threading.Thread(target=lane, args=(core,)) for core in sorted(os.sched_getaffinity(0))]
    for thread in lanes:
        thread.start()
    for thread in lanes:
        thread.join()
    if problems:
        raise problems[0]
    return sorted(lines, key=lambda line: (line.task, line.seed, line.places))


def ratios(lines: Sequence[Line], task: str | None, places: int) -> list[float]:
    """Of each run with so many places, its loss over that of one place."""
    one = {(line.task, line.seed): line.loss for line in lines if line.places == 1}
    chosen = [line for line in lines if line.places == places and task in (None, line.task)]
    return [line.loss / one[line.task, line.seed] for line in chosen]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of task folders (default: tables made up here)")
    parser.add_argument(
        "--task", action="append", default=[], help=f"may be given again (default: {', '.join(_TASKS)})"
    )
    parser.add_argument("--budget", type=float, default=45, help="seconds of a run (default: 45)")
    parser.add_argument("--seed", type=int, action="append", default=[], help="may be given again (default: 0 and 1)")
    parser.add_argument("--command", help='what to measure: path/flowml.pyz, "flowml" (default: this environment)')
    given = parser.parse_args(arguments)
    seeds, command = given.seed or _SEEDS, flowml_command(given.command)
    with tempfile.TemporaryDirectory(prefix="flowml-places-tables-") as name:
        made = None if given.data else made_tasks(Path(name), given.task or list(_MADE))
        tasks = made or find_tasks(given.data.resolve(), given.task or list(_TASKS))
        lines = run_all(tasks, seeds, given.budget, command)
    header = (
        "task",
        "seed",
        "places",
        "loss",
        "finished",
        "ended early",
        "cut off",
        "failed",
        "best",
        "seconds",
        "share",
    )
    print(
        table(header, [tuple(vars(line).values()) for line in lines], title=f"Runs of {given.budget:g} s on one core")
    )
    rows = [
        (task or "geometric mean", *(geometric_mean(ratios(lines, task, places)) for places in PLACES[1:]))
        for task in (*dict.fromkeys(line.task for line in lines), None)
    ]
    over = ("test loss over one place's", *(f"{places} places" for places in PLACES[1:]))
    print(table(over, rows, title=f"the same core-seconds, {len(seeds)} seeds a task"))


if __name__ == "__main__":
    main()
