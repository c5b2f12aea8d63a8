"""From raw scores to predictions."""

import math
from collections.abc import Sequence

import numpy as np


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    half = np.tanh(0.5 * scores)
    return np.asarray(0.5 * (1.0 + half))


def two_columns(second: np.ndarray) -> np.ndarray:
    """Probabilities (rows, 2) from those of the second class, (rows,) or (rows, 1)."""
    second = second.reshape(-1)
    found: np.ndarray = np.empty((len(second), 2), dtype=second.dtype)
    found[:, 0] = 1.0 - second
    found[:, 1] = second
    return found


def softmax(scores: np.ndarray) -> np.ndarray:
    """exp(x) / sum(exp(x)) along the last axis, without overflow."""
    exponent = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(exponent / exponent.sum(axis=-1, keepdims=True))


def apply_link(link: str, scores: np.ndarray) -> np.ndarray:
    """Scores (rows, raw) → predictions (rows, outputs); `sigmoid` and `probability` make two columns of one."""
    if link == "identity":
        return scores
    if link == "sigmoid":
        return two_columns(sigmoid(scores))
    if link == "softmax":
        return softmax(scores)
    if link == "probability":
        if scores.shape[1] == 1:
            return two_columns(np.clip(scores, 0.0, 1.0))
        return np.asarray(scores / np.maximum(scores.sum(axis=1, keepdims=True), 1e-12))
    raise KeyError(link)


def mean_of_row(link: str, scores: np.ndarray) -> np.ndarray:
    """The mean of several predictors' predictions for one row, (outputs,), from their scores (predictors, raw)."""
    # Of a handful of numbers, plain ones are quicker than arrays.
    if link == "softmax" and scores.shape[1] == 2:
        return _mean_of_two([second - first for first, second in scores.tolist()])
    if link == "sigmoid":
        return _mean_of_two(scores[:, 0].tolist())
    if link == "probability" and scores.shape[1] == 1:
        share = sum(min(max(score, 0.0), 1.0) for score in scores[:, 0].tolist()) / len(scores)
        return np.array([1.0 - share, share])
    answers = apply_link(link, scores)
    return np.asarray(answers[0] if len(answers) == 1 else np.add.reduce(answers, axis=0) / len(answers))


def _mean_of_two(scores: Sequence[float]) -> np.ndarray:
    """The mean of the probabilities of two classes, from their log-odds; small ones, too, to all their digits, as
    explanations take their logarithms."""
    first = second = 0.0
    for score in scores:
        rest = math.exp(-abs(score))
        large = 1.0 / (1.0 + rest)
        if score >= 0.0:
            first += rest * large
            second += large
        else:
            first += large
            second += rest * large
    return np.array([first / len(scores), second / len(scores)])


LINKS = ("identity", "sigmoid", "softmax", "probability")


def link_of(n_outputs: int) -> str:
    """The link of a booster with so many outputs, which has one raw score of two classes."""
    return "identity" if n_outputs == 1 else "sigmoid" if n_outputs == 2 else "softmax"
