"""Extremely randomised trees."""

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
class ExtraTrees(Algorithm):
    """Averaged trees with thresholds drawn at random (Geurts, Ernst and Wehenkel 2006)."""

    name = "extra_trees"
    title = "Extra trees"
    category = Category.TREES
    view = View.ORDINAL
    final = Final.BAG
    logarithms = Logarithms.ALWAYS

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (
            FloatParameter("max_features", 0.1, 1.0),
            IntParameter("min_samples_leaf", 1, int(np.clip(shape.n_rows // 25, 8, 40)), log=True),
        )

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        leaf = 2 if shape.n_rows < 5_000 else 3
        if is_classification(shape):
            return (
                {"max_features": 0.75, "min_samples_leaf": leaf},
                {"max_features": 1.0, "min_samples_leaf": 2 * leaf},
                {"max_features": 0.4, "min_samples_leaf": 1},
            )
        return (
            {"max_features": 0.6, "min_samples_leaf": 1},
            {"max_features": 1.0, "min_samples_leaf": 2 * leaf},
        )

    def seconds_per_fit(self, shape: TaskShape) -> float:
        trees = trees_of(shape.n_rows, 0.5 * shape.n_rows, shape.n_outputs)
        return 0.05 + trees * (8e-4 + shape.n_rows * (4 + shape.n_features) * 4.5e-8)

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
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

        estimator = ExtraTreesClassifier if is_classification(context) else ExtraTreesRegressor
        return fit_forest(self.title, estimator, params, train, target, context)
