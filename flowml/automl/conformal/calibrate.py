"""From what a model said of rows that it had not seen to intervals and sets with a known coverage.

Every figure comes of predictions out of fold (cross-conformal prediction, Vovk 2015; CV+, Barber et al. 2021), with the
weights of the rows. Nothing is assumed of how errors are distributed, but that rows to come are like those of training.
"""

from collections.abc import Sequence

import numpy as np

from flowml.automl.conformal.difficulty import PREDICTION, Difficulty, learn
from flowml.automl.conformal.record import LEVELS, Conformal
from flowml.automl.features.prepared import Numbers, PreparedColumn
from flowml.automl.scoring.decision import Decision, weighted

_MOST_CALIBRATING = 50_000
_MOST_LEARNING = 6_000
_MOST_CELLS = 400_000
_MOST_COLUMNS = 200
_FEWEST_TO_LEARN = 100
_MOST_CLASSES = 100
_PARTS = 5
_STRENGTHS = (1.0, 0.5, 0.25)
# Where the two kinds of intervals are compared: what is asked for most.
_JUDGED = (LEVELS.index(0.8), LEVELS.index(0.9), LEVELS.index(0.95))
# What an adaptive interval may be wider than a constant one on average, for a coverage that is the same everywhere.
_NO_WIDER = 1.02


def calibrating_rows(n_rows: int, seed: int = 0) -> np.ndarray:
    """Those of so many rows that are looked at: all, or some drawn by the seed."""
    if n_rows <= _MOST_CALIBRATING:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, _MOST_CALIBRATING, replace=False))


def of_classes(
    target: np.ndarray, shares: np.ndarray, weights: np.ndarray | None = None, decision: Decision | None = None
) -> Conformal:
    """Sets of classes: of a row the one that is predicted, and those whose probability is not below what it is for most
    rows of that class.

    Least ambiguous sets (Sadinle, Lei and Wasserman 2019) with a threshold of each class's own, so that each class is
    covered as often as was asked. A class that is predicted is in the set whatever its probability, so a row of which
    that is true is as conforming as can be. A class with too few rows for a level has its smallest probability.

    `target` are codes, `shares` (rows, classes) as the model answers them, `decision` what it predicts classes by.
    """
    given = shares[np.arange(len(target)), target]
    given = np.where(weighted(shares, decision).argmax(axis=1) == target, 1.0, given)
    weights = np.ones(len(target)) if weights is None else weights
    counted = weights > 0
    target, given, weights = target[counted], given[counted], weights[counted]
    together = _least(given, weights)
    n_classes = shares.shape[1]
    if n_classes > _MOST_CLASSES:
        return Conformal((together,))
    # Of a class that no row is of nothing is known but what there was at worst.
    unknown = (float(given.min()),) * len(LEVELS)
    own = [target == code for code in range(n_classes)]
    lines = [_least(given[rows], weights[rows]) if rows.any() else unknown for rows in own]
    return Conformal((together,) if all(line == together for line in lines) else tuple(lines))


