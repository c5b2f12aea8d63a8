"""What somebody reaches who looks at no column: the yardstick beside every score."""

import numpy as np

from flowml.automl.metrics import DECIDED, METRICS, Metric
from flowml.automl.task import Task


def constant_score(task: Task) -> float | None:
    """The score, in the task's metric, of the best answer that is the same for every row; None where there is none.

    Of classes that is the most frequent one, or their shares where probabilities count; F1 of two classes is best
    served by always saying the one it is about. Of numbers it is the mean or a median, whichever the metric likes.
    """
    rows = task.validated
    metric, target, weights = METRICS[task.metric], task.target[rows], task.weights_of(rows)
    if task.classes is None:
        guesses = [np.array([value]) for value in _central(target, weights)]
    else:
        guesses = _classes(metric, np.bincount(target, weights, minlength=len(task.classes)))
    scores = [metric.score(target, np.broadcast_to(guess, (len(target), len(guess))), weights) for guess in guesses]
    gains = [metric.gain(score) if np.isfinite(score) else -np.inf for score in scores]
    best = int(np.argmax(gains))
    return float(scores[best]) if np.isfinite(gains[best]) else None


def _classes(metric: Metric, counts: np.ndarray) -> list[np.ndarray]:
    if metric.name not in DECIDED:
        return [counts / counts.sum()]
    said = {int(counts.argmax()), *((len(counts) - 1,) if len(counts) == 2 else ())}
    return [np.eye(len(counts))[one] for one in sorted(said)]


def _central(target: np.ndarray, weights: np.ndarray | None) -> list[float]:
    """The mean, the median, and the median in which a row counts the more the smaller its value is (for MAPE)."""
    counts = np.ones(len(target)) if weights is None else weights
    size = np.maximum(np.abs(target), np.finfo(float).eps)
    return [float(np.average(target, weights=counts)), _median(target, counts), _median(target, counts / size)]


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order[int(np.searchsorted(reached, reached[-1] / 2))]])
