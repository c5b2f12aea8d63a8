"""Making probabilities mean what they say: temperature scaling (Guo et al. 2017).

One number: the logarithms of the probabilities are divided by it and made to sum to one again. Below 1 the model was
too timid (blends mostly are), above 1 too sure. With two classes the order of rows stays, and the most likely class
always does.
"""

import math

import numpy as np

from flowml.automl.scoring.metrics import part_of
from flowml.automl.scoring.temperature import temperature_of

# With fewer rows the temperature is noisier than what it repairs.
ROWS_OF_TWO_CLASSES = 3_000
ROWS_OF_MORE = 500
_MOST_ROWS = 50_000
# Rows times classes: one number needs no more.
_MOST_VALUES = 200_000
_SMALLEST = 1e-7
_FEW_CLASSES = 16
_RANGE = (0.3, 4.0)
_STEPS = 22


def tempered(probabilities: np.ndarray, temperature: float | None) -> np.ndarray:
    """The probabilities (rows, classes) at this temperature; unchanged for None.

    >>> tempered(np.array([[0.8, 0.2]]), 0.5).round(3)
    array([[0.941, 0.059]])
    """
    if temperature is None:
        return probabilities
    logarithms = np.log(np.maximum(probabilities, _SMALLEST)) / temperature
    shares = np.exp(logarithms - logarithms.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def tempered_row(probabilities: np.ndarray, temperature: float | None) -> np.ndarray:
    """The same for one row, (classes,)."""
    if temperature is None or len(probabilities) > _FEW_CLASSES:
        return tempered(probabilities, temperature)
    # Of a handful of numbers, plain ones are quicker than arrays.
    logarithms = [math.log(max(share, _SMALLEST)) / temperature for share in probabilities.tolist()]
    highest = max(logarithms)
    shares = [math.exp(one - highest) for one in logarithms]
    total = sum(shares)
    return np.array([share / total for share in shares])


def fit_temperature(probabilities: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The temperature that makes the log loss least, to about a thousandth."""
    most = int(np.clip(_MOST_VALUES // probabilities.shape[1], ROWS_OF_MORE, _MOST_ROWS))
    step = max(1, len(target) // most)
    target, weights = target[::step], part_of(weights, slice(None, None, step))
    logarithms = np.log(np.maximum(probabilities[::step], _SMALLEST))
    low, high = _RANGE
    return temperature_of(logarithms, target, weights, low=low, high=high, steps=_STEPS)


def choose_temperature(
    out_of_fold: np.ndarray, target: np.ndarray, folds: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float, np.ndarray] | None:
    """The temperature and the out-of-fold probabilities at it, or None where calibrating does not truly help.

    Fitted on some folds and judged on the others it must lower the log loss by more than half a standard error. The
    probabilities returned are those of the judgement: each fold at the temperature that the others gave, so that
    scores computed from them are honest.
    """
    if len(target) < (ROWS_OF_TWO_CLASSES if out_of_fold.shape[1] == 2 else ROWS_OF_MORE):
        return None
    calibrated = np.empty_like(out_of_fold)
    gains = []
    for fold in np.unique(folds):
        held, rest = folds == fold, folds != fold
        calibrated[held] = tempered(
            out_of_fold[held], fit_temperature(out_of_fold[rest], target[rest], part_of(weights, rest))
        )
        own = part_of(weights, held)
        gains.append(_log_loss(out_of_fold[held], target[held], own) - _log_loss(calibrated[held], target[held], own))
    if len(gains) < 2:
        return None
    noise = float(np.std(gains, ddof=1)) / np.sqrt(len(gains))
    if float(np.mean(gains)) <= max(0.5 * noise, 1e-6):
        return None
    return fit_temperature(out_of_fold, target, weights), calibrated


def _log_loss(probabilities: np.ndarray, target: np.ndarray, weights: np.ndarray | None) -> float:
    true = probabilities[np.arange(len(target)), target] / probabilities.sum(axis=1)
    return float(np.average(-np.log(np.maximum(true, _SMALLEST)), weights=weights))
