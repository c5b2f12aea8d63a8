"""The one number by which scores are divided before they are made probabilities (Guo et al. 2017)."""

from collections.abc import Callable

import numpy as np


def temperature_of(
    scores: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    low: float = 0.02,
    high: float = 50.0,
    steps: int = 30,
) -> float:
    """The divisor of the scores (rows, classes), within [low, high], that makes the log loss least; by golden section,
    as the loss has one valley in its inverse."""
    rows = np.arange(len(target))

    def loss(logarithm: float) -> float:
        scaled = scores / np.exp(logarithm)
        scaled -= scaled.max(axis=1, keepdims=True)
        return float(np.average(np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, target], weights=weights))

    return float(np.exp(golden_section(loss, float(np.log(low)), float(np.log(high)), steps)))


def golden_section(function: Callable[[float], float], low: float, high: float, steps: int = 30) -> float:
    """Where a function with one valley is least, within [low, high]."""
    ratio = (5**0.5 - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(steps):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = function(right)
    return 0.5 * (low + high)
