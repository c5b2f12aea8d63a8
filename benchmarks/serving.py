"""What serving costs: the start, the idle server's memory, and one row of each algorithm over HTTP, warm and cold,
beside a bare Starlette echo of the same JSON; while a training run goes on; and over very many predictions.

python -m benchmarks serving                        a table made up here
python -m benchmarks serving --data FOLDER/adult    that task (train.csv, test.csv, meta.json)
python -m benchmarks serving --soak 1000000         so many predictions: growth of memory, errors
python -m benchmarks serving --command dist/flowml.pyz
"""

import argparse
import csv
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.asking import Timed, answer, ask, request
from benchmarks.report import table
from benchmarks.server import Refused, Server, flowml_command, free_port
from benchmarks.tasks import read_task

MANY = 32
ENSEMBLE = "all together"
_ROWS = 200
# Of what learns too slowly from all rows: from so many.
_FEW_ROWS = 3_000
_CONNECTIONS_OF_THE_SOAK = 32
_COLD_ROUNDS = 3
Row = dict[str, Any]


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


@contextmanager
def echo() -> Iterator[int]:
    """A server that answers JSON with JSON, on the same uvicorn; gives its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.echo", str(port)])
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def train_all(server: Server, path: Path, target: str, budget: float, names: Sequence[str]) -> dict[str, str]:
    """A model of each algorithm that can do the task, and of all of them together: its id by its name. One that learns
    too slowly from all rows (SVM, k-NN) learns from a few, and its name says so."""
    dataset = server.upload(path)
    few = server.upload(_few(path, server.home.parent))
    found = [item["name"] for item in server.get("/api/training/algorithms?problem_type=classification")["items"]]
    models: dict[str, str] = {}
    for name in [one for one in (*found, ENSEMBLE) if not names or one in names]:
        for table_id, called in ((dataset["id"], name), (few["id"], f"{name} ({_FEW_ROWS:,} rows)")):
            model_id = _trained(server, table_id, target, budget, name)
            if model_id is not None:
                models[called] = model_id
                break
        else:
            print(f"{name}: no model within {budget:g} seconds")
    return models


def _trained(server: Server, dataset_id: str, target: str, budget: float, name: str) -> str | None:
    options = {} if name == ENSEMBLE else {"algorithms": [name], "max_trials": 1}
    try:
        job = server.train(dataset_id, target, budget, **options)
    except Refused as error:
        print(f"{name}: {error.problem}")
        return None
    server.wait(job["id"], timeout=budget + 120)
    board = [row for row in server.leaderboard(job["id"]) if name == ENSEMBLE or row["algorithm"] == name]
    return board[0]["model_id"] if board else None


def _few(path: Path, folder: Path) -> Path:
    """The first rows of a CSV without breaks in its cells, in a file of its own."""
    target = folder / f"{path.stem}-{_FEW_ROWS}.csv"
    with path.open(encoding="utf-8") as source, target.open("w", encoding="utf-8") as file:
        file.writelines(islice(source, 1 + _FEW_ROWS))
    return target


def asked(server: Server, model_id: str, rows: Sequence[Row]) -> list[bytes]:
    """Requests for one row each."""
    host = f"127.0.0.1:{server.port}"
    bodies = (json.dumps({"model_id": model_id, "features": row}).encode() for row in rows)
    return [request("/api/results/predict", body, host) for body in bodies]


def beside_an_echo(
    server: Server, models: dict[str, str], rows: Sequence[Row], seconds: float
) -> list[tuple[Any, ...]]:
    """Of the echo and of each model: latencies at one and at many connections, and as multiples of the echo's."""
    lines: list[tuple[Any, ...]] = []
    with echo() as port:
        plain = [request("/echo", json.dumps({"model_id": "m", "features": row}).encode(), "127.0.0.1") for row in rows]
        for name, model_id in models.items():
            # A server keeps some models: this one is loaded, and made quick while the echo is asked.
            answer(server.port, asked(server, model_id, rows[:1])[0])
            # Beside each model anew: what else this machine does changes from minute to minute.
            of_echo = [ask(port, plain, seconds, count) for count in (1, MANY)]
            requests = asked(server, model_id, rows)
            found = [ask(server.port, requests, seconds, count) for count in (1, MANY)]
            lines.append((name, *_compared(found[0], of_echo[0]), *_compared(found[1], of_echo[1])))
            print(*lines[-1][:3], flush=True)
    return lines


def _compared(found: Timed, echoed: Timed) -> tuple[float, float, float, float, float, int]:
    p50, of_echo = found.quantile(0.5), echoed.quantile(0.5)
    share = found.per_second / echoed.per_second
    return p50, p50 / of_echo, found.quantile(0.99) / p50, echoed.quantile(0.99) / of_echo, share, found.errors


