"""How often FlowML's own ideas for columns help, and how often a useless one is said to.

    python -m benchmarks.ideas --data FOLDER                     FlowML's own ideas on the train.csv of each task
    python -m benchmarks.ideas --data FOLDER --useless 10        columns drawn at random, which cannot help

`difference` is by the metric of the task's problem type, more is better, with its interval of 95 %; `unseen` the same
difference on the rows of test.csv, of models that have learned from all of train.csv: those had no say in the choice of
the idea.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.report import table
from benchmarks.tasks import Task, find_tasks, made_tasks
from flowml.automl.ideas import measure as measuring
from flowml.automl.ideas.idea import check_idea
from flowml.automl.ideas.measure import MOST_ROWS, Asked, bounds_of, measure
from flowml.automl.ideas.own import own_ideas
from flowml.automl.scoring.decision import objective
from flowml.data.read import read_table
from flowml.domain.datasets import Role
from flowml.domain.ideas import Measured

_RANDOM = "drawn at random"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder of tasks; by default tables made up here")
    parser.add_argument("--tasks", nargs="*", default=[], help="only these")
    parser.add_argument("--useless", type=int, default=0, help="try so many columns drawn at random instead")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tasks = (
            made_tasks(Path(folder), arguments.tasks)
            if arguments.data is None
            else find_tasks(arguments.data, arguments.tasks)
        )
        lines = [line for task in tasks for line in _of_task(task, arguments.useless, arguments.threads)]
    if not lines:
        raise SystemExit("no ideas")
    print(table(list(lines[0]), [[line.get(name) for name in lines[0]] for line in lines]))
    for name in ("boosting", "linear"):
        said = Counter(str(line[f"{name} verdict"]) for line in lines)
        print(f"{name}: {', '.join(f'{count} {verdict}' for verdict, count in sorted(said.items()))}")


def _of_task(task: Task, useless: int, threads: int) -> Iterator[dict[str, Any]]:
    train, columns, _ = read_table(task.train)
    test, _, _ = read_table(task.test)
    train = train.head(MOST_ROWS)
    roles: Mapping[str, Role] = {column.name: column.role for column in columns}
    if useless:
        generator = np.random.default_rng(0)
        for number in range(useless):
            both = [part.with_columns(pl.Series(_RANDOM, generator.normal(size=part.height))) for part in (train, test)]
            operations = [{"op": "derive", "column": "drawn", "expression": f"`{_RANDOM}` * 1"}]
            # Without the idea it is a column that counts as the same in every row, so that nothing is learned from it.
            with_it = {**roles, _RANDOM: Role.CONSTANT}
            yield _line(task, f"random {number + 1}", "random", both[0], both[1], with_it, operations, threads)
        return
    for idea in own_ideas(train, roles, task.target).ideas:
        operations = [dict(operation) for operation in idea.operations]
        yield _line(task, idea.title, idea.kind, train, test, roles, operations, threads)


def _line(
    task: Task,
    title: str,
    kind: str,
    train: pl.DataFrame,
    test: pl.DataFrame,
    roles: Mapping[str, Role],
    operations: list[dict[str, Any]],
    threads: int,
) -> dict[str, Any]:
    began = time.monotonic()
    asked = Asked(task.target)
    measured = measure(train, roles, operations, asked, threads=threads)
    seconds = time.monotonic() - began
    unseen = _unseen(train, test, roles, operations, asked, threads)
    line: dict[str, Any] = {"task": task.name, "idea": title[:60], "kind": kind, "metric": measured.metric}
    for learner in measured.learners:
        line[learner.name] = _in_words(learner.difference.mean, learner.difference.low, learner.difference.high)
        line[f"{learner.name} verdict"] = str(learner.difference.verdict)
        line[f"{learner.name} unseen"] = f"{unseen[learner.name]:+.4f}"
    line |= {"folds": _folds(measured), "s": f"{seconds:.1f}"}
    print(*line.values(), sep=" | ", file=sys.stderr, flush=True)
    return line


def _unseen(
    train: pl.DataFrame,
    test: pl.DataFrame,
    roles: Mapping[str, Role],
    operations: list[dict[str, Any]],
    asked: Asked,
    threads: int,
) -> dict[str, float]:
    """The gain of each family on rows that nobody has looked at."""
    rows = measuring._rows(pl.concat([train, test], how="vertical_relaxed"), asked)
    cut = measuring._rows(train, asked).height
    task = measuring._task(rows, roles, asked, 0)
    fold = measuring._Fold(0, 0, task, np.arange(cut), np.arange(cut, rows.height))
    arms = measuring._Arms(
        rows, task, check_idea(rows, operations, bounds_of(asked, rows, roles, task), roles=roles), {}
    )
    gain = objective(task.metric).gain
    found = {}
    for learner in measuring._learners(task):
        pair = arms.pair(fold, learner, threads)
        known = pair.without is not None and pair.beside is not None
        found[learner.name] = gain(pair.beside or 0.0) - gain(pair.without or 0.0) if known else float("nan")
    return found


def _in_words(mean: float | None, low: float | None, high: float | None) -> str:
    if mean is None:
        return "–"
    return f"{mean:+.4f}" if low is None or high is None else f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"


def _folds(measured: Measured) -> int:
    return max(one.difference.n_folds for one in measured.learners)


if __name__ == "__main__":
    main()
