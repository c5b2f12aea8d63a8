"""Folds drawn at random against folds that keep equal rows together: the same configurations, tested on other rows.

    python -m benchmarks.folds TRAIN.csv --target quality --problem-type regression --metric rmse

The training file is divided by a few seeds: four fifths to learn from, a fifth to judge on. Five fixed configurations
are fitted in either way, and blended; no clock decides anything. Prints the scores on the fifth, and their ratio.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from flowml.automl import algorithms
from flowml.automl.ensemble.contest import Contest
from flowml.automl.ensemble.selection import blend
from flowml.automl.scoring.metrics import METRICS
from flowml.automl.task.task import Task, prepare_task
from flowml.automl.trial.evaluate import EncodedFolds, evaluate
from flowml.data.profiling.roles import roles_of

CONFIGURATIONS = ("lightgbm", "xgboost", "extra_trees", "random_forest", "mlp")


def reached(task: Task, names: list[str], rows: pl.DataFrame, target: np.ndarray) -> tuple[float, float]:
    """The score of the blend by its own folds, and on these rows."""
    folds, metric = EncodedFolds(task), METRICS[task.metric]
    found = []
    for name in names:
        algorithm = algorithms.get(name)
        params = algorithm.first_configurations(task.shape)[0]
        found.append(evaluate(task, folds, algorithm, params, seed=0, threads=1, time_left=lambda: 1e9))
    out_of_fold = [one.out_of_fold[task.validated] for one in found]
    contest = Contest(metric, task.target[task.validated], task.judge_folds, task.n_outputs)
    weights = contest.select([contest.enter(lambda one=one: one) for one in out_of_fold])  # type: ignore[misc]
    said = metric.score(task.target[task.validated], blend(out_of_fold, weights, task.problem_type))
    answers = [one.model.predict(rows) for one in found]
    return said, metric.score(target, blend(answers, weights, task.problem_type))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--metric", default="auto")
    parser.add_argument("--problem-type", default="auto")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--algorithms", default=",".join(CONFIGURATIONS))
    options = parser.parse_args(arguments)
    frame = pl.read_csv(options.table, infer_schema_length=None)
    asked = {"target": options.target, "metric": options.metric, "problem_type": options.problem_type}
    whole = prepare_task(frame, roles_of(frame), **asked)
    ratios = []
    for seed in range(options.splits):
        held = np.random.default_rng(seed).permutation(len(whole.target)) % 5 == 0
        rows = frame.filter(pl.col(options.target).is_not_null())
        learned, judged = rows.filter(pl.Series(~held)), rows.filter(pl.Series(held))
        scores = {}
        for cv in ("together", "stratified"):
            task = prepare_task(learned, roles_of(learned), cv=cv, **asked)
            said, scores[cv] = reached(task, options.algorithms.split(","), judged, whole.target[held])
            print(f"split {seed}  {cv:<11} own folds {said:.5f}  other rows {scores[cv]:.5f}", flush=True)
        ratios.append(scores["stratified"] / scores["together"])
    print(
        f"stratified / together, {whole.metric}: {np.mean(ratios):.4f}  ({', '.join(f'{one:.4f}' for one in ratios)})"
    )


if __name__ == "__main__":
    main()
