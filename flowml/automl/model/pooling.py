"""One answer from several models' answers."""

from collections.abc import Iterable
from enum import StrEnum

import numpy as np

from flowml.automl.predictors.links import softmax

# So that one model's certainty cannot silence all others.
_SMALLEST = 1e-6


class Pooling(StrEnum):
    """`mean`: the weighted mean. `log`: the weighted mean of the logarithms of probabilities, made to sum to 1 again.

    Averaged probabilities are too timid as soon as the models know different things; averaged logarithms keep the
    certainty that they share (Genest and Zidek 1986).
    """

    MEAN = "mean"
    LOG = "log"


def pool(pooling: Pooling, answers: Iterable[tuple[float, np.ndarray]]) -> np.ndarray:
    """From (weight, answers of shape (rows, outputs) or (outputs,)) of each model; the weights sum to 1.

    >>> two = [(0.5, np.array([0.9, 0.1])), (0.5, np.array([0.5, 0.5]))]
    >>> pool(Pooling.MEAN, two).round(2), pool(Pooling.LOG, two).round(2)
    (array([0.7, 0.3]), array([0.75, 0.25]))
    """
    total: np.ndarray | float = 0.0
    for weight, answer in answers:
        total = total + weight * (np.log(np.maximum(answer, _SMALLEST)) if pooling is Pooling.LOG else answer)
    return softmax(np.asarray(total)) if pooling is Pooling.LOG else np.asarray(total, dtype=np.float64)
