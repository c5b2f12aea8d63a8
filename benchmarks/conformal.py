"""Whether intervals and sets hold the truth as often as was asked, and how wide they are, on rows nobody has seen.

    python -m benchmarks.conformal                                      tables made up here
    python -m benchmarks.conformal --data FOLDER --trials 12 --out lines.jsonl

A task is a folder with train.csv, test.csv and meta.json. Each is learned with a fixed number of trials, and the best
model of the run (mostly the ensemble) answers the test file. `held` is the share of its rows whose truth lies in the
interval or set; `error` the standard error that a share of so many rows has by itself, in points. `width` is the mean
width of the intervals, `constant` that of one half width for all rows from the same residuals (at 0.9, where it held
`constant held`); `size` the mean number of classes in a set, `told` the share of rows whose predicted class is the true
one: it is in every set, so a class that is told more often than was asked is held as often, and `due` is what of all
classes together is to be held then. `worst` is how often the truth was held in the worst fifth of the rows by what is
predicted, of a number, or of the worst class.

One split of a small table says little of coverage: with `--resplits N` the rows of both files are put together and
split anew N times, and of each figure there is the mean. `held` and `width` of rows that also occur in the training
table word for word stand apart (`copies`, `new`).
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

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
    told: float | None = None
    due: float | None = None
    copies: float | None = None
    held_copies: float | None = None
    held_new: float | None = None

    @property
    def is_near(self) -> bool:
        """Within two points, or within what so few rows may be off by themselves (two standard errors)."""
        off = max(_POINTS, 2 * self.error)
        return self.asked - off <= self.held <= max(self.asked, self.due or 0.0) + off


# All of a line that is a figure of its rows.
_FIGURES = tuple(one.name for one in fields(Line) if one.name not in ("task", "model", "rows", "asked", "error"))


def learned(
    task: Task, trials: int, algorithms: Sequence[str] | None = None, resplit: int | None = None
) -> tuple[Run, pl.DataFrame, pl.DataFrame]:
    """The run, the rows of the test file whose truth is known, and those of training. `resplit`: the seed of another
    split of both together, as large; None for the files as they are."""
    frame, columns = read_table(task.train)[:2]
    test = read_table(task.test)[0]
    if resplit is not None:
        # A column of the smaller file may look like another kind.
        rows = pl.concat([frame, test.select(frame.columns).cast(frame.schema, strict=False)])
        order = np.random.default_rng(resplit).permutation(rows.height)
        frame, test = rows[order[: frame.height]], rows[order[frame.height :]]
    run = train(
        frame,
        {one.name: one.role for one in columns},
        target=task.target,
        problem_type="regression" if task.regression else "classification",
        time_budget_seconds=900,
        max_trials=trials,
        algorithm_names=algorithms,
        seed=resplit or 0,
    )
    return run, test.filter(present(test[task.target])), frame


def measure(
    name: str, kind: str, model: FittedModel, test: pl.DataFrame, target: str, training: pl.DataFrame
) -> list[Line]:
    """A line for each coverage."""
    names = [column for column in training.columns if column != target and column in test.columns]
    seen = set(training.select(names).rows())
    is_copy = np.array([row in seen for row in test.select(names).rows()])

    def apart(held: np.ndarray) -> dict[str, float | None]:
        parts = {"held_copies": held[is_copy], "held_new": held[~is_copy]}
        return {"copies": float(is_copy.mean()), **{name: _mean(part) for name, part in parts.items()}}

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
            chosen = model.decide(answers)
            sets = schema.conformal.belong(answers, chosen, coverage)
            held = sets[np.arange(len(truth)), truth]
            rows_of = [truth == code for code in np.unique(truth)]
            worst = min(float(held[rows].mean()) for rows in rows_of)
            due = float(sum(rows.mean() * max(coverage, np.mean((chosen == truth)[rows])) for rows in rows_of))
            share, size, told = float(held.mean()), float(sets.sum(axis=1).mean()), float(np.mean(chosen == truth))
            line = Line(
                name, kind, test.height, coverage, share, error, worst, size=size, told=told, due=due, **apart(held)
            )
            lines.append(line)
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
                **apart(held),
            )
        )
    return lines


def averaged(lines: Sequence[Line]) -> list[Line]:
    """Of several splits one line for each task, model and coverage; `error` is that of the mean over the splits, which
    share their rows, as far as they differ."""
    together: dict[tuple[str, str, float], list[Line]] = {}
    for line in lines:
        together.setdefault((line.task, "twin" if line.model == "twin" else "best", line.asked), []).append(line)
    found = []
    for (_, kind, _), alike in together.items():
        values: dict[str, Any] = {}
        for name in _FIGURES:
            known = [value for one in alike if (value := getattr(one, name)) is not None]
            values[name] = float(np.mean(known)) if known else None
        held = [one.held for one in alike]
        error = float(np.std(held, ddof=1) / np.sqrt(len(held))) if len(held) > 1 else alike[0].error
        found.append(replace(alike[0], model=kind, **{**values, "error": error}))
    return found


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def shown(lines: Sequence[Line]) -> str:
    """All lines."""
    header = (
        *("task", "model", "rows", "asked", "held", "error", "near", "worst", "width", "constant", "constant held"),
        *("constant worst", "size", "told", "due", "copies", "held copies", "held new"),
    )
    rows = [
        (
            *(one.task, one.model, one.rows, one.asked, one.held, one.error, one.is_near, one.worst),
            *(one.width, one.constant, one.constant_held, one.constant_worst, one.size, one.told, one.due),
            *(one.copies, one.held_copies, one.held_new),
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
    parser.add_argument("--resplits", type=int, default=0, help="so many splits of both files together, and their mean")
    parser.add_argument("--out", type=Path, help="append one line of JSON a line of the table")
    given = parser.parse_args(arguments)
    named = None if given.algorithms is None else given.algorithms.split(",")
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="flowml-conformal-") as folder:
        tasks = find_tasks(given.data, given.task) if given.data else made_tasks(Path(folder), given.task)
        for task in tasks:
            started = time.monotonic()
            found = []
            for seed in range(given.resplits) if given.resplits else (None,):
                run, test, training = learned(task, given.trials, named, seed)
                kind = "ensemble" if len(run.model.members) > 1 else run.model.members[0].algorithm
                found += measure(task.name, kind, run.model, test, task.target, training)
                if run.twin is not None:
                    found += measure(task.name, "twin", run.twin.model, test, task.target, training)
            if given.resplits:
                found = averaged(found)
            lines += found
            print(f"{task.name}: {time.monotonic() - started:.0f} s", flush=True)
            if given.out is not None:
                with given.out.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(asdict(line)) + "\n" for line in found)
    print(shown(lines))
    best = [line for line in lines if line.model != "twin"]
    far = [line for line in best if not line.is_near]
    if far:
        raise SystemExit(f"{len(far)} of {len(best)} of the best models are not near what was asked.")


if __name__ == "__main__":
    main()