def cold_loads(home: Path, command: list[str], models: dict[str, str], rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Milliseconds to the first answer of a model that is not in memory, on a server that keeps one."""
    taken: dict[str, list[float]] = {name: [] for name in models}
    with Server(home, command, environment={"FLOWML_MODEL_CACHE_SIZE": "1"}) as server:
        for number in range(_COLD_ROUNDS + 1):
            for name, model_id in models.items():
                content = asked(server, model_id, rows[:1])[0]
                began = time.perf_counter()
                status, _ = answer(server.port, content)
                # In the first round libraries are loaded as well.
                if status == 200 and number:
                    taken[name].append((time.perf_counter() - began) * 1000)
                # What is still done about it beside the first answers is done before the next one.
                time.sleep(0.5)
    return [(name, statistics.median(times), max(times)) for name, times in taken.items() if times]


def while_training(
    server: Server, path: Path, target: str, model_id: str, rows: Sequence[Row], seconds: float
) -> list[tuple[Any, ...]]:
    """The latency of a model without and with a training run on all cores."""
    requests = asked(server, model_id, rows)
    alone = ask(server.port, requests, seconds)
    job = server.train(server.upload(path)["id"], target, max(30.0, 4 * seconds))
    time.sleep(10)
    meanwhile = ask(server.port, requests, 2 * seconds)
    server.post(f"/api/training/{job['id']}/cancel", {})
    return [
        (name, found.quantile(0.5), found.quantile(0.95), found.quantile(0.99), found.errors)
        for name, found in (("alone", alone), ("while a run trains", meanwhile))
    ]


def soak(server: Server, model_ids: Sequence[str], rows: Sequence[Row], most: int) -> list[tuple[Any, ...]]:
    """So many predictions by all these models: memory after the first tenth and at the end, and errors."""
    requests = [content for model_id in model_ids for content in asked(server, model_id, rows)]
    done = errors = 0
    early: float | None = None
    while done < most:
        found = ask(server.port, requests, 5.0, _CONNECTIONS_OF_THE_SOAK)
        done, errors = done + len(found.seconds), errors + found.errors
        if early is None and done >= most / 10:
            early = server.resident_mib()
    return [(done, errors, early, server.resident_mib())]


def table_of(folder: Path, data: Path | None) -> tuple[Path, str, list[Row]]:
    """A CSV to learn from, its target, and rows to ask."""
    if data is not None:
        task = read_task(data)
        with task.test.open(encoding="utf-8", newline="") as file:
            read = [row for _, row in zip(range(_ROWS), csv.DictReader(file), strict=False)]
        return task.train, task.target, [_typed(row, task.target) for row in read]
    made = tables.incomes(12_000)
    path = tables.write_csv(made, folder / "incomes.csv")
    return path, "income", [{name: value for name, value in row.items() if name != "income"} for row in made[:_ROWS]]


def _typed(row: dict[str, str], target: str) -> Row:
    """As a program would send it: numbers as numbers, what is not known as null."""

    def typed(text: str) -> Any:
        try:
            return float(text) if "." in text else int(text)
        except ValueError:
            return text or None

    return {name: typed(value) for name, value in row.items() if name != target}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", help='what to measure: path/flowml.pyz, "flowml" (default: this environment)')
    parser.add_argument("--data", type=Path, help="folder of one task of two classes (default: a table made up here)")
    parser.add_argument("--budget", type=float, default=20, help="seconds to train each algorithm (default: 20)")
    parser.add_argument("--seconds", type=float, default=3, help="of asking, for each figure (default: 3)")
    parser.add_argument("--algorithm", action="append", default=[], help=f"only this one, or “{ENSEMBLE}”")
    parser.add_argument("--soak", type=int, default=0, help="so many predictions more, for memory and errors")
    parser.add_argument("--starts-only", action="store_true", help="no training, no predictions")
    parser.add_argument("--no-starts", action="store_true", help="only predictions")
    given = parser.parse_args(arguments)
    command = flowml_command(given.command)
    if command[-1].endswith(".pyz"):
        command[-1] = str(Path(command[-1]).resolve())
    with tempfile.TemporaryDirectory(prefix="flowml-serving-") as name:
        folder = Path(name)
        if not given.no_starts:
            print(table(("serving", "", "unit"), starts(folder, command), title=f"Starting, {os.cpu_count()} cores"))
        if not given.starts_only:
            _predictions(folder, command, given)


def _predictions(folder: Path, command: list[str], given: argparse.Namespace) -> None:
    path, target, rows = table_of(folder, given.data)
    home = folder / "asked"
    with Server(home, command) as server:
        models = train_all(server, path, target, given.budget, given.algorithm)
        # Whatever training has left to do is done.
        time.sleep(5)
        for model_id in models.values():
            # The first row loads the model, and what makes it quick is made beside the first answers.
            answer(server.port, asked(server, model_id, rows[:1])[0])
            time.sleep(1)
        many = f"at {MANY}"
        header: tuple[str, ...] = ("algorithm", "p50 ms", "echoes", "p99/p50", "echo's", "of its rate", "errors")
        header += (f"p50 {many}", "echoes ", "p99/p50 ", "echo's ", "of its rate ", "errors ")
        lines = beside_an_echo(server, models, rows, given.seconds)
        print(table(header, lines, title=f"One row over HTTP beside an echo, at 1 and {MANY} connections"))
        quick = next((models[name] for name in ("lightgbm", *models) if name in models), None)
        if quick is not None:
            header = ("", "p50 ms", "p95 ms", "p99 ms", "errors")
            lines = while_training(server, path, target, quick, rows, given.seconds)
            print(table(header, lines, title="One row while a training run goes on"))
        if given.soak:
            header = ("predictions", "errors", "MiB after a tenth", "MiB at the end")
            lines = soak(server, list(models.values()), rows, given.soak)
            print(table(header, lines, title="Very many predictions"))
    lines = cold_loads(home, command, models, rows)
    print(table(("algorithm", "median ms", "most ms"), lines, title="The first answer of a model that is cold"))


if __name__ == "__main__":
    main()
