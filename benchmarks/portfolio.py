"""Where the first configurations come from: many drawn at random, tried on many tasks, and the few that serve best.

    python -m benchmarks.portfolio collect --data FOLDER --out trials.jsonl --draws 24 --splits 2
    python -m benchmarks.portfolio select trials.jsonl --size 4

`collect` tries, for each task and split, the first configurations of each family and as many drawn from its search
space. A configuration is cross-validated on four fifths of the training table; its loss is that of the bag of its
folds on the last fifth. No test file is read. `select` chooses greedily, for small and large tables of each kind,
the configurations that together come nearest to the best found on each task, where each task's own cross-validation
says which of the chosen ones it takes.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.report import table
from benchmarks.tasks import Task as TaskFiles
from benchmarks.tasks import find_tasks, made_tasks
from flowml.automl import algorithms
from flowml.automl.algorithms.base import Algorithm, ChoiceParameter, IntParameter
from flowml.automl.scoring.metrics import METRICS
from flowml.automl.task.shape import TaskShape
from flowml.automl.task.task import Task, prepare_task
from flowml.automl.trial.evaluate import EncodedFolds, evaluate
from flowml.data.profiling.roles import roles_of
from flowml.domain.errors import FlowMLError

FAMILIES = ("lightgbm", "xgboost", "catboost", "mlp", "extra_trees")
LARGE = 5_000
MIDDLING = 8_000
LONGEST_TRIAL = 120.0


@dataclass(frozen=True)
class Record:
    """One configuration on one split of one task. `gain` is cross-validated, `loss` that on rows never seen."""

    task: str
    split: int
    family: str
    name: str
    kind: str
    params: Mapping[str, Any]
    gain: float
    loss: float
    seconds: float


def draws(algorithm: Algorithm, shape: TaskShape, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The first configurations, then `count` drawn at random: with names that are the same on every task.

    Drawn from the space of a middling table and moved into this one's, so that they can be compared between tasks.
    """
    for number, first in enumerate(algorithm.first_configurations(shape)):
        yield f"first {number}", dict(first)
    chance = np.random.default_rng(7)
    spaces = zip(algorithm.search_space(replace(shape, n_rows=MIDDLING)), algorithm.search_space(shape), strict=True)
    parameters = list(spaces)
    for number in range(count):
        params: dict[str, Any] = {}
        for usual, own in parameters:
            if isinstance(usual, ChoiceParameter) or isinstance(own, ChoiceParameter):
                assert isinstance(own, ChoiceParameter)
                params[own.name] = own.choices[int(chance.integers(len(own.choices)))]
                continue
            low, high, share = float(usual.low), float(usual.high), chance.random()
            value = low * (high / low) ** share if usual.log else low + share * (high - low)
            value = min(max(value, own.low), own.high)
            params[own.name] = round(value) if isinstance(own, IntParameter) else float(f"{value:.3g}")
        yield f"draw {number}", params


