"""The scores of a trial, from what it said of the rows that are held out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flowml.automl.scoring.decision import Decision, fair_decision, objective
from flowml.automl.scoring.metrics import all_metrics, over_folds
from flowml.automl.task.task import Task
from flowml.domain.errors import TrialFailed


@dataclass(frozen=True)
class Scores:
    """`score` and `fold_scores` by the task's metric; `metrics` are all there are, of all rows together, at the
    `decision` that is fair for the predictions."""

    score: float
    fold_scores: tuple[float, ...]
    metrics: Mapping[str, float | None]
    decision: Decision | None


# Of the spread of predictions: so much of them may go with their last digits.
_LOST = 1e-4


def fold_scores(task: Task, out_of_fold: np.ndarray) -> list[float]:
    """What each fold reaches, in order; NaN where the metric is not defined."""
    metric = objective(task.metric)
    return [
        metric.score(task.target[rows], out_of_fold[rows], task.weights_of(rows))
        for rows in map(task.valid_rows, range(task.n_folds))
    ]


def scores_of(task: Task, out_of_fold: np.ndarray, of_folds: Sequence[float] | None = None) -> Scores:
    """`out_of_fold`: (rows, outputs), NaN in rows that no fold holds out; `of_folds`: its `fold_scores`, where they are
    known. Raises TrialFailed where the metric is not defined on any fold."""
    summary = over_folds(fold_scores(task, out_of_fold) if of_folds is None else of_folds)
    if summary is None:
        raise TrialFailed(f"The metric {task.metric} is not defined on any fold of this table.")
    rows = task.validated
    target, answers, weights = task.target[rows], out_of_fold[rows], task.weights_of(rows)
    decision = None if task.classes is None else fair_decision(task.metric, target, answers, weights)
    return Scores(*summary, all_metrics(task.problem_type, target, answers, weights, decision), decision)


def as_kept(answers: np.ndarray) -> np.ndarray:
    """Predictions as they are kept, so that they have the scores that were said of them; float64."""
    return short(answers).astype(np.float64, copy=False)


def short(answers: np.ndarray) -> np.ndarray:
    """The same in single precision: probabilities always, numbers (rows, 1) where that keeps them apart. They are as
    they were where they are too large for it, or differ by little beside their size (times in seconds, for one)."""
    with np.errstate(over="ignore", invalid="ignore"):
        kept = answers.astype(np.float32)
        known = answers[np.isfinite(answers)]
        lost = float(np.max(np.abs(kept[np.isfinite(answers)] - known), initial=0.0))
        is_kept = (
            answers.shape[1] > 1 or math.isfinite(lost) and lost <= _LOST * float(known.std() if known.size else 0.0)
        )
    return kept if is_kept else answers
