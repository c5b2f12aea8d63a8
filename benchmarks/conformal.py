"""Whether intervals and sets hold the truth as often as was asked, and how wide they are, on rows nobody has seen.

    python -m benchmarks.conformal                                      tables made up here
    python -m benchmarks.conformal --data FOLDER --trials 12 --out lines.jsonl

A task is a folder with train.csv, test.csv and meta.json. Each is learned with a fixed number of trials, and the best
model of the run (mostly the ensemble) answers the test file. `held` is the share of its rows whose truth lies in the
interval or set; `error` the standard error that a share of so many rows has by itself, in points. `width` is the mean
width of the intervals, `constant` that of one half width for all rows from the same residuals (at 0.9, where it held
`constant held`); `size` the mean number of classes in a set, `empty` the share of sets without any. `worst` is how
often the truth was held in the worst fifth of the rows by what is predicted, of a number, or of the worst class.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.report import table
from benchmarks.tasks import Task, find_tasks, made_tasks
from flowml.automl.model.model import FittedModel
from flowml.automl.task.target import present
from flowml.data.read import read_table
from flowml.library.run import Run, train

COVERAGES = (0.8, 0.9, 0.95)
_POINTS = 0.02
_FIFTHS = 5


@dataclass(frozen=True)
class Line:
    """One model at one coverage. Of classes `width` and what is constant are None, of numbers `size` and `empty`."""

    task: str
    model: str
    rows: int
    asked: float
    held: float
    error: float
    worst: float
    width: float | None = None
    constant: float | None = None
    constant_held: float | None = None
    constant_worst: float | None = None
    size: float | None = None
    empty: float | None = None

    @property
    def is_near(self) -> bool:
        """Within two points, or within what so few rows may be off by themselves (two standard errors)."""
        return abs(self.held - self.asked) <= max(_POINTS, 2 * self.error)


def learned(task: Task, trials: int, algorithms: Sequence[str] | None = None) -> tuple[Run, pl.DataFrame]:
    """The run, and the rows of the test file whose truth is known."""
    frame, columns = read_table(task.train)[:2]
    run = train(
        frame,
        {one.name: one.role for one in columns},
        target=task.target,
        problem_type="regression" if task.regression else "classification",
        time_budget_seconds=900,
        max_trials=trials,
        algorithm_names=algorithms,
    )
    test = read_table(task.test)[0]
    return run, test.filter(present(test[task.target]))


def measure(name: str, kind: str, model: FittedModel, test: pl.DataFrame, target: str) -> list[Line]:
    """A line for each coverage."""
    answers = model.predict(test)
    schema = model.schema
    features = test if schema.recipe is None else schema.recipe.transform(test)
    lines = []
    for coverage in COVERAGES:
        error = float(np.sqrt(coverage * (1 - coverage) / test.height))
        if schema.classes is not None:
            assert schema.conformal is not None
            codes = {label: code for code, label in enumerate(schema.classes)}
            truth = np.array([codes[str(label)] for label in test[target].to_list()])
            sets = schema.conformal.belong(answers, coverage)
            held = sets[np.arange(len(truth)), truth]
            sizes = sets.sum(axis=1)
            worst = min(float(held[truth == code].mean()) for code in np.unique(truth))
            share, size, empty = float(held.mean()), float(sizes.mean()), float(np.mean(sizes == 0))
            lines.append(Line(name, kind, test.height, coverage, share, error, worst, size=size, empty=empty))
            continue
        values, truth = answers[:, 0], test[target].cast(pl.Float64).to_numpy()
        found = model.intervals(features, answers, coverage)
        assert found is not None and schema.conformal is not None
        low, high, _ = found
        held = (low <= truth) & (truth <= high)
        # It is known for one coverage alone.
        half = schema.interval_half_width if coverage == schema.interval_coverage else None
        constant = None if half is None else np.abs(truth - values) <= half
        parts = np.array_split(np.argsort(values, kind="stable"), _FIFTHS)
        lines.append(
            Line(
                name,
                kind,
                test.height,
                coverage,
                float(held.mean()),
                error,
                min(float(held[part].mean()) for part in parts),
                width=float(np.mean(high - low)),
                constant=None if half is None else 2 * half,
                constant_held=None if constant is None else float(constant.mean()),
                constant_worst=None if constant is None else min(float(constant[part].mean()) for part in parts),
            )
        )
    return lines


def shown(lines: Sequence[Line]) -> str:
    """All lines."""
    header = (
        *("task", "model", "rows", "asked", "held", "error", "near", "worst", "width", "constant", "constant held"),
        *("constant worst", "size", "empty"),
    )
    rows = [
        (
            *(one.task, one.model, one.rows, one.asked, one.held, one.error, one.is_near, one.worst),
            *(one.width, one.constant, one.constant_held, one.constant_worst, one.size, one.empty),
        )
        for one in lines
    ]
    return table(header, rows, title="How often the truth was held, on rows that nobody had seen")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of task folders (train.csv, test.csv, meta.json)")
    parser.add_argument("--task", action="append", default=[], help="only this one; may be given again")
    parser.add_argument("--trials", type=int, default=12, help="models of each run (default: 12)")
    parser.add_argument("--algorithms", help="only these, with commas")
    parser.add_argument("--out", type=Path, help="append one line of JSON a line of the table")
    given = parser.parse_args(arguments)
    named = None if given.algorithms is None else given.algorithms.split(",")
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="flowml-conformal-") as folder:
        tasks = find_tasks(given.data, given.task) if given.data else made_tasks(Path(folder), given.task)
        for task in tasks:
            started = time.monotonic()
            run, test = learned(task, given.trials, named)
            kind = "ensemble" if len(run.model.members) > 1 else run.model.members[0].algorithm
            found = measure(task.name, kind, run.model, test, task.target)
            if run.twin is not None:
                found += measure(task.name, "twin", run.twin.model, test, task.target)
            lines += found
            print(f"{task.name}: {time.monotonic() - started:.0f} s", flush=True)
            if given.out is not None:
                with given.out.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(asdict(line)) + "\n" for line in found)
    print(shown(lines))
    far = [line for line in lines if not line.is_near and line.model != "twin"]
    if far:
        raise SystemExit(f"{len(far)} of {len(lines)} are not near what was asked.")


if __name__ == "__main__":
    main()
