"""scikit-learn's gradient boosting."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms import memory
from flowml.automl.algorithms.base import (
    Algorithm,
    Category,
    Final,
    FitContext,
    FloatParameter,
    IntParameter,
    Parameter,
)
from flowml.automl.algorithms.fitting.early_stopping import GOOD_LOG_LOSS, LEAST_GAIN, EarlyStopping
from flowml.automl.algorithms.fitting.held_out import HeldOut
from flowml.automl.algorithms.fitting.tree_conversion import flatten, means
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import (
    absolute_errors,
    class_weights,
    is_classification,
    library_errors,
    mean_of,
    median_of,
    require_time,
    reserve,
    row_losses,
    with_validation,
)
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.links import apply_link
from flowml.automl.predictors.trees import TreesPredictor
from flowml.automl.task.shape import TaskShape
from flowml.domain.errors import NotApplicable

MAX_ROUNDS = 400
MOST_ROWS = 200_000
MOST_CLASSES = 30


@register
class GradientBoosting(Algorithm):
    """Stochastic gradient boosting of exact trees (Friedman 2002)."""

    name = "gradient_boosting"
    title = "Gradient boosting"
    category = Category.BOOSTING
    view = View.ORDINAL
    final = Final.BAG

    def check(self, shape: TaskShape) -> None:
        if shape.n_rows > MOST_ROWS:
            raise NotApplicable(
                f"Gradient boosting with exact trees takes too long above {MOST_ROWS:,} rows; LightGBM does the same."
            )
        if shape.n_outputs > MOST_CLASSES:
            raise NotApplicable(f"Gradient boosting with exact trees takes too long above {MOST_CLASSES} classes.")

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (
            FloatParameter("learning_rate", 0.03, 0.3, log=True),
            IntParameter("max_depth", 2, 7),
            IntParameter("min_samples_leaf", 1, max(2, min(60, shape.n_rows // 20)), log=True),
            FloatParameter("subsample", 0.3, 1.0),
            FloatParameter("max_features", 0.1, 1.0),
        )

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        big = shape.n_rows >= 5_000
        some = round(min(1.0, max(0.1, 2.0 * shape.n_features**-0.5)), 3)
        leaf = max(1, min(20, shape.n_rows // 60))

        def one(rate: float, depth: int, rows: float) -> Any:
            return {
                "learning_rate": rate,
                "max_depth": depth,
                "min_samples_leaf": leaf,
                "subsample": rows,
                "max_features": some,
            }

        return (one(0.15, 5, 0.5) if big else one(0.06, 3, 0.7), one(0.1, 6 if big else 2, 0.6))

    def seconds_per_fit(self, shape: TaskShape) -> float:
        outputs = shape.n_outputs if shape.n_outputs > 2 else 1
        columns = 3 + shape.n_features * min(1.0, 2.0 / math.sqrt(shape.n_features))
        return 0.1 + outputs * (0.3 + shape.n_rows * columns * (1.2e-5 if is_classification(shape) else 4e-5))

    def memory_per_fit(self, shape: TaskShape, params: Mapping[str, Any]) -> int:
        groups = shape.n_outputs if shape.n_outputs > 2 else 1
        return memory.of_forest(shape, trees=MAX_ROUNDS * groups, leaves=2 ** int(params["max_depth"]))

    def fit(
        self,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded | None,
        valid_target: np.ndarray | None,
        context: FitContext,
    ) -> Predictor:
        require_time(self.title, context)
        train, target, valid, valid_target, context = with_validation(train, target, valid, valid_target, context)
        with library_errors(self.title):
            return self._fit(params, train, target, valid, valid_target, context)

    def _fit(
        self,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded,
        valid_target: np.ndarray,
        context: FitContext,
    ) -> Predictor:
        from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

        classification, absolute = is_classification(context), absolute_errors(context)
        groups = context.n_outputs if context.n_outputs > 2 else 1
        start = _start(target, context)
        held = HeldOut(valid_target, context.valid_weights, context.seed, classes=classification, least_gain=LEAST_GAIN)
        rate = float(params["learning_rate"])
        raw = np.tile(start, (valid.n_rows, 1))
        answers = raw.copy()
        stopping = EarlyStopping(
            train.n_rows,
            context.time_left,
            reserve(train.n_rows),
            good_enough=GOOD_LOG_LOSS if is_classification(context) else 0.0,
        )

        def after_round(round_index: int, model: Any, _locals: Mapping[str, Any]) -> bool:
            for group, tree in enumerate(model.estimators_[round_index]):
                raw[:, group] += rate * tree.predict(valid.values)
            losses = held.losses(row_losses(raw, valid_target, absolute=absolute))
            for part in held.improved(losses, round_index):
                answers[held.rows(part)] = raw[held.rows(part)]
            return stopping.stop(round_index, held.whole(losses))

        estimator = GradientBoostingClassifier if classification else GradientBoostingRegressor
        loss = {"loss": "absolute_error"} if absolute and not classification else {}
        model = estimator(**params, **loss, n_estimators=MAX_ROUNDS, random_state=context.seed)
        model.fit(train.values, target, sample_weight=context.weights, monitor=after_round)
        kept = model.estimators_[: stopping.best_iteration + 1]
        trees = flatten([tree.tree_ for tree in kept.reshape(-1)], means)
        link = "identity" if not classification else "sigmoid" if groups == 1 else "softmax"
        context.held_out(apply_link(link, answers))
        return TreesPredictor(trees, combine="sum", link=link, groups=groups, scale=rate, offset=start.tolist())


def _start(target: np.ndarray, context: FitContext) -> np.ndarray:
    """The scores before the first tree, as scikit-learn has them: log odds, log shares, the mean or the median."""
    if not is_classification(context):
        if absolute_errors(context):
            return np.array([median_of(target, context.weights)])
        return np.array([float(mean_of(target, context.weights))])
    shares = class_weights(target, context.weights, context.n_outputs)
    shares /= shares.sum()
    tiny = np.finfo(np.float32).eps
    shares = np.clip(shares, tiny, 1 - tiny)
    if context.n_outputs == 2:
        return np.array([np.log(shares[1] / shares[0])])
    return np.asarray(np.log(shares))
