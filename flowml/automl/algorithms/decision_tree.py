"""One decision tree."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms import memory
from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext, IntParameter, Logarithms, Parameter
from flowml.automl.algorithms.fitting.tree_conversion import class_shares, flatten, means
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import class_weights, is_classification, library_errors, require_time
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.flat_trees import TreeArrays
from flowml.automl.predictors.trees import TreesPredictor
from flowml.automl.task.shape import TaskShape

# Rows that each leaf is taken to have seen beside its own, spread as in the whole table.
ROWS_BEFORE = 2.0


@register
class DecisionTree(Algorithm):
    """Classification and regression tree (Breiman et al. 1984), best leaf first."""

    name = "decision_tree"
    title = "Decision tree"
    category = Category.TREES
    view = View.ORDINAL
    final = Final.REFIT
    logarithms = Logarithms.ALWAYS

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (
            IntParameter("max_leaf_nodes", 3, int(np.clip(shape.n_rows // 4, 8, 2_000)), log=True),
            IntParameter("min_samples_leaf", 1, max(2, min(100, shape.n_rows // 20)), log=True),
        )

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        leaves = int(np.clip(shape.n_rows // 40, 6, 400))
        leaf = max(1, min(20, shape.n_rows // 100))
        return (
            {"max_leaf_nodes": leaves, "min_samples_leaf": leaf},
            {"max_leaf_nodes": max(3, leaves // 4), "min_samples_leaf": leaf},
        )

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.01 + shape.n_rows * shape.n_features * 3e-7

    def memory_per_fit(self, shape: TaskShape, params: Mapping[str, Any]) -> int:
        return memory.of_forest(shape, trees=1, leaves=int(params["max_leaf_nodes"]))

    def fit(
        self,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded | None,
        valid_target: np.ndarray | None,
        context: FitContext,
    ) -> Predictor:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        require_time(self.title, context)
        with library_errors(self.title):
            if is_classification(context):
                model = DecisionTreeClassifier(**params, random_state=context.seed)
                model.fit(train.values, target, sample_weight=context.weights)
                shares = class_weights(target, context.weights, context.n_outputs)
                return TreesPredictor(_softened(model.tree_, shares / shares.sum()), combine="mean", link="probability")
            model = DecisionTreeRegressor(**params, random_state=context.seed)
            model.fit(train.values, target, sample_weight=context.weights)
            return TreesPredictor(flatten([model.tree_], means), combine="mean", link="identity")


def _softened(tree: Any, shares: np.ndarray) -> TreeArrays:
    """The tree with the m-estimate of its class shares (Provost and Domingos 2003).

    A leaf of three rows of one class does not make that class certain, as scikit-learn has it.
    """

    def soften(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return class_shares(values * weights[:, None, None] + ROWS_BEFORE * shares, weights)

    return flatten([tree], soften)
