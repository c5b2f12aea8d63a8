"""How much each row moves a score: its influence, the derivative of the metric by the row's weight, times the weight.

The sum of the squares of all influences is the variance of the score to first order (infinitesimal jackknife, Efron
1982; of ROC AUC that is DeLong's, 1988). It takes one pass over all rows, however many there are, and where rows belong
together their influences are added up before they are squared. A decision that turned probabilities into classes is
taken as given.
"""

from collections.abc import Callable

import numpy as np

from flowml.automl.scoring.metrics import row_losses

_Weights = np.ndarray


def influence(metric: str, target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Of each row, float64 (rows,); they add up to 0. `predictions` as metrics take them; a metric that is not defined
    on these rows moves by none."""
    counts = np.ones(len(target)) if weights is None else np.asarray(weights, dtype=np.float64)
    if metric in _OF_CLASSES:
        return _of_counts(_OF_CLASSES[metric], metric == "balanced_accuracy", target, predictions, counts)
    if metric == "roc_auc":
        return _of_areas(target, predictions, counts)
    if metric == "r2":
        return _of_r2(target, predictions, counts)
    losses = row_losses(metric, target, predictions)
    found = _of_mean(losses, counts)
    if metric == "rmse":
        root = float(np.sqrt(losses @ counts / counts.sum()))
        return found / (2 * root) if root > 0 else np.zeros(len(target))
    return found


def _of_mean(values: np.ndarray, counts: _Weights) -> np.ndarray:
    total = counts.sum()
    return np.asarray(counts * (values - values @ counts / total) / total)


def _of_ratio(part: np.ndarray, whole: np.ndarray, counts: _Weights) -> np.ndarray:
    """Of the sum of `part` over that of `whole`, both of what each row adds."""
    total = float(whole @ counts)
    return np.asarray(counts * (part - (part @ counts / total) * whole) / total) if total > 0 else np.zeros(len(part))


_Ratio = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
# What a row that is of a class, and one of which it was said, adds to both parts of a ratio.
_OF_CLASSES: dict[str, _Ratio] = {
    "precision": lambda actual, chosen: (actual * chosen, chosen),
    "recall": lambda actual, chosen: (actual * chosen, actual),
    "balanced_accuracy": lambda actual, chosen: (actual * chosen, actual),
    "f1": lambda actual, chosen: (2 * actual * chosen, actual + chosen),
}


def _of_counts(
    ratio: _Ratio, of_all: bool, target: np.ndarray, predictions: np.ndarray, counts: _Weights
) -> np.ndarray:
    chosen = predictions.argmax(axis=1)
    occurring = [code for code in range(predictions.shape[1]) if counts[target == code].sum() > 0]
    if predictions.shape[1] == 2 and not of_all:
        # Of two classes the last is what these metrics are about.
        occurring = [1] if 1 in occurring else []
    found = np.zeros(len(target))
    for code in occurring:
        parts = ratio((target == code).astype(np.float64), (chosen == code).astype(np.float64))
        found += _of_ratio(*parts, counts)
    return found / max(len(occurring), 1)


def _of_areas(target: np.ndarray, predictions: np.ndarray, counts: _Weights) -> np.ndarray:
    n_classes = predictions.shape[1]
    found, defined = np.zeros(len(target)), 0
    for code in range(n_classes) if n_classes > 2 else [1]:
        one = _of_area(target == code, predictions[:, code], counts)
        if one is not None:
            found, defined = found + one, defined + 1
    return found / max(defined, 1)


def _of_area(positive: np.ndarray, said: np.ndarray, counts: _Weights) -> np.ndarray | None:
    """A row of the class by the weight of the others that it stands above, one of the others by that of the class that
    stands above it; ties count half."""
    _, level = np.unique(said, return_inverse=True)
    level = level.reshape(-1)
    hits = np.bincount(level, np.where(positive, counts, 0.0))
    alarms = np.bincount(level, np.where(positive, 0.0, counts))
    n_hits, n_alarms = float(hits.sum()), float(alarms.sum())
    if n_hits <= 0 or n_alarms <= 0:
        return None
    below = ((np.cumsum(alarms) - 0.5 * alarms) / n_alarms)[level]
    above = (1 - (np.cumsum(hits) - 0.5 * hits) / n_hits)[level]
    area = float(np.where(positive, counts, 0.0) @ below) / n_hits
    return np.asarray(counts * np.where(positive, (below - area) / n_hits, (above - area) / n_alarms))


def _of_r2(target: np.ndarray, predictions: np.ndarray, counts: _Weights) -> np.ndarray:
    total = counts.sum()
    off = (target - target @ counts / total) ** 2
    left = row_losses("r2", target, predictions)
    spread = float(off @ counts / total)
    if spread <= 0:
        return np.zeros(len(target))
    share = float(left @ counts / total) / spread
    return np.asarray((share * _of_mean(off, counts) - _of_mean(left, counts)) / spread)
