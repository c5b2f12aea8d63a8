"""kill -9 in the middle of training: of the server, of a job's conductor, of a trainer. What is left afterwards?

python -m benchmarks.crash
python -m benchmarks.crash --victim server --budget 30
"""

import argparse
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.report import table
from benchmarks.server import Server, flowml_command

VICTIMS = ("server", "conductor", "trainer")
HEADER = ("killed", "trials before", "still there", "trials at the end", "status", "champion", "score", "back after s")
BEFORE = 3


def finished(server: Server, job_id: str) -> dict[str, float]:
    """Trial id → score of what has finished."""
    return {trial["id"]: trial["score"] for trial in server.trials(job_id) if trial["status"] == "finished"}


def pid_of(server: Server, kind: str) -> int:
    """A child of this server, as it names them itself in /api/stats."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for process in server.get("/api/stats")["processes"]:
            # A trainer counts only while it works on a trial.
            if process["kind"] == kind and (process.get("job_id") or process.get("trial_id")):
                return int(process["pid"])
        time.sleep(0.05)
    raise SystemExit(f"the server names no {kind}")


def measure(folder: Path, victim: str, budget: float, command: list[str]) -> tuple[Any, ...]:
    """One row."""
    path = tables.write_csv(tables.passengers(891), folder / "passengers.csv")
    with Server(folder / f"home-{victim}", command) as server:
        job_id = server.train(server.upload(path)["id"], "Survived", budget)["id"]
        while len(finished(server, job_id)) < BEFORE:
            if server.job(job_id)["status"] not in ("queued", "running"):
                raise SystemExit("the job ended before anything could be killed")
            time.sleep(0.05)
        if victim == "server":
            before = finished(server, job_id)
            server.kill()
        else:
            pid = pid_of(server, victim)
            before = finished(server, job_id)
            os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        if victim == "server":
            server.start()
        while server.job(job_id)["status"] == "running" and len(finished(server, job_id)) <= len(before):
            time.sleep(0.05)
        back = time.monotonic() - killed
        job = server.wait(job_id, timeout=budget + 60)
        after = finished(server, job_id)
        kept = sum(after.get(trial) == score for trial, score in before.items())
        board = server.leaderboard(job_id)
        champion = bool(job["best_model_id"]) and any(row["model_id"] == job["best_model_id"] for row in board)
        return victim, len(before), kept, len(after), job["status"], champion, job["best_score"], back


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--victim", choices=VICTIMS, action="append", help="default: each of them")
    parser.add_argument("--budget", type=float, default=20, help="seconds of the job (default: 20)")
    parser.add_argument("--command", help='what to measure: path/flowml.pyz, "flowml" (default: this environment)')
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="flowml-crash-") as name:
        command = flowml_command(given.command)
        rows = [measure(Path(name), victim, given.budget, command) for victim in given.victim or VICTIMS]
    print(table(HEADER, rows, title=f"kill -9 in the middle of a job of {given.budget:g} s"))
    if any(row[1] != row[2] or row[4] != "completed" or not row[5] for row in rows):
        raise SystemExit("something was lost")


if __name__ == "__main__":
    main()
