"""From probabilities to a class.

A metric that counts classes (accuracy, balanced accuracy, F1) has a decision of its own that is best for it, and it is
seldom the most likely class. A decision here is one multiplier a class: predicted is the class whose probability
times its multiplier is greatest. With two classes that is a threshold. Probabilities themselves stay as they are.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from flowml.automl.scoring.metrics import METRICS, Metric

Decision = tuple[float, ...]

# Which rows the tuning of a decision needs before it is more than luck.
ROWS_FOR_ACCURACY = 10_000
ROWS_FOR_OTHERS = 300
ROWS_OF_A_CLASS = 25
MOST_CLASSES = 12
_MOST_ROWS = 20_000
_SHRINKING_ROWS = 300.0
_GRID = np.linspace(-1.2, 1.2, 13)


def weighted(probabilities: np.ndarray, decision: Decision | None) -> np.ndarray:
    """Probabilities (rows, classes) times the multipliers: their argmax is what is predicted.

    >>> weighted(np.array([[0.7, 0.3]]), (0.25, 0.75)).argmax(axis=1)
    array([1])
    """
    return probabilities if decision is None else probabilities * np.asarray(decision)


def threshold(decision: Decision | None) -> float | None:
    """From which probability on the last of two classes is predicted; None for more classes.

    >>> threshold((0.25, 0.75)), threshold(None)
    (0.25, 0.5)
    """
    if decision is None:
        return 0.5
    return decision[0] / (decision[0] + decision[1]) if len(decision) == 2 else None


def objective(name: str) -> Metric:
    """The metric by which models are compared: like `METRICS[name]`, each score at the decision fair for it.

    Judged at the most likely class, balanced accuracy and F1 would reward models that exaggerate the rare class. The
    fair decision takes nothing from the labels but their shares, so there is no luck in it that could be selected
    for, and it costs one pass (`fair_decision`).
    """
    metric = METRICS[name]
    if name not in ("balanced_accuracy", "f1"):
        return metric

    def decided(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None) -> float:
        decision = fair_decision(name, target, predictions, weights)
        return metric.score(target, weighted(predictions, decision), weights)

    return replace(metric, function=decided)


def fair_decision(
    name: str, target: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> Decision | None:
    """The decision that would be best if the probabilities were right; None where that is the most likely class.

    Balanced accuracy: the probabilities over the shares of the classes. F1: the threshold at half the F1 that can be
    reached (Lipton, Elkan and Narayanaswamy 2014), which is computed from the probabilities alone, class by class.
    """
    if name == "balanced_accuracy":
        # Of a class that no row tests there is one to learn from, or it would not be a class.
        shares = np.maximum(np.bincount(target, weights, minlength=probabilities.shape[1]), 1.0) + 0.5
        return _normalised(1.0 / shares)
    if name == "f1" and len(target):
        if probabilities.shape[1] == 2:
            at = _expected_f1(probabilities[:, 1], weights) / 2
            return _normalised(np.array([at, 1 - at]))
        reached = np.array([_expected_f1(column, weights) for column in probabilities.T])
        return _normalised(1.0 / np.maximum(reached, 0.05))
    return None


def choose_decision(
    name: str, target: np.ndarray, out_of_fold: np.ndarray, folds: np.ndarray, weights: np.ndarray | None = None
) -> Decision | None:
    """The decision of a finished model: the fair one, or one tuned on its out-of-fold predictions.

    `out_of_fold`: probabilities (rows, classes) as the model answers them. The tuned one is taken where there are rows
    enough and where, tuned on some folds and judged on the others, it is better by more than a standard error: on our
    tables the fair one is hard to beat.
    """
    fair = fair_decision(name, target, out_of_fold, weights)
    # Tuning counts rows; where they count differently the fair decision, which knows that, stands.
    if weights is not None or not _can_tune(name, target, out_of_fold.shape[1]):
        return fair
    score = METRICS[name].score
    differences = []
    for fold in np.unique(folds):
        held, rest = folds == fold, folds != fold
        tuned = tune(name, target[rest], out_of_fold[rest])
        usual = fair_decision(name, target[rest], out_of_fold[rest])
        differences.append(
            score(target[held], weighted(out_of_fold[held], tuned))
            - score(target[held], weighted(out_of_fold[held], usual))
        )
    if len(differences) < 2:
        return fair
    noise = float(np.std(differences, ddof=1)) / np.sqrt(len(differences))
    gained = float(np.mean(differences)) > max(noise, 0.0)
    return tune(name, target, out_of_fold) if gained else fair


def tune(name: str, target: np.ndarray, probabilities: np.ndarray) -> Decision:
    """The multipliers that make the metric best on these rows, drawn towards the fair ones where rows are few."""
    step = max(1, len(target) // _MOST_ROWS)
    target, probabilities = target[::step], probabilities[::step]
    n_classes = probabilities.shape[1]
    fair = fair_decision(name, target, probabilities)
    start = np.log(np.ones(n_classes) / n_classes if fair is None else np.asarray(fair))
    best = (
        _best_threshold(name, target, probabilities) if n_classes == 2 else _ascend(name, target, probabilities, start)
    )
    rarest = float(np.bincount(target, minlength=n_classes).min())
    share = rarest / (rarest + _SHRINKING_ROWS)
    return _normalised(np.exp(start + share * (best - start)))


def _can_tune(name: str, target: np.ndarray, n_classes: int) -> bool:
    if name == "accuracy":
        return len(target) >= ROWS_FOR_ACCURACY and n_classes <= MOST_CLASSES
    if name not in ("balanced_accuracy", "f1"):
        return False
    rarest = int(np.bincount(target, minlength=n_classes).min())
    return len(target) >= ROWS_FOR_OTHERS and rarest >= ROWS_OF_A_CLASS and n_classes <= MOST_CLASSES


def _best_threshold(name: str, target: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The logarithms of the two multipliers. Among cuts nearly as good as the best the middle one: the best alone is
    mostly luck."""
    order = np.argsort(-probabilities[:, 1], kind="stable")
    values, positive = probabilities[order, 1], target[order] == 1
    found = np.cumsum(positive).astype(float)
    chosen = np.arange(1, len(order) + 1, dtype=float)
    n_positive, n = float(positive.sum()), float(len(order))
    if name == "f1":
        scores = 2 * found / (chosen + n_positive)
    elif name == "accuracy":
        scores = (found + (n - n_positive) - (chosen - found)) / n
    else:
        scores = 0.5 * (found / max(n_positive, 1) + 1 - (chosen - found) / max(n - n_positive, 1))
    # A cut between two rows of the same probability cannot be made.
    possible = np.append(values[:-1] > values[1:], True)
    best = float(scores[possible].max())
    good = np.flatnonzero(possible & (scores >= best - 0.25 * np.sqrt(best * (1 - min(best, 1.0)) / n) - 1e-12))
    cuts = np.clip(0.5 * (values[good] + values[np.minimum(good + 1, len(values) - 1)]), 1e-4, 1 - 1e-4)
    at = 1.0 / (1.0 + np.exp(-float(np.median(np.log(cuts / (1 - cuts))))))
    return np.asarray(np.log([at, 1 - at]))


def _ascend(name: str, target: np.ndarray, probabilities: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Class by class, twice over, the multiplier on a grid that helps most."""
    score = METRICS[name].score
    logarithms = start.copy()
    best = score(target, probabilities * np.exp(logarithms))
    for _ in range(2):
        for index in range(len(logarithms)):
            for change in _GRID:
                trial = logarithms.copy()
                trial[index] += change
                reached = score(target, probabilities * np.exp(trial))
                if reached > best + 1e-12:
                    best, found = reached, trial
                    logarithms = found
    return logarithms


def _expected_f1(probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The F1 that the best number of most likely rows can be expected to reach."""
    order = np.argsort(-probabilities, kind="stable")
    counts = np.ones(len(order)) if weights is None else weights[order]
    hits = counts * probabilities[order]
    reached = 2 * np.cumsum(hits) / (np.cumsum(counts) + hits.sum())
    return float(np.clip(reached.max(), 0.02, 1.0))


def _normalised(multipliers: np.ndarray | Sequence[float]) -> Decision:
    total = float(np.sum(multipliers))
    return tuple(float(value) / total for value in multipliers)
