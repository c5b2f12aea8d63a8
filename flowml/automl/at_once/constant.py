"""The baseline that every algorithm has to beat. Not registered: it is made without being asked for (`at_once`)."""

import numpy as np

from flowml.automl.algorithms.base import FitContext
from flowml.automl.algorithms.support import (
    absolute_errors,
    class_weights,
    is_classification,
    mean_of,
    median_of,
)
from flowml.automl.predictors.constant import ConstantPredictor


def fit_constant(target: np.ndarray, context: FitContext) -> ConstantPredictor:
    """Class shares; or the value of least error by the metric: the mean, or the median where errors count by size, in
    which for MAPE a row counts the more the smaller its value is."""
    if is_classification(context):
        counted = class_weights(target, context.weights, context.n_outputs)
        return ConstantPredictor(counted / counted.sum())
    weights = context.weights
    if context.metric == "mape":
        # Exactly as the metric has it, without the bound that keeps models from looking at nothing but small values.
        weights = (1.0 if weights is None else weights) / np.maximum(np.abs(target), np.finfo(float).eps)
    value = median_of(target, weights) if absolute_errors(context) else float(mean_of(target, weights))
    return ConstantPredictor(np.array([value]))
