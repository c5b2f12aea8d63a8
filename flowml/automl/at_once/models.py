"""Models that are there at once, whatever the load: a run never ends with nothing.

First the baseline, which cannot fail: one answer for every row. Then, each on a sample of the rows, a linear model and
a small tree, which need numpy alone: no library has to be imported and no process started for them. They are scored
as all others are, by rows that they have not seen, and stand on the leaderboard; no ensemble is made of them, and they
are the best model only where nothing better was found.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext, Parameter
from flowml.automl.at_once.constant import fit_constant
from flowml.automl.at_once.linear import fit_linear
from flowml.automl.at_once.tree import fit_tree
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.features.encoder import Encoder
from flowml.automl.predictors.base import Predictor
from flowml.automl.task.shape import TaskShape
from flowml.automl.task.task import Task
from flowml.automl.trial.attempt import Means, attempt
from flowml.automl.trial.evaluate import EncodedFold, EncodedFolds
from flowml.automl.trial.outcome import Outcome
from flowml.domain.datasets import Role
from flowml.domain.models import BASELINE, FIRST_LINEAR, FIRST_TREE, MADE_AT_ONCE
from flowml.domain.trials import TrialSpec, TrialStatus

# As many rows as give linear algebra of some hundred columns in a moment.
_MOST_ROWS = 4_000
_FEWEST_ROWS = 300
_MOST_CELLS = 400_000
# Rows times classes.
_MOST_SHARES = 1_000_000
_UNLIMITED_SECONDS = 1e9


class _AtOnce(Algorithm):
    """One of these models: there is nothing to choose, and it is not registered, because nobody asks for it."""

    category = Category.LINEAR
    view = View.DENSE
    final = Final.REFIT

    def __init__(self, name: str, fit: Callable[[Encoded, np.ndarray, FitContext], Predictor]):
        self.name = name  # type: ignore[misc]
        self.title = MADE_AT_ONCE[name]  # type: ignore[misc]
        self._fit = fit

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return ()

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        return ({},)

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.05

    def fit(
        self,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded | None,
        valid_target: np.ndarray | None,
        context: FitContext,
    ) -> Predictor:
        return self._fit(train, target, context)


class _Unencoded(EncodedFolds):
    """The folds for a model that looks at no column."""

    def __init__(self, task: Task, encoded: EncodedFolds):
        self._task = task
        self.schema = encoded.schema

    def fold(self, view: View, fold: int, max_rows: int | None = None) -> EncodedFold:
        return self._empty(view, self._task.train_rows(fold), self._task.valid_rows(fold))

    def everything(self, view: View, max_rows: int | None = None) -> EncodedFold:
        return self._empty(view, self._task.train_rows(None), np.empty(0, dtype=np.int64))

    def _empty(self, view: View, train_rows: np.ndarray, valid_rows: np.ndarray) -> EncodedFold:
        train, valid = (Encoded(np.empty((len(rows), 0), dtype=np.float32), ()) for rows in (train_rows, valid_rows))
        return EncodedFold(Encoder(view, ()), train_rows, valid_rows, train, valid)


def models_at_once(
    task: Task, *, quick: bool, time_left: Callable[[], float], wanted: Callable[[], bool] = lambda: True
) -> Iterator[Outcome]:
    """The baseline, which takes as long as it takes; then with `quick` the two others, while there is time for them
    and they are `wanted`. Those that did not come to an end are left out: nobody has asked for them."""
    # What texts say takes a while to learn; where there is nothing else, it has to be learned all the same.
    columns = [name for name, role in task.roles.items() if role is not Role.TEXT] or list(task.roles)
    folds = EncodedFolds(task, columns=columns)
    yield _evaluated(
        task, _Unencoded(task, folds), _AtOnce(BASELINE, lambda train, target, context: fit_constant(target, context))
    )
    if not quick:
        return
    affordable = min(_MOST_CELLS / max(task.frame.width, 1), _MOST_SHARES / task.n_outputs)
    rows = int(np.clip(affordable, _FEWEST_ROWS, _MOST_ROWS))
    for algorithm in (_AtOnce(FIRST_LINEAR, fit_linear), _AtOnce(FIRST_TREE, fit_tree)):
        if time_left() <= 0 or not wanted():
            return
        found = _evaluated(task, folds, algorithm, rows, time_left, wanted)
        if found.status is TrialStatus.FINISHED:
            yield found


def _evaluated(
    task: Task,
    folds: EncodedFolds,
    algorithm: _AtOnce,
    max_rows: int | None = None,
    time_left: Callable[[], float] = lambda: _UNLIMITED_SECONDS,
    wanted: Callable[[], bool] = lambda: True,
) -> Outcome:
    spec = TrialSpec(-1, algorithm.name, {}, "first", max_rows)
    return attempt(
        lambda: Means(task, folds), spec, algorithm=algorithm, time_left=time_left, on_fold=lambda fold, score: wanted()
    )
