"""Whether there is always a model: short runs on a machine that has other things to do.

python -m benchmarks.busy
python -m benchmarks.busy --runs 12 --loops 4 --seed 1 --out busy.jsonl

Runs of 5 and 10 seconds on made-up tables of 100 to 50,000 rows, from the command line, the library and a server in
turn, with busy loops beside them. With `--out` each run becomes a line of JSON there, and what stands there already is
not run again. The wall is that of the whole command, of the library's `fit`, and from request to end of the server.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.report import table
from benchmarks.server import ENDED, Server, flowml_command
from flowml.domain.models import BASELINE

WAYS = ("command line", "library", "server")
BUDGETS = (5.0, 10.0)
MADE = {
    "passengers": (tables.passengers, "Survived"),
    "incomes": (tables.incomes, "income"),
    "houses": (tables.houses, "price"),
}
PATIENCE_SECONDS = 120.0
HEADER = ("way", "runs", "models", "more than baseline", "wall/budget median", "worst", "worst over s", "failures")
LIBRARY = """
import json, sys, time
import polars as pl
from flowml import AutoMLClassifier, AutoMLRegressor
file, target, budget = sys.argv[1], sys.argv[2], float(sys.argv[3])
frame = pl.read_csv(file, infer_schema_length=None)
X, y = frame.drop(target), frame[target]
kind = AutoMLRegressor if target == "price" else AutoMLClassifier
began = time.monotonic()
model = kind(time_budget_seconds=budget).fit(X, y)
wall = time.monotonic() - began
answers = model.predict(X.head(5))
print(json.dumps({"wall": wall, "best": model.leaderboard_[0]["algorithm"], "answers": len(answers)}))
"""


@dataclass(frozen=True)
class Outcome:
    """One run. `best`: the algorithm of its model, None where there is none; then `failure` says why."""

    number: int
    way: str
    made: str
    rows: int
    budget: float
    wall: float
    best: str | None
    failure: str | None = None


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """So many processes that want a core each all the time."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def settings_of(number: int, seed: int) -> tuple[str, float, str, int]:
    """Way, budget, table and rows of a run: the same for the same seed."""
    way = WAYS[number % len(WAYS)]
    budget = BUDGETS[number // len(WAYS) % len(BUDGETS)]
    made = tuple(MADE)[number // (len(WAYS) * len(BUDGETS)) % len(MADE)]
    rows = round(100 * 500 ** random.Random(f"{seed} {number}").random())
    return way, budget, made, rows


class Runs:
    """Does the runs; one server serves all of its own."""

    def __init__(self, folder: Path, command: Sequence[str], environment: Mapping[str, str]):
        self._folder = folder
        self._command = list(command)
        self._environment = environment
        self._server: Server | None = None

    def close(self) -> None:
        if self._server is not None:
            self._server.stop()

    def run(self, number: int, seed: int) -> Outcome:
        way, budget, made, rows = settings_of(number, seed)
        make, target = MADE[made]
        file = tables.write_csv(make(rows, seed=seed + number), self._folder / f"{number}.csv")
        do = {"command line": self._by_command, "library": self._by_library, "server": self._by_server}[way]
        began = time.monotonic()
        try:
            wall, best = do(file, target, budget)
            return Outcome(number, way, made, rows, budget, wall, best)
        except Exception as problem:
            words = " ".join(str(problem).split())[:300]
            return Outcome(number, way, made, rows, budget, time.monotonic() - began, None, words)
        finally:
            file.unlink()

    def _by_command(self, file: Path, target: str, budget: float) -> tuple[float, str]:
        model = self._folder / "model.flowml"
        model.unlink(missing_ok=True)
        words = ["train", str(file), "--target", target, "--budget", f"{budget:g}s", "--out", str(model), "--json"]
        began = time.monotonic()
        answer = self._said([*self._command, *words], budget)
        wall = time.monotonic() - began
        scored = self._folder / "scored.csv"
        self._said([*self._command, "predict", str(model), str(file), "-o", str(scored)], budget)
        if not scored.stat().st_size:
            raise RuntimeError("the model predicts nothing")
        return wall, answer["leaderboard"][0]["algorithm"]

    def _by_library(self, file: Path, target: str, budget: float) -> tuple[float, str]:
        answer = self._said([sys.executable, "-c", LIBRARY, str(file), target, str(budget)], budget)
        if answer["answers"] != 5:
            raise RuntimeError("the model does not answer for each row")
        return answer["wall"], answer["best"]

    def _by_server(self, file: Path, target: str, budget: float) -> tuple[float, str]:
        if self._server is None:
            self._server = Server(self._folder / "home", self._command, environment=self._environment)
            self._server.start()
        dataset = self._server.upload(file)
        began = time.monotonic()
        job = self._server.train(dataset["id"], target, budget)
        while job["status"] not in ENDED:
            if time.monotonic() - began > budget + PATIENCE_SECONDS:
                raise RuntimeError(f"not ended {PATIENCE_SECONDS:g} s after its budget")
            time.sleep(0.05)
            job = self._server.job(job["id"])
        wall = time.monotonic() - began
        if job["best_model_id"] is None:
            raise RuntimeError(f"{job['status']}: {job['error']}")
        self._server.predict(job["id"], {})
        return wall, self._server.leaderboard(job["id"])[0]["algorithm"]

    def _said(self, command: Sequence[str], budget: float) -> Any:
        done = subprocess.run(
            list(command),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=budget + PATIENCE_SECONDS,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-300:] or f"exit code {done.returncode}")
        return json.loads(done.stdout) if done.stdout.strip() else None


def summary(outcomes: Sequence[Outcome]) -> list[tuple[object, ...]]:
    """A row a way."""
    rows: list[tuple[object, ...]] = []
    for way in WAYS:
        of_way = [outcome for outcome in outcomes if outcome.way == way]
        if not of_way:
            continue
        shares = [outcome.wall / outcome.budget for outcome in of_way]
        reasons = dict.fromkeys(outcome.failure for outcome in of_way if outcome.failure)
        rows.append(
            (
                way,
                len(of_way),
                sum(outcome.best is not None for outcome in of_way),
                sum(outcome.best not in (None, BASELINE) for outcome in of_way),
                statistics.median(shares),
                max(shares),
                max(outcome.wall - outcome.budget for outcome in of_way),
                " · ".join(map(str, reasons)) or "none",
            )
        )
    return rows


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100, help="default: 100")
    parser.add_argument("--loops", type=int, default=4, help="busy loops beside them (default: 4)")
    parser.add_argument("--seed", type=int, default=0, help="of the tables (default: 0)")
    parser.add_argument("--out", type=Path, help="a line of JSON a run; runs that stand there are not done again")
    parser.add_argument("--command", help='what to measure: path/flowml.pyz, "flowml" (default: this environment)')
    given = parser.parse_args(arguments)
    # Whoever ends it early wants its loops and its server ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    outcomes: list[Outcome] = []
    if given.out is not None and given.out.exists():
        outcomes = [Outcome(**json.loads(line)) for line in given.out.read_text(encoding="utf-8").splitlines()]
    known = {outcome.number for outcome in outcomes}
    with tempfile.TemporaryDirectory(prefix="flowml-busy-") as name:
        # An installed program has its bytecode; one that is run from its source is given it by the first, unloaded run.
        environment = {word: value for word, value in os.environ.items() if word != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = str(Path(name) / "bytecode")
        runs = Runs(Path(name), flowml_command(given.command), environment)
        try:
            runs.run(0, given.seed)
            with busy_loops(given.loops):
                for number in range(given.runs):
                    if number in known:
                        continue
                    outcome = runs.run(number, given.seed)
                    outcomes.append(outcome)
                    print(
                        f"{number:>4} {outcome.way:<13}{outcome.made:<11}{outcome.rows:>6} rows {outcome.budget:>3g} s "
                        f"{outcome.wall:>6.1f} s  {outcome.best or outcome.failure}",
                        flush=True,
                    )
                    if given.out is not None:
                        with given.out.open("a", encoding="utf-8") as lines:
                            lines.write(json.dumps(asdict(outcome)) + "\n")
        finally:
            runs.close()
    print(table(HEADER, summary(outcomes), title=f"{given.loops} busy loops beside it"))
    if any(outcome.best is None for outcome in outcomes):
        raise SystemExit("some runs ended without a model")


if __name__ == "__main__":
    main()
