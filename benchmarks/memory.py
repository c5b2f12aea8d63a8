"""How much memory a fit of each algorithm takes, beside what `Algorithm.memory_per_fit` says it will take.

    python -m benchmarks.memory [--algorithm lightgbm] [--seconds 20]

Each fit runs in a process of its own on an encoded table made up here. `took` is how far the resident memory rose
above what it was with the table in it; `said` the estimate. An estimate below the truth lets a machine run out of
memory, one far above it leaves models untried.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.report import table
from flowml.automl import algorithms
from flowml.automl.algorithms.base import FitContext
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.task.shape import TaskShape
from flowml.domain.errors import FlowMLError, NotApplicable
from flowml.domain.jobs import ProblemType

SIZES = ((20_000, 30, 2), (60_000, 60, 2), (60_000, 30, 1), (20_000, 30, 10))


def resident_peak() -> int:
    """Bytes of the highest resident memory since `forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise SystemExit("this measurement needs Linux")


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def measure(name: str, rows: int, columns: int, outputs: int, seconds: float) -> dict[str, float]:
    """One fit here: bytes that it took, and that it was said to take. Raises NotApplicable."""
    algorithm = algorithms.get(name)
    kind = ProblemType.REGRESSION if outputs == 1 else ProblemType.CLASSIFICATION
    shape = TaskShape(kind, rows, columns, outputs, smallest_class=rows // max(outputs, 1))
    algorithm.check(shape)
    chance = np.random.default_rng(0)
    held = rows // 5

    def encoded(count: int) -> Encoded:
        values = chance.standard_normal((count, columns), dtype=np.float32)
        if algorithm.view is not View.NATIVE:
            return Encoded(values, tuple(f"c{index}" for index in range(columns)))
        values[:, :3] = chance.integers(0, 40, (count, 3))
        return Encoded(values, tuple(f"c{index}" for index in range(columns)), (0, 1, 2), (40, 40, 40))

    def target(data: Encoded) -> np.ndarray:
        signal = data.values[:, 3] + data.values[:, 4] * data.values[:, 5] + chance.standard_normal(data.n_rows)
        if outputs == 1:
            return np.asarray(signal, dtype=np.float64)
        ranks = np.argsort(np.argsort(signal))
        return np.asarray(ranks * outputs // data.n_rows, dtype=np.int32)

    train, valid = encoded(rows), encoded(held)
    y, y_valid = target(train), target(valid)
    params = algorithm.first_configurations(shape)[0]
    small = min(rows, 400)
    warm = FitContext(kind, outputs, 0, 1, lambda: 2.0)
    # The libraries themselves are in memory when a trial starts.
    algorithm.fit(params, train.take(np.arange(small)), _every_class(y, small, outputs), None, None, warm)
    until = time.monotonic() + seconds
    context = FitContext(kind, outputs, 0, 1, lambda: until - time.monotonic())
    forget_peak()
    before = resident_peak()
    predictor = algorithm.fit(params, train, y, valid, y_valid, context)
    predictor.predict(valid.values)
    took = resident_peak() - before
    fit_shape = TaskShape(kind, rows + held, columns, outputs)
    return {"took": took, "said": algorithm.memory_per_fit(fit_shape, params)}


def _every_class(target: np.ndarray, count: int, outputs: int) -> np.ndarray:
    return np.asarray(target[:count] if outputs == 1 else np.arange(count, dtype=np.int32) % outputs)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithm", action="append", help="only this one; may be given again")
    parser.add_argument("--seconds", type=float, default=20, help="longest time of one fit (default: 20)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        name, *size = given.one.split(",")
        rows, columns, outputs = map(int, size)
        try:
            print(json.dumps(measure(name, rows, columns, outputs, given.seconds)))
        except NotApplicable as reason:
            print(json.dumps({"reason": reason.detail}))
        except FlowMLError as error:
            print(json.dumps({"failed": error.detail}))
        return
    found = []
    for name in given.algorithm or [algorithm.name for algorithm in algorithms.all()]:
        for rows, columns, outputs in SIZES:
            kind = ProblemType.REGRESSION if outputs == 1 else ProblemType.CLASSIFICATION
            if kind not in algorithms.get(name).problem_types:
                continue
            command = [sys.executable, "-m", "benchmarks.memory", "--one", f"{name},{rows},{columns},{outputs}"]
            done = subprocess.run(
                [*command, "--seconds", str(given.seconds)], capture_output=True, text=True, check=True
            )
            answer = json.loads(done.stdout.splitlines()[-1])
            if "took" not in answer:
                continue
            took, said = answer["took"] / 1e6, answer["said"] / 1e6
            matrix = rows * 1.2 * columns * 4 / 1e6
            found.append((name, rows, columns, outputs, matrix, took, said, said / max(took, 1.0)))
            print(*found[-1], flush=True)
    header = ("algorithm", "rows", "columns", "outputs", "table MB", "took MB", "said MB", "said/took")
    print(table(header, found, title="Memory of one fit"))


if __name__ == "__main__":
    main()
