"""The baseline that every algorithm has to beat. Not registered: it is made without being asked for (`at_once`)."""

import numpy as np

from flowml.automl.algorithms.base import FitContext
from flowml.automl.algorithms.support import (
    absolute_errors,
    class_weights,
    is_classification,
    mean_of,
    median_of,
    row_weights,
)
from flowml.automl.predictors.constant import ConstantPredictor


def fit_constant(target: np.ndarray, context: FitContext) -> ConstantPredictor:
    """Class shares; or the value of least error by the metric: the mean, or the median where errors count by size."""
    if is_classification(context):
        counted = class_weights(target, context.weights, context.n_outputs)
        return ConstantPredictor(counted / counted.sum())
    weights = row_weights(target, context.weights, context)
    value = median_of(target, weights) if absolute_errors(context) else float(mean_of(target, weights))
    return ConstantPredictor(np.array([value]))
