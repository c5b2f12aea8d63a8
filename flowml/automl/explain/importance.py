"""Which original columns a model uses."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from flowml.automl.features.prepared import Prepared, prepare
from flowml.automl.model.model import FittedModel
from flowml.automl.scoring.metrics import Metric
from flowml.automl.task.task import Task
from flowml.domain.models import ColumnImportance

_FEWEST_ROWS = 100
_SAFE_SHARE = 0.8


def permutation_importance(
    task: Task,
    model: FittedModel,
    metric: Metric,
    *,
    seed: int,
    time_left: Callable[[], float],
    max_rows: int = 2_000,
    repeats: int = 3,
) -> list[ColumnImportance]:
    """How much the score falls when a column's values are shuffled among the rows (Breiman 2001), best first. What is
    made of one column that callers send is shuffled as that column.

    Bags answer for each row by the fold that has not seen it. In units of the metric, greater is more important;
    `std` over the repeats, None where there was one. With too little time there are fewer repeats, of all columns; an
    empty list when not even one fits.
    """
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.permutation(task.validated)[:max_rows])
    origins = {} if model.schema.recipe is None else model.schema.recipe.single_sources
    features: dict[str, list[str]] = {}
    for feature in task.frame.columns:
        features.setdefault(origins.get(feature, feature), []).append(feature)
    names = list(features)
    sample = _Sample(task, model, metric, chosen)
    started = time_left()
    base = sample.gain()
    one = started - time_left()
    fitting = _SAFE_SHARE * time_left() / max(one * len(names), 1e-9)
    if fitting < 1 and len(chosen) * fitting >= _FEWEST_ROWS:
        # Slow models answer for fewer rows.
        chosen = np.sort(generator.choice(chosen, int(len(chosen) * fitting), replace=False))
        sample = _Sample(task, model, metric, chosen)
        base, fitting = sample.gain(), 1.0
    if fitting < 1 or not np.isfinite(base):
        return []
    drops: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(min(repeats, int(fitting))):
        for name in names:
            if time_left() <= 0:
                # Some columns counted and others not would be misleading.
                whole = min(map(len, drops.values()))
                return _ranked({name: values[:whole] for name, values in drops.items()}) if whole else []
            drops[name].append(base - sample.gain(features[name], generator.permutation(len(chosen))))
    return _ranked(drops)


class _Sample:
    """Some rows of a task, and how good the model is on them with one column, or several alike, shuffled."""

    def __init__(self, task: Task, model: FittedModel, metric: Metric, rows: np.ndarray):
        self._model = model
        self._metric = metric
        self._n_outputs = task.n_outputs
        self._target = task.target[rows]
        self._weights = task.weights_of(rows)
        self._table = prepare(task.frame[rows], task.roles)
        self._rows_of_fold = [np.flatnonzero(task.folds[rows] == fold) for fold in range(task.n_folds)]

    def gain(self, names: Sequence[str] = (), order: np.ndarray | None = None) -> float:
        columns = dict(self._table.columns)
        if order is not None:
            columns |= {name: columns[name].take(order) for name in names}
        shuffled = Prepared(columns, self._table.n_rows)
        answers = np.empty((len(self._target), self._n_outputs))
        for fold, rows in enumerate(self._rows_of_fold):
            if len(rows):
                answers[rows] = self._model.predict_prepared(shuffled.take(rows), fold)
        return self._metric.gain(self._metric.score(self._target, answers, self._weights))


def _ranked(drops: Mapping[str, Sequence[float]]) -> list[ColumnImportance]:
    items = [
        # Shuffled once, a column has no spread that anybody could know.
        ColumnImportance(name, float(np.nanmean(values)), float(np.nanstd(values)) if len(values) > 1 else None)
        for name, values in drops.items()
        if np.isfinite(values).any()
    ]
    return sorted(items, key=lambda item: -item.importance)
