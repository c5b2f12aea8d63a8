"""Whether the range that FlowML states for new rows holds what new rows bring.

    python -m benchmarks.estimate                                       tables made up here
    python -m benchmarks.estimate --data FOLDER --splits 4 --trials 10 --out splits.jsonl

Of each table some rows are drawn to learn from, and all others are the new rows; again for every split, with another
metric in turn. A split has a fixed number of trials and no time limit worth the name, so that what comes out does not
depend on the load of the machine. `held` is the share of splits whose score on the new rows lies within the stated
range; it should be 90 %. New rows are a sample, too, and where they are few their own noise is worth as much as the
range: `held, test's noise` adds it (the spread of the test score over resamples of the test rows). `bias` is how much
better the model is said to be than it turns out, in per cent of the score on new rows, and `width` the range's,
likewise; `tail` is how often new rows were worse than the range's bad end (it should be 5 %).
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks import tables
from benchmarks.report import table
from benchmarks.tasks import find_tasks
from flowml.automl import algorithms as algorithms_of
from flowml.automl.scoring.decision import weighted
from flowml.automl.scoring.metrics import METRICS
from flowml.automl.task.target import present
from flowml.data.read import read_table
from flowml.domain.datasets import Role
from flowml.domain.jobs import ProblemType
from flowml.library.run import Run, train

CLASSIFICATION = ("accuracy", "roc_auc", "log_loss", "balanced_accuracy", "f1")
REGRESSION = ("rmse", "r2", "mae")
MOST_NEW = 12_000
SHARE_LEARNED = 0.6
RESAMPLES = 200
NORMAL = 1.645


@dataclass(frozen=True)
class Source:
    """A table to draw from."""

    name: str
    path: Path
    target: str
    regression: bool


@dataclass(frozen=True)
class Split:
    """What was said of a model, and what it reached on `new` rows. `noise`: standard deviation of the latter."""

    name: str
    metric: str
    seed: int
    learned: int
    new: int
    said: float
    low: float
    high: float
    reached: float
    noise: float
    seconds: float

    @property
    def held(self) -> bool:
        return self.low <= self.reached <= self.high

    @property
    def held_with_noise(self) -> bool:
        noise = NORMAL * self.noise
        below, above = math.hypot(self.said - self.low, noise), math.hypot(self.high - self.said, noise)
        return self.said - below <= self.reached <= self.said + above

    @property
    def worse_than_said(self) -> bool:
        return self.reached < self.low if METRICS[self.metric].greater_is_better else self.reached > self.high

    @property
    def bias(self) -> float:
        better = self.said - self.reached if METRICS[self.metric].greater_is_better else self.reached - self.said
        return 100 * better / abs(self.reached)

    @property
    def width(self) -> float:
        return 100 * (self.high - self.low) / abs(self.reached)


def sources(data: Path | None, names: Sequence[str], folder: Path) -> list[Source]:
    """The tables made up here and the task folders of `data`, each with all its rows in one file."""
    made = {
        "passengers": (tables.passengers(13_000), "Survived", False),
        "incomes": (tables.incomes(14_000), "income", False),
        "houses": (tables.houses(13_000), "price", True),
    }
    found = [
        Source(name, tables.write_csv(rows, folder / f"{name}.csv"), target, regression)
        for name, (rows, target, regression) in made.items()
    ]
    for task in find_tasks(data, []) if data else []:
        path = folder / f"{task.name}-all.csv"
        rest = task.test.read_text(encoding="utf-8").split("\n", 1)[1]
        path.write_text(task.train.read_text(encoding="utf-8").rstrip("\n") + "\n" + rest, encoding="utf-8")
        found.append(Source(task.name, path, task.target, task.regression))
    return [source for source in found if not names or source.name in names]


def measure(
    source: Source,
    frame: pl.DataFrame,
    roles: Mapping[str, Role],
    seed: int,
    *,
    trials: int,
    rows: int,
    algorithms: Sequence[str] | None = None,
) -> Split:
    """Draw `rows` (or most of what there are), train, and look at the others."""
    order = np.random.default_rng(seed).permutation(frame.height)
    learned = min(rows, int(SHARE_LEARNED * frame.height))
    new = frame[order[learned : learned + MOST_NEW]]
    metrics = REGRESSION if source.regression else CLASSIFICATION
    metric = metrics[seed % len(metrics)]
    started = time.monotonic()
    run = train(
        frame[order[:learned]],
        roles,
        target=source.target,
        problem_type="regression" if source.regression else "classification",
        metric=metric,
        time_budget_seconds=900,
        max_trials=trials,
        algorithm_names=None if algorithms is None else _fitting(algorithms, source.regression),
        seed=seed,
    )
    seconds = time.monotonic() - started
    assert run.estimate is not None
    reached, noise = score_on(run, new)
    return Split(
        name=source.name,
        metric=metric,
        seed=seed,
        learned=learned,
        new=new.height,
        said=run.estimate.score,
        low=run.estimate.low,
        high=run.estimate.high,
        reached=reached,
        noise=noise,
        seconds=seconds,
    )


def _fitting(names: Sequence[str], regression: bool) -> list[str]:
    kind = ProblemType.REGRESSION if regression else ProblemType.CLASSIFICATION
    return [name for name in names if kind in algorithms_of.get(name).problem_types]


def score_on(run: Run, new: pl.DataFrame) -> tuple[float, float]:
    """The score of the model on rows that it has not seen, and its standard deviation over resamples of them."""
    task, model = run.task, run.model
    new = new.filter(present(new[task.target_name]))
    if task.classes is None:
        truth = new[task.target_name].cast(pl.Float64).to_numpy()
    else:
        codes = {label: code for code, label in enumerate(task.classes)}
        truth = np.array([codes[str(label)] for label in new[task.target_name].to_list()], dtype=np.int32)
    answers = weighted(model.predict(new), model.decision)
    score: Callable[..., float] = METRICS[task.metric].score
    generator = np.random.default_rng(0)
    drawn = (generator.integers(0, len(truth), len(truth)) for _ in range(RESAMPLES))
    return score(truth, answers), float(np.std([score(truth[rows], answers[rows]) for rows in drawn]))


def shown(splits: Sequence[Split]) -> str:
    """A line a table, a line a metric, and all."""
    groups = [(name, [one for one in splits if one.name == name]) for name in dict.fromkeys(s.name for s in splits)]
    groups += [
        (metric, [one for one in splits if one.metric == metric]) for metric in sorted({s.metric for s in splits})
    ]
    header = ("", "splits", "rows", "held", "held, test's noise", "tail", "bias %", "width %", "width / noise of test")
    rows = [
        (
            name,
            len(group),
            round(float(np.mean([one.learned for one in group]))),
            float(np.mean([one.held for one in group])),
            float(np.mean([one.held_with_noise for one in group])),
            float(np.mean([one.worse_than_said for one in group])),
            float(np.mean([one.bias for one in group])),
            float(np.mean([one.width for one in group])),
            float(np.mean([(one.high - one.low) / (2 * NORMAL * one.noise) for one in group if one.noise])),
        )
        for name, group in [*groups, ("all", list(splits))]
    ]
    return table(header, rows, title="What was said of models, and what new rows brought")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of task folders (train.csv, test.csv, meta.json) as well")
    parser.add_argument("--task", action="append", default=[], help="only this one; may be given again")
    parser.add_argument("--splits", type=int, default=15, help="of each table (default: 15)")
    parser.add_argument("--trials", type=int, default=10, help="models of each split (default: 10)")
    parser.add_argument("--rows", type=int, default=1_000, help="to learn from in each split (default: 1000)")
    parser.add_argument("--algorithms", help="only these, with commas")
    parser.add_argument("--out", type=Path, help="append one line of JSON a split")
    given = parser.parse_args(arguments)
    named = None if given.algorithms is None else given.algorithms.split(",")
    splits: list[Split] = []
    with tempfile.TemporaryDirectory(prefix="flowml-estimate-") as name:
        found = sources(given.data, given.task, Path(name))
        read = {source.name: read_table(source.path)[:2] for source in found}
        # Table after table in each round, so that what there is after a while is a bit of everything.
        for seed in range(given.splits):
            for source in found:
                frame, columns = read[source.name]
                roles = {one.name: one.role for one in columns}
                splits.append(
                    measure(
                        source,
                        frame,
                        roles,
                        seed,
                        trials=given.trials,
                        rows=given.rows,
                        algorithms=named,
                    )
                )
                _note(splits[-1], given.out)
    print(shown(splits))


def _note(split: Split, out: Path | None) -> None:
    print(
        f"{split.name} {split.metric}: said {split.said:.4g} ({split.low:.4g} to {split.high:.4g}),"
        f" reached {split.reached:.4g}, {split.seconds:.0f} s",
        file=sys.stderr,
        flush=True,
    )
    if out is not None:
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(split)) + "\n")


if __name__ == "__main__":
    main()
