"""Random forest."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms.base import (
    Algorithm,
    Category,
    Final,
    FitContext,
    FloatParameter,
    IntParameter,
    Logarithms,
    Parameter,
)
from flowml.automl.algorithms.fitting.forests import fit_forest, memory_of, trees_of
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import is_classification
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.task.shape import TaskShape


@register
class RandomForest(Algorithm):
    """Averaged trees on bootstrap samples (Breiman 2001)."""

    name = "random_forest"
    title = "Random forest"
    category = Category.TREES
    view = View.ORDINAL
    final = Final.BAG
    logarithms = Logarithms.ALWAYS

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (
            FloatParameter("max_features", 0.1, 1.0),
            IntParameter("min_samples_leaf", 1, int(np.clip(shape.n_rows // 25, 8, 40)), log=True),
            FloatParameter("max_samples", 0.4, 0.999),
        )

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        some = round(min(1.0, max(0.1, 1.3 * shape.n_features**-0.5)), 3)
        if is_classification(shape):
            leaf = 2 if shape.n_rows < 5_000 else 4
            return (
                {"max_features": some, "min_samples_leaf": leaf, "max_samples": 0.9},
                {"max_features": 0.75, "min_samples_leaf": 2 * leaf, "max_samples": 0.7},
            )
        return (
            {"max_features": max(some, 0.4), "min_samples_leaf": 2, "max_samples": 0.9},
            {"max_features": 0.75, "min_samples_leaf": 4, "max_samples": 0.7},
        )

    def seconds_per_fit(self, shape: TaskShape) -> float:
        columns = 2 + shape.n_features * min(1.0, 1.3 / math.sqrt(shape.n_features))
        trees = trees_of(shape.n_rows, 0.25 * shape.n_rows, shape.n_outputs)
        return 0.05 + trees * (8e-4 + shape.n_rows * columns * 1.6e-7)

    def memory_per_fit(self, shape: TaskShape, params: Mapping[str, Any]) -> int:
        return memory_of(shape, params)

    def fit(
        self,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded | None,
        valid_target: np.ndarray | None,
        context: FitContext,
    ) -> Predictor:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        estimator = RandomForestClassifier if is_classification(context) else RandomForestRegressor
        return fit_forest(self.title, estimator, {**params, "bootstrap": True}, train, target, context)
