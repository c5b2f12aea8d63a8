"""Whether a difference between two ways of learning, fold by fold, is more than chance.

Scores of folds are not independent, for the folds learn from nearly the same rows: the plain t test finds a difference
where there is none far too often. The variance of the mean is therefore taken as (1/n + tested/learned) times that of
the differences (C. Nadeau, Y. Bengio, “Inference for the Generalization Error”, Machine Learning 52, 2003; for repeated
folds R. R. Bouckaert, E. Frank, “Evaluating the Replicability of Significance Tests for Comparing Learning Algorithms”,
PAKDD 2004).
"""

import math
from collections.abc import Sequence

import numpy as np

from flowml.domain.ideas import CONFIDENCE, Difference, Verdict

FEWEST_FOLDS = 3
_ALL_THE_SAME = 1e-9


def difference(gains: Sequence[float], tested_share: float) -> Difference:
    """Judge the gains of the folds (with the idea less without it, more is better; NaN where a fold has no score).
    `tested_share`: how many rows a fold tests for each that its models learn from, on average."""
    from scipy.special import stdtr, stdtrit

    known = np.asarray([gain for gain in gains if math.isfinite(gain)], dtype=np.float64)
    count, better = len(known), int((known > 0).sum())
    if count == 0:
        return Difference(Verdict.TOO_FEW, None, None, None, None, 0, 0)
    mean = float(known.mean())
    if not known.any():
        return Difference(Verdict.SAME, 0.0, 0.0, 0.0, 1.0, count, 0)
    if count < FEWEST_FOLDS:
        return Difference(Verdict.TOO_FEW, mean, None, None, None, count, better)
    error = math.sqrt((1 / count + tested_share) * float(known.var(ddof=1)))
    if error <= _ALL_THE_SAME * abs(mean):
        # All the same to the last digit: scores of few rows can only take few values. What is left is the sign test.
        p = 2.0 * 0.5**count
        verdict = Verdict.TOO_FEW if p >= 1 - CONFIDENCE else Verdict.HELPS if mean > 0 else Verdict.HURTS
        return Difference(verdict, mean, mean, mean, p, count, better)
    half = float(stdtrit(count - 1, 0.5 + CONFIDENCE / 2)) * error
    p = min(1.0, 2.0 * float(stdtr(count - 1, -abs(mean) / error)))
    verdict = Verdict.UNCLEAR
    if mean - half > 0:
        verdict = Verdict.HELPS
    elif mean + half < 0:
        verdict = Verdict.HURTS
    return Difference(verdict, mean, mean - half, mean + half, p, count, better)
