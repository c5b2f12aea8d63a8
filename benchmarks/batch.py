"""How many rows a second a file goes through a model, from CSV to CSV and between other formats, beside other
frameworks' own batch calls.

    python -m benchmarks.batch                                    a made-up table, small
    python -m benchmarks.batch --task DATA/adult --rows 1000000   the rows of a task, repeated, as often as that takes
    python -m benchmarks.batch --task DATA/adult --model champion.flowml --peer autogluon=VENV/bin/python --peer h2o=…

Each line is a whole run of the command, with its start. Peers are timed without start and fit, on fewer rows
(`--peer-rows`), since some of them take minutes for so many.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.report import table

HERE = Path(__file__).parent
FORMATS = ("csv", "parquet", "arrow", "jsonl")


def repeated(source: Path, rows: int, target: Path) -> Path:
    """The rows of a CSV file whose records are lines, over and over."""
    header, *lines = source.read_text(encoding="utf-8").splitlines()
    with target.open("w", encoding="utf-8") as file:
        file.write(header + "\n")
        left = rows
        while left > 0:
            part = lines[:left]
            file.write("\n".join(part) + "\n")
            left -= len(part)
    return target


def in_format(source: Path, format: str) -> Path:
    """The same table in another format."""
    import polars as pl

    target = source.with_suffix(f".{format}")
    frame = pl.read_csv(source, infer_schema_length=None)
    writers: dict[str, Callable[[Path], Any]] = {
        "parquet": frame.write_parquet,
        "arrow": frame.write_ipc,
        "jsonl": frame.write_ndjson,
    }
    writers[format](target)
    return target


def made_up(folder: Path) -> Path:
    """A task folder of a made-up table."""
    rows = tables.incomes(8_000)
    for name, part in (("train.csv", rows[:6_000]), ("test.csv", rows[6_000:])):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(part)
    (folder / "meta.json").write_text(json.dumps({"target": list(rows[0])[-1], "problem_type": "binary"}))
    return folder


def predicted(model: Path, rows: Path, target: Path) -> tuple[float, float]:
    """Seconds of the command, and the most MiB that it held."""
    began = time.monotonic()
    command = [sys.executable, "-m", "flowml", "predict", str(model), str(rows), "-o", str(target)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"flowml predict has failed on {rows}")
    return time.monotonic() - began, usage.ru_maxrss / 1024


def by_peer(name: str, python: str, task: Path, budget: float, rows: Path, folder: Path) -> tuple[Any, ...]:
    """A line of one peer; a dash where it fails."""
    out = folder / name
    script = str(HERE / "batch_peers.py")
    done = subprocess.run(
        [python, script, name, str(task), f"{budget:g}", str(rows), str(out)], capture_output=True, text=True
    )
    if done.returncode:
        print(f"{name} failed: {done.stderr.strip().splitlines()[-1:]}")
        return (name, "csv → csv", None, None, None, None)
    found = json.loads((out / "result.json").read_text())
    return (name, "csv → csv", found["rows"], found["seconds"], round(found["rows"] / found["seconds"]), None)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", type=Path, help="folder with train.csv and meta.json (default: made up)")
    parser.add_argument("--model", type=Path, help="a model of that task (default: trained now, for --budget seconds)")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--budget", type=float, default=20.0)
    parser.add_argument("--format", action="append", choices=FORMATS, default=[], help="in and out (default: csv)")
    parser.add_argument(
        "--peer", action="append", default=[], help="NAME=PYTHON; NAME: lightgbm, flaml, autogluon, h2o"
    )
    parser.add_argument("--peer-rows", type=int, default=100_000)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        task = given.task or made_up(folder)
        target = json.loads((task / "meta.json").read_text())["target"]
        model = given.model
        if model is None:
            model = folder / "model.flowml"
            train = [sys.executable, "-m", "flowml", "train", str(task / "train.csv"), "--target", target]
            subprocess.run([*train, "--budget", f"{given.budget:g}", "--out", str(model)], check=True)
        rows = repeated(task / "train.csv", given.rows, folder / "rows.csv")
        lines: list[tuple[Any, ...]] = []
        for format in given.format or ["csv"]:
            path = rows if format == "csv" else in_format(rows, format)
            seconds, memory = predicted(model, path, folder / f"scored.{format}")
            kind = f"{format} → {format}"
            lines.append(("flowml", kind, given.rows, seconds, round(given.rows / seconds), memory))
        for peer in given.peer:
            fewer = repeated(task / "train.csv", min(given.rows, given.peer_rows), folder / "fewer.csv")
            name, python = peer.split("=", 1) if "=" in peer else (peer, sys.executable)
            lines.append(by_peer(name, python, task.absolute(), given.budget, fewer, folder))
        print(table(["", "", "rows", "seconds", "rows/s", "most MiB"], lines))


if __name__ == "__main__":
    main(sys.argv[1:])
