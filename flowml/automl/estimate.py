"""What a chosen model can be expected to reach on new rows.

The best of many scores is too good: part of it is the luck that made it the best. The choice is therefore repeated on
all folds but one and judged on that one (`ensemble.judge`), which is cross-validation of the choice itself (Varma and
Simon 2006; Tsamardinos et al. 2018 compare it with bootstrapping the choice).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from flowml.automl.metrics import part_of

COVERAGE = 0.9
_RESAMPLES = 200
_MOST_ROWS = 4_000
NESTED = "choice repeated in each fold"
SINGLE = "cross-validation"


@dataclass(frozen=True)
class Estimate:
    """The expected score, in the metric's own direction, and the interval in which it lies with 90 % confidence."""

    score: float
    low: float
    high: float
    method: str

    def state(self) -> dict[str, object]:
        """As a JSON object."""
        return asdict(self)


def estimate(
    score: Callable[[np.ndarray, np.ndarray, np.ndarray | None], float],
    target: np.ndarray,
    predictions: np.ndarray,
    folds: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    method: str,
    seed: int = 0,
) -> Estimate | None:
    """From predictions (rows, outputs) for rows that had no say in the model that predicts them; `weights` as always.

    The score is the mean over the folds. Its interval is the spread of the score over resamples of the rows
    (percentile bootstrap, Efron 1979); above some thousand rows a sample of them is resampled and the spread scaled to
    all. None where the metric is not defined on any fold.
    """
    held = [folds == fold for fold in np.unique(folds)]
    of_folds = [score(target[part], predictions[part], part_of(weights, part)) for part in held]
    defined = [value for value in of_folds if np.isfinite(value)]
    if not defined:
        return None
    mean = float(np.mean(defined))
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(target))[:_MOST_ROWS]
    target, predictions, weights = target[rows], predictions[rows], part_of(weights, rows)
    whole = score(target, predictions, weights)
    resampled = []
    for _ in range(_RESAMPLES):
        drawn = generator.integers(0, len(rows), len(rows))
        resampled.append(score(target[drawn], predictions[drawn], part_of(weights, drawn)))
    deviations = np.array([value - whole for value in resampled if np.isfinite(value)])
    if not len(deviations) or not np.isfinite(whole):
        return Estimate(mean, mean, mean, method)
    deviations *= np.sqrt(len(rows) / len(folds))
    low, high = np.quantile(deviations, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Estimate(mean, mean + float(min(low, 0.0)), mean + float(max(high, 0.0)), method)


def choice_repeated(gains: Sequence[Sequence[float]]) -> list[int]:
    """Of each fold the model that is best on all others, by the gains (models, folds). One fold alone decides itself.

    >>> choice_repeated([[0.9, 0.5, 0.5], [0.6, 0.6, 0.6]])
    [1, 0, 0]
    """
    table = np.asarray(gains, dtype=np.float64)
    if table.shape[1] == 1:
        return [int(table[:, 0].argmax())]
    return [int(one) for one in (table.sum(axis=1, keepdims=True) - table).argmax(axis=0)]
