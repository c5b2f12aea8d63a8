"""The metrics of API.md, each a function of target, predictions and, where rows do not count alike, weights.

Predictions of a classifier are probabilities (rows, classes), of a regressor values (rows, 1). With two classes the
positive one is the last. Formulas are scikit-learn's; written in numpy because they are computed thousands of times.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flowml.domain.jobs import ProblemType
from flowml.domain.metrics import CLASSIFICATION_METRICS, REGRESSION_METRICS, greater_is_better
from flowml.domain.models import ConfusionMatrix

_SMALLEST_PROBABILITY = 1e-15


@dataclass(frozen=True)
class Metric:
    """A metric. `score` is in its own direction; `gain` turns it so that greater is better."""

    name: str
    greater_is_better: bool
    problem_type: ProblemType
    function: Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]

    def score(self, target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None) -> float:
        """`weights` (rows,): how much each row counts; None: all alike.

        Raises nothing: a metric that is not defined for this target (one class only) is NaN.
        """
        return self.function(target, predictions, weights)

    def gain(self, score: float) -> float:
        return score if self.greater_is_better else -score


def _mean(values: np.ndarray, weights: np.ndarray | None) -> float:
    return float(values.mean()) if weights is None else float((values * weights).sum() / weights.sum())


def _accuracy(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None) -> float:
    return _mean(predictions.argmax(axis=1) == target, weights)


def _counts(
    target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    classes = predictions.shape[1]
    chosen = predictions.argmax(axis=1)
    right = chosen == target
    hits = np.bincount(target[right], None if weights is None else weights[right], minlength=classes).astype(float)
    return (
        hits,
        np.bincount(target, weights, minlength=classes).astype(float),
        np.bincount(chosen, weights, minlength=classes).astype(float),
    )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0))


def _of_interest(values: np.ndarray, actual: np.ndarray) -> float:
    # Two classes: the positive one counts, where it occurs. More: the mean over the classes that occur.
    if len(values) == 2:
        return float(values[-1]) if actual[-1] > 0 else float("nan")
    return float(values[actual > 0].mean())


def _balanced_accuracy(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None) -> float:
    hits, actual, _ = _counts(target, predictions, weights)
    return float(_share(hits, actual)[actual > 0].mean())


def _precision(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None) -> float:
    hits, actual, chosen = _counts(target, predictions, weights)
    return _of_interest(_share(hits, chosen), actual)


def _recall(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None) -> float:
    hits, actual, _ = _counts(target, predictions, weights)
    return _of_interest(_share(hits, actual), actual)


def _f1(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None) -> float:
    hits, actual, chosen = _counts(target, predictions, weights)
    return _of_interest(_share(2 * hits, actual + chosen), actual)


def _auc(positive: np.ndarray, values: np.ndarray, weights: np.ndarray | None) -> float:
    if weights is not None:
        return _weighted_auc(positive, values, weights)
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if n_positive == 0 or n_negative == 0:
        return float("nan")
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    # Mean rank of each group of ties: the Mann-Whitney U statistic.
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse.reshape(-1)]
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def _weighted_auc(positive: np.ndarray, values: np.ndarray, weights: np.ndarray) -> float:
    """The weight of the pairs that are in the right order, over the weight of all; ties count half."""
    _, inverse = np.unique(values, return_inverse=True)
    hits = np.bincount(inverse.reshape(-1), np.where(positive, weights, 0.0))
    misses = np.bincount(inverse.reshape(-1), np.where(positive, 0.0, weights))
    pairs = float(hits.sum() * misses.sum())
    below = np.cumsum(misses) - 0.5 * misses
    return float((hits * below).sum()) / pairs if pairs > 0 else float("nan")


def _roc_auc(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None) -> float:
    classes = predictions.shape[1]
    if classes == 2:
        return _auc(target == 1, predictions[:, 1], weights)
    values = [_auc(target == index, predictions[:, index], weights) for index in range(classes)]
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _log_losses(target: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    chosen = predictions[np.arange(len(target)), target] / predictions.sum(axis=1)
    return np.asarray(-np.log(np.clip(chosen, _SMALLEST_PROBABILITY, 1)))


def _log_loss(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None) -> float:
    return _mean(_log_losses(target, predictions), weights)


def _errors(target: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.asarray(target - predictions[:, 0])


def _r2(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None) -> float:
    spread = _mean((target - _mean(target, weights)) ** 2, weights)
    left = _mean(_errors(target, predictions) ** 2, weights)
    return 1 - left / spread if spread > 0 else float(left == 0)


def _rmse(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None) -> float:
    return float(np.sqrt(_mean(_errors(target, predictions) ** 2, weights)))


def _mae(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None) -> float:
    return _mean(np.abs(_errors(target, predictions)), weights)


def _mape(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None) -> float:
    return _mean(np.abs(_errors(target, predictions)) / _size(target), weights)


def _size(target: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(np.abs(target), np.finfo(float).eps))


_FUNCTIONS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1,
    "precision": _precision,
    "recall": _recall,
    "roc_auc": _roc_auc,
    "log_loss": _log_loss,
    "r2": _r2,
    "rmse": _rmse,
    "mae": _mae,
    "mape": _mape,
}

# Those that look at the predicted classes only.
DECIDED = ("accuracy", "balanced_accuracy", "f1", "precision", "recall")

METRICS: dict[str, Metric] = {
    name: Metric(name, greater_is_better(name), problem_type, _FUNCTIONS[name])
    for problem_type, names in (
        (ProblemType.CLASSIFICATION, CLASSIFICATION_METRICS),
        (ProblemType.REGRESSION, REGRESSION_METRICS),
    )
    for name in names
}


def row_losses(metric: str, target: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """What each row adds to a metric that is a mean over rows, or made of one, float64 (rows,): of R² and RMSE squared
    errors, of accuracy hits."""
    if metric == "accuracy":
        return np.asarray(predictions.argmax(axis=1) == target, dtype=np.float64)
    if metric == "log_loss":
        return _log_losses(target, predictions)
    errors = _errors(target, predictions)
    if metric in ("r2", "rmse"):
        return np.asarray(errors**2)
    return np.asarray(np.abs(errors) if metric == "mae" else np.abs(errors) / _size(target))


def part_of(weights: np.ndarray | None, rows: np.ndarray | slice) -> np.ndarray | None:
    """The weights of some of the rows; None where all count alike."""
    return None if weights is None else weights[rows]


def default_metric(problem_type: ProblemType) -> str:
    """What `auto` means."""
    return "accuracy" if problem_type is ProblemType.CLASSIFICATION else "r2"


def all_metrics(
    problem_type: ProblemType,
    target: np.ndarray,
    predictions: np.ndarray,
    weights: np.ndarray | None = None,
    decision: Sequence[float] | None = None,
) -> Mapping[str, float | None]:
    """Every metric of the problem type; None where one is not defined.

    `decision`: the multipliers by which classes are predicted; the metrics of probabilities do not look at it.
    """
    decided = predictions if decision is None else predictions * np.asarray(decision)
    values = {
        name: metric.score(target, decided if name in DECIDED else predictions, weights)
        for name, metric in METRICS.items()
        if metric.problem_type is problem_type
    }
    return {name: value if np.isfinite(value) else None for name, value in values.items()}


def over_folds(scores: Sequence[float]) -> tuple[float, tuple[float, ...]] | None:
    """The mean of the folds' scores, and the scores with that mean where a fold has none.

    None where the metric is not defined on any fold (an ROC AUC of folds that each hold one class).
    """
    defined = [score for score in scores if np.isfinite(score)]
    if not defined:
        return None
    mean = float(np.mean(defined))
    return mean, tuple(score if np.isfinite(score) else mean for score in scores)


def confusion(target: np.ndarray, chosen: np.ndarray, labels: Sequence[str]) -> ConfusionMatrix:
    """True classes (rows) by predicted ones (columns), as counts and as shares of each true class.

    `target`, `chosen`: class codes, (rows,).
    """
    size = len(labels)
    matrix = np.bincount(target * size + chosen, minlength=size * size).reshape(size, size)
    shares = _share(matrix.astype(float), matrix.sum(axis=1, keepdims=True).astype(float))
    return ConfusionMatrix(
        tuple(labels), tuple(map(tuple, matrix.tolist())), tuple(map(tuple, np.round(shares, 6).tolist()))
    )
