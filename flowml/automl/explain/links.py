"""From contributions to a model's scores to contributions to what it answers.

A score becomes an answer by a curve, along which contributions do not add up. Each is multiplied by the mean slope of
the curve on the straight way from the base to the score (Aumann and Shapley 1974): one number for one score, so that
what adds up before does so after. For one score that is the rescale rule of DeepLIFT (Shrikumar et al. 2017), by which
Chen, Lundberg and Lee (2022) explain series of models.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flowml.automl.predictors.links import apply_link, softmax

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_STEP = 1e-6


@dataclass(frozen=True)
class Link:
    """`answer`: scores (scores,) → answers (answers,). `slopes`: where there are several scores, the derivatives
    (answers, scores) at scores. `is_log_odds`: scores are log odds, or logarithms up to a constant; `is_probability`:
    they are probabilities already."""

    answer: Callable[[np.ndarray], np.ndarray]
    slopes: Callable[[np.ndarray], np.ndarray] | None = None
    is_log_odds: bool = False
    is_probability: bool = False


def mean_slopes(link: Link, base: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(answers, scores): what a change of each score is worth on the way from `base` to `scores`, both (scores,).

    Times the changes they add up to the change of the answer exactly.
    """
    change = scores - base
    if link.slopes is None:
        if abs(change[0]) > _STEP * max(1.0, abs(scores[0])):
            return np.asarray(((link.answer(scores) - link.answer(base)) / change[0]).reshape(-1, 1))
        step = np.full(1, 1e-4 * max(1.0, abs(float(scores[0]))))
        slope = (link.answer(scores + step) - link.answer(scores - step)) / (2 * step[0])
        return np.asarray(slope.reshape(-1, 1))
    places = 0.5 * (_POINTS + 1.0)
    found = sum(0.5 * weight * link.slopes(base + at * change) for at, weight in zip(places, _WEIGHTS, strict=True))
    total = float(change @ change)
    if total > 0.0:
        # What the integration leaves, by the size of the changes.
        found = found + np.outer(link.answer(scores) - link.answer(base) - found @ change, change) / total
    return np.asarray(found)


def named_link(name: str, n_scores: int) -> Link:
    """One of `predictors.links`."""

    def answer(scores: np.ndarray) -> np.ndarray:
        return np.asarray(apply_link(name, scores.reshape(1, -1))[0])

    if name == "identity":
        return Link(answer) if n_scores == 1 else identity(n_scores)
    if name == "sigmoid":
        return Link(answer, is_log_odds=True)
    if name == "softmax":
        return Link(answer, _softmax_slopes, is_log_odds=True)
    return Link(answer, None if n_scores == 1 else _share_slopes, is_probability=True)


def identity(n_scores: int, *, is_probability: bool = False) -> Link:
    """Scores that are the answers."""
    return Link(lambda scores: scores, lambda scores: np.eye(n_scores), is_probability=is_probability)


def shares(smallest: float, n_scores: int) -> Link:
    """Shares of classes, each held within [smallest, 1 - smallest], that are made to add up to 1; of one the other is
    what remains."""

    def answer(scores: np.ndarray) -> np.ndarray:
        held = np.clip(scores, smallest, 1.0 - smallest)
        return np.array([1.0 - held[0], held[0]]) if n_scores == 1 else np.asarray(held / held.sum())

    def slopes(scores: np.ndarray) -> np.ndarray:
        held = np.clip(scores, smallest, 1.0 - smallest)
        return np.asarray(_share_slopes(held) * (held == scores))

    return Link(answer, None if n_scores == 1 else slopes, is_probability=True)


def exponential(low: float, high: float) -> Link:
    """exp of a score that is held within [low, high]."""
    return Link(lambda scores: np.exp(np.clip(scores, low, high)))


def log_slopes(base: np.ndarray, answers: np.ndarray, smallest: float) -> np.ndarray:
    """What a change of each answer is worth in its logarithm, (answers,), with none below `smallest`."""
    before, after = np.log(np.maximum(base, smallest)), np.log(np.maximum(answers, smallest))
    change = answers - base
    near = np.abs(change) <= _STEP * np.maximum(answers, smallest)
    slope = np.where(answers > smallest, 1.0 / np.maximum(answers, smallest), 0.0)
    return np.where(near, slope, (after - before) / np.where(near, 1.0, change))


def _softmax_slopes(scores: np.ndarray) -> np.ndarray:
    found = softmax(scores)
    return np.asarray(np.diag(found) - np.outer(found, found))


def _share_slopes(scores: np.ndarray) -> np.ndarray:
    total = max(float(scores.sum()), 1e-12)
    return np.asarray((np.eye(len(scores)) - (scores / total)[:, None]) / total)