def of_values(
    target: np.ndarray,
    predictions: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    folds: np.ndarray | None = None,
    columns: Sequence[tuple[str, str, PreparedColumn]] = (),
) -> Conformal:
    """Intervals around predictions (rows,): residuals in units of what is expected of each row (locally weighted
    conformal prediction, Lei et al. 2018).

    What is expected is learned from `columns` (kind, name, values) and the prediction on some folds and measured on the
    others, so that its own errors are in the figures as well. Where intervals so made are wider on average than a
    constant one at any of the usual levels, it has less say, or none. Whoever calls looks at no more than
    `calibrating_rows`.
    """
    weights = np.ones(len(target)) if weights is None else weights
    counted = np.isfinite(predictions) & (weights > 0)
    target, predictions, weights = target[counted], predictions[counted], weights[counted]
    residuals = np.abs(target - predictions)
    low, high = _bounds(target)
    constant = _greatest(residuals, weights)
    plain = Conformal((constant,), low=low, high=high)
    if len(residuals) < _FEWEST_TO_LEARN or not residuals.max() > 0 or not np.isfinite(residuals.sum()):
        return plain
    known: list[tuple[str, str, PreparedColumn]] = [(PREDICTION, "", Numbers(predictions))]
    if len(columns) <= _MOST_COLUMNS:
        chosen = np.flatnonzero(counted)
        known += [(kind, name, column.take(chosen)) for kind, name, column in columns]
    parts = _parts(None if folds is None else folds[counted], len(residuals))
    scales = np.empty(len(residuals))
    for part in np.unique(parts):
        held, rest = np.flatnonzero(parts == part), np.flatnonzero(parts != part)
        found = _learned(known, residuals, weights, rest, seed=int(part))
        scales[held] = found.scales({name: column.take(held) for _, name, column in known}, predictions[held])
    final = _learned(known, residuals, weights, np.arange(len(residuals)), seed=0)
    for strength in _STRENGTHS:
        powered = scales**strength
        line, mean = _greatest(residuals / powered, weights), float(np.average(powered, weights=weights))
        # At each level by itself: errors with long tails make it narrower at one and wider at another. Were it taken at
        # some of them alone, a row's interval for 0.95 could be narrower than its one for 0.9.
        if all(line[at] * mean <= constant[at] * _NO_WIDER for at in _JUDGED):
            return Conformal((line,), _powered(final, strength), low, high)
    return plain


def half_width(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Half the width of an interval that is the same for all rows, at a coverage of 90 %; arrays are (rows,)."""
    weights = np.ones(len(target)) if weights is None else weights
    counted = np.isfinite(predictions) & (weights > 0)
    return _greatest(np.abs(target - predictions)[counted], weights[counted])[LEVELS.index(0.9)]


def _learned(
    known: Sequence[tuple[str, str, PreparedColumn]],
    residuals: np.ndarray,
    weights: np.ndarray,
    rows: np.ndarray,
    seed: int,
) -> Difficulty:
    most = int(np.clip(_MOST_CELLS // len(known), 1_000, _MOST_LEARNING))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    return learn([(kind, name, column.take(rows)) for kind, name, column in known], residuals[rows], weights[rows])


def _powered(difficulty: Difficulty, strength: float) -> Difficulty:
    """The scale to this power."""
    if strength == 1.0:
        return difficulty
    state = {
        "base": difficulty.base * strength,
        "least": difficulty.least * strength,
        "greatest": difficulty.greatest * strength,
    }
    terms = tuple(
        type(term)(term.kind, term.name, term.edges, term.levels, tuple(strength * value for value in term.values))
        for term in difficulty.terms
    )
    return Difficulty(**state, terms=terms)


def _parts(folds: np.ndarray | None, n_rows: int) -> np.ndarray:
    """Some parts of the rows, of whole folds where there are several."""
    if folds is not None:
        _, numbers = np.unique(folds, return_inverse=True)
        if numbers.max() > 0:
            return np.asarray(numbers % _PARTS)
    return np.random.default_rng(0).permutation(n_rows) % _PARTS


def _bounds(target: np.ndarray) -> tuple[float | None, float | None]:
    """A quantity that was never negative stays so, and one that was never positive."""
    return (0.0 if target.min() >= 0 else None, 0.0 if target.max() <= 0 else None)


def _greatest(scores: np.ndarray, weights: np.ndarray) -> tuple[float, ...]:
    """At each level what so much of the weight does not exceed, with one row more that exceeds everything: that to come
    (Lei et al. 2018). With too few rows for a level it is the greatest score."""
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[order])
    wanted = np.asarray(LEVELS) * (reached[-1] + reached[-1] / len(weights)) - 1e-9 * reached[-1]
    at = np.minimum(np.searchsorted(reached, wanted), len(scores) - 1)
    return tuple(float(value) for value in scores[order][at])


def _least(given: np.ndarray, weights: np.ndarray) -> tuple[float, ...]:
    """At each level what the probabilities of the truth do not fall below."""
    return tuple(-value for value in _greatest(-given, weights))
