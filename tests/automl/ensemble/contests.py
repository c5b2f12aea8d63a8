"""Contests of models whose predictions are all at hand."""

from collections.abc import Sequence

import numpy as np

from flowml.automl.ensemble.contest import Contender, Contest, Judgement
from flowml.automl.ensemble.selection import Metric


def contest(
    models: Sequence[np.ndarray],
    target: np.ndarray,
    metric: Metric,
    folds: np.ndarray | None = None,
    *,
    seed: int = 0,
    weights: np.ndarray | None = None,
) -> tuple[Contest, list[Contender]]:
    """A contest on these rows, two folds of them unless `folds` says otherwise, and these models in it."""
    folds = np.arange(len(target)) % 2 if folds is None else folds
    found = Contest(metric, target, folds, models[0].shape[1], seed=seed, weights=weights)
    return found, [found.enter(lambda one=one: one) for one in models]  # type: ignore[misc]


def select(
    models: Sequence[np.ndarray],
    target: np.ndarray,
    metric: Metric,
    *,
    seed: int = 0,
    weights: np.ndarray | None = None,
) -> dict[int, float]:
    """The blend of these models."""
    found, contenders = contest(models, target, metric, seed=seed, weights=weights)
    return found.select(contenders)


def judge(models: Sequence[np.ndarray], target: np.ndarray, metric: Metric, folds: np.ndarray) -> Judgement:
    """Whether blending these models is worth it."""
    found, contenders = contest(models, target, metric, folds)
    return found.judge(contenders)
