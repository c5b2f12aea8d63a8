"""Whether jobs end when they promised, and how soon there is something to use.

python -m benchmarks.budget
python -m benchmarks.budget --data FOLDER --task adult --budget 5 --budget 20 --budget 60
"""

import argparse
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.report import table
from benchmarks.server import ENDED, Server, flowml_command
from benchmarks.tasks import Task, find_tasks, made_tasks

HEADER = ("task", "budget s", "start to end s", "asked to ended s", "over s", "first model s", "trials", "best score")


def seconds(later: str, earlier: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def measure(server: Server, task: Task, budget: float) -> tuple[Any, ...]:
    """One row: the times are the server's own (start to end), and this client's (asked to ended)."""
    dataset = server.upload(task.train)
    asked = time.monotonic()
    job = server.train(dataset["id"], task.target, budget)
    first_model = None
    while job["status"] not in ENDED:
        time.sleep(0.02)
        if first_model is None and server.leaderboard(job["id"]):
            first_model = time.monotonic() - asked
        job = server.job(job["id"])
        if time.monotonic() - asked > budget + 120:
            raise SystemExit(f"{task.name}: the job has not ended 120 s after its budget")
    ended = time.monotonic() - asked
    took = seconds(job["finished_at"], job["started_at"])
    return (
        task.name,
        budget,
        took,
        ended,
        max(took, ended) - budget,
        first_model,
        job["trials_finished"],
        job["best_score"],
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of task folders, or one task folder")
    parser.add_argument("--task", action="append", default=[], help="only this one; may be given again")
    parser.add_argument(
        "--budget", type=float, action="append", help="seconds; may be given again (default: 5, 20, 60)"
    )
    parser.add_argument("--command", help='what to measure: path/flowml.pyz, "flowml" (default: this environment)')
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="flowml-budget-") as name:
        folder = Path(name)
        named = given.task or ([] if given.data else ["incomes"])
        tasks = find_tasks(given.data, named) if given.data else made_tasks(folder, named)
        with Server(folder / "home", flowml_command(given.command)) as server:
            rows = [measure(server, task, budget) for task in tasks for budget in given.budget or [5.0, 20.0, 60.0]]
    print(table(HEADER, rows, title="Budget"))


if __name__ == "__main__":
    main()
