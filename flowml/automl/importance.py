"""Which original columns a model uses."""

from collections.abc import Callable
from typing import Any

import numpy as np

from flowml.automl.features.prepared import prepare
from flowml.automl.metrics import Metric
from flowml.automl.model import FittedModel
from flowml.automl.task import Task


def permutation_importance(
    task: Task,
    model: FittedModel,
    metric: Metric,
    *,
    seed: int,
    time_left: Callable[[], float],
    max_rows: int = 2_000,
    repeats: int = 3,
) -> list[dict[str, Any]]:
    """How much the score falls when a column's values are shuffled among the rows (Breiman 2001), best first.

    Bags answer for each row by the fold that has not seen it. In units of the metric, greater is more important;
    `std` over the repeats. With too little time there are fewer repeats; an empty list when not even one fits.
    """
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.permutation(len(task.target))[:max_rows])
    table = prepare(task.frame[chosen], task.roles)
    target, folds = task.target[chosen], task.folds[chosen]
    rows_of_fold = [np.flatnonzero(folds == fold) for fold in range(task.n_folds)]

    def gain(name: str | None, order: np.ndarray) -> float:
        answers = np.empty((len(chosen), task.n_outputs))
        columns = dict(table.columns)
        if name is not None:
            columns[name] = columns[name].take(order)
        shuffled = type(table)(columns, table.n_rows)
        for fold, rows in enumerate(rows_of_fold):
            if len(rows):
                answers[rows] = model.predict_prepared(shuffled.take(rows), fold)
        return metric.gain(metric.score(target, answers))

    started = time_left()
    base = gain(None, np.arange(len(chosen)))
    one = started - time_left()
    names = list(task.frame.columns)
    fitting = int(time_left() / max(one * len(names) * 1.2, 1e-9))
    if fitting < 1:
        return []
    drops = {
        name: [base - gain(name, generator.permutation(len(chosen))) for _ in range(min(repeats, fitting))]
        for name in names
    }
    items = [
        {"feature": name, "importance": float(np.mean(values)), "std": float(np.std(values))}
        for name, values in drops.items()
    ]
    return sorted(items, key=lambda item: -float(item["importance"]))
