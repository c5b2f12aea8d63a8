"""The metrics there are, and which way each points. What they compute is the engine's business."""

import math
from typing import Literal, get_args

CLASSIFICATION_METRICS = ("accuracy", "balanced_accuracy", "f1", "precision", "recall", "roc_auc", "log_loss")
REGRESSION_METRICS = ("r2", "rmse", "mae", "mape")
LOWER_IS_BETTER = frozenset({"log_loss", "rmse", "mae", "mape"})

Goal = Literal["accuracy", "balanced_accuracy", "f1", "roc_auc", "log_loss", "r2", "rmse", "mae", "mape"]
"""Those to train for. Each of the others alone is won by a model of no use: they are shown with every model."""
GOALS: tuple[str, ...] = get_args(Goal)
CLASSIFICATION_GOALS = tuple(name for name in CLASSIFICATION_METRICS if name in GOALS)


OF_A_CLASS = frozenset({"f1", "precision", "recall"})
"""Of two classes they are about one, of more they are the mean over the classes."""


def greater_is_better(metric: str) -> bool:
    """Whether a higher score of this metric is the better one."""
    return metric not in LOWER_IS_BETTER


def possible_scores(metric: str) -> tuple[float, float]:
    """The lowest and the highest value that a score of this metric can have."""
    if not greater_is_better(metric):
        return 0.0, math.inf
    return (-math.inf if metric == "r2" else 0.0), 1.0


def perfect_gain(metric: str) -> float:
    """The best that a metric can be, where greater is better: 1, or an error of 0."""
    return 1.0 if greater_is_better(metric) else 0.0
