"""The baseline that every algorithm has to beat. Not registered: nobody wants it on a leaderboard."""

import numpy as np

from flowml.automl.algorithms.base import FitContext
from flowml.automl.algorithms.support import is_classification
from flowml.automl.predictors.constant import ConstantPredictor


def fit_constant(target: np.ndarray, context: FitContext) -> ConstantPredictor:
    """Class shares, or the mean."""
    if is_classification(context):
        return ConstantPredictor.of_classes(target, context.n_outputs)
    return ConstantPredictor.of_values(target)
