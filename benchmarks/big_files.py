"""A big file from upload to profiled data set, beside bare Polars: python -m benchmarks.big_files

In one run on one machine: `read_csv` + `write_parquet` + one `describe` in a process of their own, then the same file
through a server of its own, with the memory of the server and of the process that imports, and how long pages of the
table, its statistics and its downloads take. `--rows` and `--columns` make it smaller.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import polars as pl

from benchmarks import report
from benchmarks.server import Server
from flowml.machine.facts import resident_bytes

_TRAINERS_START_SECONDS = 8.0
_BARE = """
import sys, time, json, resource
import polars as pl
started = time.perf_counter()
frame = pl.read_csv(sys.argv[1])
frame.write_parquet(sys.argv[2])
frame.describe()
print(json.dumps({"seconds": time.perf_counter() - started,
                  "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
"""


def mixed_table(rows: int, columns: int, seed: int = 0) -> pl.DataFrame:
    """Counts, measurements, money, categories, codes, yes and no, dates, moments and sentences, a tenth of some of
    them missing."""
    chance = np.random.default_rng(seed)
    makers: tuple[Callable[[], pl.Series], ...] = (
        lambda: pl.Series(chance.normal(100, 15, rows).round(4)),
        lambda: pl.Series(chance.integers(0, 1000, rows)),
        lambda: pl.Series(chance.lognormal(3, 1, rows).round(2)),
        lambda: pl.Series(np.array(["red", "green", "blue", "yellow", "black"])[chance.integers(0, 5, rows)]),
        lambda: pl.Series(np.array([f"city {n}" for n in range(300)])[chance.integers(0, 300, rows)]),
        lambda: pl.Series(chance.integers(0, 2, rows)).cast(pl.Boolean),
        lambda: (pl.Series(chance.integers(10_000, 20_000, rows)).cast(pl.Int32).cast(pl.Date)),
        lambda: pl.Series(chance.integers(0, 10**9, rows)),
        lambda: pl.Series(chance.random(rows)),
        lambda: pl.Series(np.array([f"the {a} {b}" for a in "abcdefghij" for b in range(500)])[
            chance.integers(0, 5000, rows)]),
    )  # fmt: skip
    frame = {}
    for index in range(columns):
        column = makers[index % len(makers)]()
        if index % 3 == 0:
            column = column.set(pl.Series(chance.random(rows) < 0.1), None)
        frame[f"c{index:02}"] = column
    return pl.DataFrame(frame)


class PeakMemory:
    """The most memory that a process, and those of its children that work on tables, ever held. Looked at twenty times
    a second, in the cheapest way: the measuring itself must not take a core from what is measured."""

    def __init__(self, pid: int):
        self.server = 0
        self.importer = 0
        self._pid = pid
        self._tasks: dict[int, bool] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            self.server = max(self.server, resident_bytes(self._pid))
            for child in self._children():
                self.importer = max(self.importer, resident_bytes(child))

    def _children(self) -> list[int]:
        found = []
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{self._pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    found += [int(pid) for pid in (thread / "children").read_text().split()]
        return [pid for pid in found if self._works_on_tables(pid)]

    def _works_on_tables(self, pid: int) -> bool:
        if pid not in self._tasks:
            with contextlib.suppress(OSError):
                self._tasks[pid] = b"flowml.data.tasks" in Path(f"/proc/{pid}/cmdline").read_bytes()
        return self._tasks.get(pid, False)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = call()
    return time.perf_counter() - started, answer


def upload(server: Server, path: Path) -> tuple[float, dict[str, Any]]:
    """Seconds from the first byte sent to the answer, and the data set."""
    command = ["curl", "-sS", "-F", f"file=@{path}", f"http://127.0.0.1:{server.port}/api/datasets/upload"]
    seconds, answered = timed(lambda: subprocess.run(command, capture_output=True, check=True).stdout)
    answer = json.loads(answered)
    assert "id" in answer, answer
    return seconds, answer


def measure(rows: int, columns: int, repeats: int) -> None:
    with tempfile.TemporaryDirectory(prefix="flowml-bench-") as name:
        folder = Path(name)
        path = folder / "big.csv"
        mixed_table(rows, columns).write_csv(path)
        size = path.stat().st_size
        bare, ours, peaks = [], [], []
        with Server(folder / "home", environment={"FLOWML_MAX_UPLOAD_MB": "2000"}) as server:
            assert server.process is not None
            for _ in range(repeats):
                out = subprocess.run(
                    [sys.executable, "-c", _BARE, str(path), str(folder / "bare.parquet")],
                    capture_output=True, text=True, check=True,
                ).stdout  # fmt: skip
                bare.append(json.loads(out))
                memory = PeakMemory(server.process.pid)
                seconds, dataset = upload(server, path)
                memory.stop()
                ours.append(seconds)
                peaks.append((memory.server, memory.importer))
                # The trainers come up after an upload: nothing is measured beside them.
                time.sleep(_TRAINERS_START_SECONDS)
            plain = statistics.median(run["seconds"] for run in bare)
            mine = statistics.median(ours)
            print(
                report.table(
                    ("what", "asked", "measured"),
                    [
                        ("file", "", f"{rows:,} × {columns}, {size / 1e6:.0f} MB"),
                        ("read_csv + write_parquet + describe", "", f"{plain:.1f} s"),
                        ("upload to profiled data set", "≤ 2 ×", f"{mine:.1f} s, {mine / plain:.2f} ×"),
                        ("server, peak", "≤ 300 MiB", f"{max(p[0] for p in peaks) / 2**20:.0f} MiB"),
                        ("importing process, peak", "≤ 3 × file", f"{max(p[1] for p in peaks) / size:.2f} × file"),
                        ("bare Polars, peak", "", f"{max(run['peak_bytes'] for run in bare) / size:.2f} × file"),
                    ],
                    title="A big file",
                )
            )
            pages(server, dataset, rows)


def pages(server: Server, dataset: dict[str, Any], rows: int) -> None:
    """Pages, sorted and searched ones, statistics and downloads of an uploaded table."""
    assert server.process is not None
    memory = PeakMemory(server.process.pid)
    base = f"/api/datasets/{dataset['id']}"
    names = [column["name"] for column in dataset["columns"]]

    def several(address: Callable[[int], str], times: int = 7) -> str:
        taken = [timed(lambda at=at: server.request("GET", address(at)))[0] for at in range(times)]  # type: ignore[misc]
        return f"{1000 * statistics.median(taken):.0f} ms (worst {1000 * max(taken):.0f})"

    first_sorts = [timed(lambda n=n: server.request("GET", f"{base}/preview?sort={quote(n)}"))[0] for n in names[:10]]  # type: ignore[misc]
    lines = [
        ("page at any offset", "< 100 ms", several(lambda at: f"{base}/preview?offset={at * (rows // 7)}&limit=50")),
        ("page with a new sort, 10 columns", "< 1 s",
         f"{1000 * statistics.median(first_sorts):.0f} ms (worst {1000 * max(first_sorts):.0f})"),
        ("page of a known sort", "",
         several(lambda at: f"{base}/preview?sort={names[0]}&offset={at * (rows // 7)}")),
        ("page of a new search", "", several(lambda at: f"{base}/preview?search=city%20{at}7", 3)),
        ("statistics", "< 20 ms", several(lambda at: f"{base}/stats")),
        ("distribution of a column", "", several(lambda at: f"{base}/distribution/{names[at]}")),
        ("correlation, first time", "", several(lambda at: f"{base}/correlation", 1)),
        ("correlation, again", "", several(lambda at: f"{base}/correlation")),
        ("quality, first time", "", several(lambda at: f"{base}/quality", 1)),
    ]  # fmt: skip
    memory.stop()
    lines.append(("server, peak of all this", "≤ 300 MiB", f"{memory.server / 2**20:.0f} MiB"))
    lines.append(("table process, peak of all this", "", f"{memory.importer / 2**20:.0f} MiB"))
    print(report.table(("what", "asked", "measured"), lines, title="Its pages"))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args(arguments)
    measure(given.rows, given.columns, given.repeats)


if __name__ == "__main__":
    main()
