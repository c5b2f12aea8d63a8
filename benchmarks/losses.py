"""What fitting for the metric brings: each family fitted for squared errors, and for MAE and MAPE themselves.

    python -m benchmarks.losses --data FOLDER --splits 2 [--families ridge,mlp]

Tables: one made up (a skewed positive target, the exponential of a sum) and the regressions of FOLDER, of each so many
training rows drawn from its training file and as many others to look at. No test file is read. Every family has its
first configuration; a fifth of the rows is for stopping, and goes to the others where a family does not stop.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.report import table
from benchmarks.tasks import find_tasks
from flowml.automl import algorithms
from flowml.automl.algorithms.base import Algorithm, Final, FitContext
from flowml.automl.algorithms.fitting.as_asked import Rows, fit_as_asked
from flowml.automl.features.encoder import Encoder
from flowml.automl.features.prepared import prepare
from flowml.automl.scoring.metrics import METRICS
from flowml.automl.task.shape import TaskShape
from flowml.data.profiling.roles import roles_of
from flowml.domain.jobs import ProblemType

ASKED = ("mae", "mape")


def made(n_rows: int, seed: int) -> pl.DataFrame:
    """Eight numbers and a category; the target is the exponential of what they add up to, and noise."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((n_rows, 8))
    level = generator.integers(0, 5, n_rows)
    middle = 0.8 * x[:, 0] + 0.5 * x[:, 1] * (x[:, 2] > 0) + 0.3 * np.sin(2 * x[:, 3])
    middle += np.array([0.0, 0.3, -0.4, 0.6, -0.2])[level]
    y = np.exp(3 + middle + 0.5 * generator.standard_normal(n_rows))
    columns: dict[str, object] = {f"x{index}": x[:, index] for index in range(8)}
    return pl.DataFrame({**columns, "level": [f"level {one}" for one in level], "y": y})


def tables_of(data: Path | None, names: list[str], n_rows: int, seed: int) -> Iterator[tuple[str, pl.DataFrame, str]]:
    """Name, twice `n_rows` rows, target."""
    if not names or "made" in names:
        yield "made", made(2 * n_rows, seed), "y"
    for task in find_tasks(data, names) if data else []:
        if task.regression:
            frame = pl.read_csv(task.train, infer_schema_length=None)
            order = np.random.default_rng(seed).permutation(frame.height)[: 2 * n_rows]
            yield task.name, frame[order.tolist()], task.target


def errors(algorithm: Algorithm, frame: pl.DataFrame, target: str, seed: int) -> dict[str, tuple[float, float]]:
    """For each metric asked for: the error by it when fitted for squared errors, and when fitted for it."""
    half = frame.height // 2
    roles = {name: role for name, role in roles_of(frame).items() if name != target}
    values = frame[target].cast(pl.Float64).to_numpy()
    prepared = prepare(frame.drop(target), roles)
    stops = algorithm.final is Final.BAG
    cut = half * 4 // 5 if stops else half
    learn, stop, new = np.arange(cut), np.arange(cut, half), np.arange(half, frame.height)
    encoder, train = Encoder.fit(algorithm.view, prepared.take(learn), roles, values[learn], 1, seed)
    valid = Rows(encoder.transform(prepared.take(stop)), values[stop]) if stops else None
    unseen = encoder.transform(prepared.take(new)).values
    shape = TaskShape(ProblemType.REGRESSION, half, len(roles), 1)
    params = algorithm.first_configurations(shape)[0]

    def answers(metric: str) -> np.ndarray:
        context = FitContext(ProblemType.REGRESSION, 1, seed, 1, lambda: 1e9, metric=metric)
        return fit_as_asked(algorithm, params, Rows(train, values[learn]), valid, context).predict(unseen)

    squared = answers("rmse")
    return {
        metric: (
            METRICS[metric].score(values[new], squared),
            METRICS[metric].score(values[new], answers(metric)),
        )
        for metric in ASKED
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--tables", type=lambda text: text.split(","), default=[])
    parser.add_argument("--families", type=lambda text: text.split(","), default=[])
    parser.add_argument("--rows", type=int, default=1_500)
    parser.add_argument("--splits", type=int, default=2)
    given = parser.parse_args(arguments)
    lines: list[list[object]] = []
    for algorithm in algorithms.all():
        wanted = not given.families or algorithm.name in given.families
        if not wanted or ProblemType.REGRESSION not in algorithm.problem_types:
            continue
        found: dict[str, list[dict[str, tuple[float, float]]]] = {}
        for seed in range(given.splits):
            for name, frame, target in tables_of(given.data, given.tables, given.rows, seed):
                found.setdefault(name, []).append(errors(algorithm, frame, target, seed))
        for name, splits in found.items():
            means = [np.mean([split[metric] for split in splits], axis=0) for metric in ASKED]
            lines.append([algorithm.name, name, *(float(value) for pair in means for value in pair)])
            print(*lines[-1], flush=True)
    header = ["family", "table", *(f"{metric} {form}" for metric in ASKED for form in ("squared", "as asked"))]
    print(table(header, lines, title="errors on rows never seen"))


if __name__ == "__main__":
    main()
