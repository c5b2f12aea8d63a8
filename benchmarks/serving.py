"""What serving costs: the start, the idle server's memory, one warm prediction of each algorithm over HTTP.

python -m benchmarks.serving
python -m benchmarks.serving --command dist/flowml.pyz
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.report import table
from benchmarks.server import Refused, Server, flowml_command

WARM_UP = 20


def starts(folder: Path, command: list[str]) -> list[tuple[Any, ...]]:
    """First start with nothing unpacked and no home, then the median of five warm ones; memory when idle."""
    unpacked = {"SHIV_ROOT": str(folder / "unpacked")} if command[-1].endswith(".pyz") else {}
    server = Server(folder / "home", command, environment=unpacked)
    first = server.start()
    server.stop()
    warm = []
    for _ in range(5):
        warm.append(server.start())
        server.stop()
    server.start()
    time.sleep(5)
    idle = server.resident_mib()
    children = sum(process.memory_info().rss for process in server.family()) / 2**20
    server.stop()
    rows: list[tuple[Any, ...]] = [
        ("first start to HTTP 200", first, "s"),
        ("warm start to HTTP 200", statistics.median(warm), "s"),
        ("idle server, resident", idle, "MiB"),
        ("its children", children, "MiB"),
    ]
    if command[-1].endswith(".pyz"):
        rows.append(("the file", Path(command[-1]).stat().st_size / 1e6, "MB"))
    return rows


def latencies(server: Server, model_id: str, rows: list[dict[str, Any]], calls: int) -> list[float]:
    """Milliseconds from sending one row to having its answer, on one kept connection."""
    taken = []
    for number in range(WARM_UP + calls):
        features = rows[number % len(rows)]
        started = time.perf_counter()
        server.predict(model_id, features)
        taken.append((time.perf_counter() - started) * 1000)
    return taken[WARM_UP:]


def predictions(folder: Path, command: list[str], budget: float, calls: int) -> list[tuple[Any, ...]]:
    """One row for each algorithm that can do the task, and one for the ensemble of a job with all of them."""
    table_rows = tables.passengers(5000)
    path = tables.write_csv(table_rows, folder / "passengers.csv")
    samples = [{name: value for name, value in row.items() if name != "Survived"} for row in table_rows[:200]]
    results: list[tuple[Any, ...]] = []
    with Server(folder / "home", command) as server:
        dataset = server.upload(path)
        algorithms = [
            item["name"] for item in server.get("/api/training/algorithms?problem_type=classification")["items"]
        ]
        for chosen in [*([name] for name in algorithms), None]:
            name = chosen[0] if chosen else "all together"
            options = {"algorithms": chosen, "max_trials": 1} if chosen else {}
            try:
                job = server.train(dataset["id"], "Survived", budget, **options)
            except Refused as error:
                results.append((name, str(error.problem.get("detail", error)), None, None, None))
                continue
            server.wait(job["id"], timeout=budget + 60)
            board = server.leaderboard(job["id"])
            if not board:
                results.append((name, "no model", None, None, None))
                continue
            taken = sorted(latencies(server, board[0]["model_id"], samples, calls))
            size = board[0]["size_bytes"] / 1e6
            p95 = taken[int(0.95 * (len(taken) - 1))]
            results.append((name, board[0]["algorithm"], statistics.median(taken), p95, size))
    return results


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", help='what to measure: path/flowml.pyz, "flowml" (default: this environment)')
    parser.add_argument("--budget", type=float, default=20, help="seconds to train each algorithm (default: 20)")
    parser.add_argument("--calls", type=int, default=300, help="predictions for each algorithm (default: 300)")
    parser.add_argument("--starts-only", action="store_true", help="no training, no predictions")
    given = parser.parse_args(arguments)
    command = flowml_command(given.command)
    if command[-1].endswith(".pyz"):
        command[-1] = str(Path(command[-1]).resolve())
    with tempfile.TemporaryDirectory(prefix="flowml-serving-") as name:
        folder = Path(name)
        print(table(("serving", "", "unit"), starts(folder, command), title=f"Starting, {os.cpu_count()} cores"))
        if not given.starts_only:
            header = ("algorithm", "best model", "p50 ms", "p95 ms", "model MB")
            rows = predictions(folder, command, given.budget, given.calls)
            print(table(header, rows, title="One prediction over HTTP, warm, mixed columns"))


if __name__ == "__main__":
    main()