def collect(tasks: Sequence[TaskFiles], out: Path, families: Sequence[str], count: int, splits: int, rows: int) -> None:
    """Append a line a configuration to `out`; what is there already is not tried again."""
    import polars as pl

    done = {(one.task, one.split, one.family, one.name) for one in read(out)}
    for files in tasks:
        frame = pl.read_csv(files.train, infer_schema_length=None)
        for split in range(splits):
            order = np.random.default_rng(split).permutation(frame.height)[:rows]
            held, rest = order[: len(order) // 5], order[len(order) // 5 :]
            task = prepare_task(
                frame[rest],
                roles_of(frame),
                target=files.target,
                problem_type="regression" if files.regression else "classification",
                metric="rmse" if files.regression else "roc_auc" if files.positive is not None else "log_loss",
            )
            judged = replace_rows(task, frame[held], files.target)
            folds = EncodedFolds(task)
            for name in families:
                algorithm = algorithms.get(name)
                for label, params in draws(algorithm, task.shape, count):
                    if (files.name, split, name, label) in done:
                        continue
                    record = attempt(Place(files.name, split, label), algorithm, params, task, folds, judged)
                    if record is not None:
                        with out.open("a", encoding="utf-8") as file:
                            file.write(json.dumps(record.__dict__) + "\n")


def replace_rows(task: Task, frame: Any, target: str) -> Task:
    """The same task on other rows: those whose target is known."""
    from flowml.automl.task.target import check_target, present

    frame = frame.filter(present(frame[target]))
    checked = check_target(
        frame[target],
        task.roles.get(target, roles_of(frame)[target]),
        metric=task.metric,
        problem_type=str(task.problem_type),
    )
    values = replace(checked, classes=task.classes).encode(frame[target])
    return replace(task, frame=frame.select(task.frame.columns), target=values)


@dataclass(frozen=True)
class Place:
    """Which task, which split of it, which configuration."""

    task: str
    split: int
    name: str


def attempt(
    place: Place, algorithm: Algorithm, params: dict[str, Any], task: Task, folds: EncodedFolds, judged: Task
) -> Record | None:
    """Try one configuration; None where it failed."""
    metric = METRICS[task.metric]
    end = time.monotonic() + LONGEST_TRIAL
    started = time.monotonic()
    try:
        found = evaluate(task, folds, algorithm, params, seed=0, threads=1, time_left=lambda: end - time.monotonic())
    except FlowMLError as error:
        print(f"{place} {algorithm.name}: {error.detail}")
        return None
    gain = metric.gain(metric.score(judged.target, found.model.predict(judged.frame)))
    kind = f"{task.problem_type}, {'large' if len(task.target) >= LARGE else 'small'}"
    loss = 1 - gain if task.metric == "roc_auc" else -gain
    seconds = time.monotonic() - started
    return Record(
        place.task, place.split, algorithm.name, place.name, kind, params, metric.gain(found.score), loss, seconds
    )


def read(path: Path) -> list[Record]:
    """The lines of a file that `collect` wrote."""
    if not path.is_file():
        return []
    return [Record(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line]


def select(records: Sequence[Record], size: int) -> None:
    """Print the chosen configurations of each family and kind of table, with what each adds."""
    for kind in sorted({one.kind for one in records}):
        for family in FAMILIES:
            own = [one for one in records if one.kind == kind and one.family == family]
            if own:
                print(_choose(kind, family, own, size))


def _choose(kind: str, family: str, records: Sequence[Record], size: int) -> str:
    places = sorted({(one.task, one.split) for one in records})
    configurations = sorted({one.name for one in records})
    gains = np.full((len(configurations), len(places)), -np.inf)
    losses = np.full((len(configurations), len(places)), np.nan)
    seconds = np.full((len(configurations), len(places)), np.nan)
    params: dict[str, Mapping[str, Any]] = {}
    for one in records:
        params[one.name] = one.params
        where = configurations.index(one.name), places.index((one.task, one.split))
        gains[where], losses[where], seconds[where] = one.gain, one.loss, one.seconds
    usable = np.flatnonzero(np.isfinite(losses).all(axis=1))
    if not len(usable):
        return f"\n{family}, {kind}: no configuration was tried on all of {len(places)} places"
    best = np.nanmin(losses, axis=0)
    chosen: list[int] = []
    rows = []
    for _ in range(min(size, len(usable))):
        scored = []
        for candidate in usable:
            if candidate in chosen:
                continue
            taken = np.array([*chosen, candidate])
            picks = taken[gains[taken].argmax(axis=0)]
            scored.append((float(np.log(losses[picks, range(len(places))] / best).mean()), int(candidate)))
        value, taken_next = min(scored)
        chosen.append(taken_next)
        label = configurations[taken_next]
        rows.append((float(np.exp(value)), float(np.median(seconds[taken_next])), label, json.dumps(params[label])))
    return table(("loss over the best", "seconds", "name", "one of its forms"), rows, title=f"{family}, {kind}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    collecting = commands.add_parser("collect")
    collecting.add_argument("--data", type=Path, help="folder of task folders (default: tables made up here)")
    collecting.add_argument("--task", action="append", default=[])
    collecting.add_argument("--out", type=Path, required=True)
    collecting.add_argument("--family", action="append", default=[])
    collecting.add_argument("--draws", type=int, default=24)
    collecting.add_argument("--splits", type=int, default=2)
    collecting.add_argument("--rows", type=int, default=15_000, help="at most so many of a table")
    selecting = commands.add_parser("select")
    selecting.add_argument("trials", type=Path)
    selecting.add_argument("--size", type=int, default=4)
    given = parser.parse_args(arguments)
    if given.command == "select":
        select(read(given.trials), given.size)
        return
    with TemporaryDirectory(prefix="flowml-portfolio-") as name:
        tasks = find_tasks(given.data, given.task) if given.data else made_tasks(Path(name), given.task)
        collect(tasks, given.out, given.family or FAMILIES, given.draws, given.splits, given.rows)


if __name__ == "__main__":
    main()
