"""Fitting for the metric: what is the same for every family.

Under MAPE a row counts by how small its target is. Methods without a loss of absolute errors, or whose settings suit a
target of one spread, learn the logarithm of a positive target instead: the median of the logarithms is the logarithm of
the median. What each family minimises for which metric is in `docs/losses.md`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flowml.automl.algorithms.base import Algorithm, FitContext, Logarithms
from flowml.automl.algorithms.support import absolute_errors, mean_of, row_weights
from flowml.automl.features.encoded import Encoded
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.exponential import ExponentialPredictor
from flowml.domain.errors import DeadlineReached

# A prediction may lie outside the targets seen by this factor.
_BEYOND = math.e


@dataclass(frozen=True)
class Rows:
    """Rows of one fit: their features and their targets."""

    encoded: Encoded
    target: np.ndarray


def fit_as_asked(
    algorithm: Algorithm, params: Mapping[str, Any], train: Rows, valid: Rows | None, context: FitContext
) -> Predictor:
    """One fit, in whichever form of the target serves the metric. Raises what `Algorithm.fit` raises."""
    weighed = replace(
        context,
        weights=row_weights(train.target, context.weights, context),
        valid_weights=None if valid is None else row_weights(valid.target, context.valid_weights, context),
    )
    form = algorithm.logarithms if has_logarithm(train.target, weighed) else Logarithms.NEVER
    if form is Logarithms.NEVER:
        return _fit(algorithm, params, train, valid, weighed)
    logged = _fit_logarithm(algorithm, params, train, valid, weighed)
    if form is Logarithms.ALWAYS:
        return logged
    try:
        plain = _fit(algorithm, params, train, valid, weighed)
    except DeadlineReached:
        return logged
    # Both are lines of as many coefficients, so that the rows which they were fitted on tell them apart.
    return min(plain, logged, key=lambda one: _error(one, train, weighed.weights))


def has_logarithm(target: np.ndarray, context: FitContext) -> bool:
    """Whether the metric is of absolute or relative errors, and the logarithm of the target is less skewed than it."""
    if not absolute_errors(context) or not target.min() > 0:
        return False
    return _skewness(np.log(target)) < _skewness(target)


def _fit(
    algorithm: Algorithm, params: Mapping[str, Any], train: Rows, valid: Rows | None, context: FitContext
) -> Predictor:
    encoded, target = (None, None) if valid is None else (valid.encoded, valid.target)
    return algorithm.fit(params, train.encoded, train.target, encoded, target, context)


def _fit_logarithm(
    algorithm: Algorithm, params: Mapping[str, Any], train: Rows, valid: Rows | None, context: FitContext
) -> Predictor:
    target = np.log(train.target)
    low, high = float(target.min() - np.log(_BEYOND)), float(target.max() + np.log(_BEYOND))
    if valid is not None:
        lowest = train.target.min() / _BEYOND
        valid = Rows(valid.encoded, np.log(np.maximum(valid.target, lowest)))
    inside = replace(context, held_out=lambda answers: context.held_out(np.exp(np.clip(answers, low, high))))
    inner = _fit(algorithm, params, Rows(train.encoded, target), valid, inside)
    return ExponentialPredictor(inner, low, high)


def _error(predictor: Predictor, rows: Rows, weights: np.ndarray | None) -> float:
    return float(mean_of(np.abs(predictor.predict(rows.encoded.values)[:, 0] - rows.target), weights))


def _skewness(values: np.ndarray) -> float:
    centred = values - values.mean()
    spread = float(centred.std())
    return float(abs((centred**3).mean())) / spread**3 if spread > 0 else 0.0
