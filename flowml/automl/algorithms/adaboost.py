"""AdaBoost, with a loop of its own that looks at the clock and at the validation rows."""

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
    Logarithms,
    Parameter,
)
from flowml.automl.algorithms.fitting.held_out import HeldOut
from flowml.automl.algorithms.fitting.tree_conversion import flatten, means
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import (
    absolute_errors,
    is_classification,
    library_errors,
    require_time,
    reserve,
    row_losses,
    with_validation,
)
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.links import softmax
from flowml.automl.predictors.trees import TreesPredictor
from flowml.automl.scoring.temperature import temperature_of
from flowml.automl.task.shape import TaskShape
from flowml.domain.errors import NotApplicable

MAX_TREES = 150
MOST_ROWS = 300_000
PATIENCE = 25
LEAST_PROBABILITY = 1e-5


@register
class AdaBoost(Algorithm):
    """Classification: SAMME.R (Zhu et al. 2009), with a temperature that calibrates the votes on the validation rows.
    Regression: AdaBoost.R2 (Drucker 1997)."""

    name = "adaboost"
    title = "AdaBoost"
    category = Category.BOOSTING
    view = View.ORDINAL
    final = Final.BAG
    logarithms = Logarithms.ALWAYS

    def check(self, shape: TaskShape) -> None:
        if shape.n_rows > MOST_ROWS:
            raise NotApplicable(f"AdaBoost takes too long above {MOST_ROWS:,} rows; LightGBM boosts faster.")

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (
            FloatParameter("learning_rate", 0.05, 1.0, log=True),
            IntParameter("max_depth", 1, 8 if is_classification(shape) else 12),
            IntParameter("min_samples_leaf", 1, max(2, min(60, shape.n_rows // 20)), log=True),
        )

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        leaf = max(1, min(10, shape.n_rows // 100))
        if is_classification(shape):
            return (
                {"learning_rate": 0.3, "max_depth": 2, "min_samples_leaf": leaf},
                {"learning_rate": 0.15, "max_depth": 4, "min_samples_leaf": leaf},
            )
        deep = 10 if shape.n_rows >= 2_000 else 6
        return (
            {"learning_rate": 0.5, "max_depth": deep, "min_samples_leaf": max(1, leaf // 3)},
            {"learning_rate": 0.2, "max_depth": deep - 2, "min_samples_leaf": max(1, leaf // 3)},
        )

    def seconds_per_fit(self, shape: TaskShape) -> float:
        depth = 1.0 if is_classification(shape) else 4.0
        return 0.1 + MAX_TREES * (3e-3 + shape.n_rows * (2 + shape.n_features) * 6e-8 * depth)

    def memory_per_fit(self, shape: TaskShape, params: Mapping[str, Any]) -> int:
        return memory.of_forest(shape, trees=MAX_TREES, leaves=2 ** int(params["max_depth"]))

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
            if is_classification(context):
                return _boost_classes(params, train, target, valid, valid_target, context)
            return _boost_values(params, train, target, valid, valid_target, context)


def _votes(leaves: np.ndarray, _weights: np.ndarray) -> np.ndarray:
    """Class shares at the leaves → centred log shares, float32 (leaves, classes)."""
    shares = leaves[:, 0, :] / leaves[:, 0, :].sum(axis=1, keepdims=True)
    logarithm = np.log(np.maximum(shares, LEAST_PROBABILITY))
    return np.asarray((logarithm - logarithm.mean(axis=1, keepdims=True)).astype(np.float32))


def _boost_classes(
    params: Mapping[str, Any],
    train: Encoded,
    target: np.ndarray,
    valid: Encoded,
    valid_target: np.ndarray,
    context: FitContext,
) -> Predictor:
    from sklearn.tree import DecisionTreeClassifier

    classes = context.n_outputs
    rate = float(params["learning_rate"])
    weights = _first_weights(train.n_rows, context)
    scores = np.zeros((valid.n_rows, classes))
    trees: list[Any] = []
    best_loss, best_count, best_temperature = np.inf, 0, 1.0
    held = HeldOut(valid_target, context.valid_weights, context.seed, classes=True)
    kept = np.zeros((held.n_parts, valid.n_rows, classes), dtype=np.float32)
    generator = np.random.default_rng(context.seed)
    while len(trees) < MAX_TREES and len(trees) - best_count < PATIENCE:
        model = DecisionTreeClassifier(
            max_depth=int(params["max_depth"]),
            min_samples_leaf=int(params["min_samples_leaf"]),
            random_state=int(generator.integers(2**31)),
        ).fit(train.values, target, sample_weight=weights)
        trees.append(model.tree_)
        scores += _tree_votes(model, valid.values)
        softness = temperature_of(scores, valid_target, weights=context.valid_weights)
        losses = held.losses(row_losses(scores / softness, valid_target))
        for part in held.improved(losses, len(trees)):
            kept[part] = scores
        loss = held.whole(losses)
        if loss < best_loss:
            best_loss, best_count, best_temperature = loss, len(trees), softness
        if context.time_left() <= reserve(train.n_rows):
            break
        own = _tree_votes(model, train.values)[np.arange(train.n_rows), target]
        weights *= np.exp(-rate * (classes - 1) / classes * own)
        weights /= weights.sum()
    context.held_out(_softened_by_the_others(kept, held, valid_target, context.valid_weights))
    arrays = flatten(trees[:best_count], _votes)
    return TreesPredictor(arrays, combine="sum", link="softmax", scale=1.0 / best_temperature, offset=[0.0] * classes)


def _tree_votes(model: Any, values: np.ndarray) -> np.ndarray:
    return np.asarray(_votes(model.tree_.value, model.tree_.weighted_n_node_samples)[model.apply(values)])


def _first_weights(n_rows: int, context: FitContext) -> np.ndarray:
    if context.weights is None:
        return np.full(n_rows, 1.0 / n_rows)
    return np.asarray(context.weights / context.weights.sum())


def _softened_by_the_others(
    kept: np.ndarray, held: HeldOut, target: np.ndarray, weights: np.ndarray | None
) -> np.ndarray:
    """Probabilities of each part's rows: its votes (parts, rows, classes), at the temperature that suits the others."""
    answers = np.empty(kept.shape[1:])
    for part in range(held.n_parts):
        rows, rest = held.rows(part), held.rest(part)
        scores = kept[part].astype(np.float64)
        softness = temperature_of(scores[rest], target[rest], weights=None if weights is None else weights[rest])
        answers[rows] = softmax(scores[rows] / softness)
    return answers


def _boost_values(
    params: Mapping[str, Any],
    train: Encoded,
    target: np.ndarray,
    valid: Encoded,
    valid_target: np.ndarray,
    context: FitContext,
) -> Predictor:
    from sklearn.tree import DecisionTreeRegressor

    rate = float(params["learning_rate"])
    generator = np.random.default_rng(context.seed)
    weights = _first_weights(train.n_rows, context)
    trees: list[Any] = []
    votes: list[float] = []
    answers: list[np.ndarray] = []
    best_loss, best_count = np.inf, 0
    held = HeldOut(valid_target, context.valid_weights, context.seed, classes=False)
    kept = np.zeros((valid.n_rows, 1))
    while len(trees) < MAX_TREES and len(trees) - best_count < PATIENCE:
        sample = generator.choice(train.n_rows, train.n_rows, p=weights)
        model = DecisionTreeRegressor(
            max_depth=int(params["max_depth"]),
            min_samples_leaf=int(params["min_samples_leaf"]),
            random_state=int(generator.integers(2**31)),
        ).fit(train.values[sample], target[sample])
        errors = np.abs(model.predict(train.values) - target)
        largest = errors.max()
        average = float((weights * errors).sum() / largest) if largest > 0 else 0.0
        if average >= 0.5 and trees:
            break
        beta = max(average, 1e-10) / (1.0 - min(average, 0.999))
        trees.append(model.tree_)
        votes.append(max(rate * float(np.log(1.0 / beta)), 1e-6))
        answers.append(model.predict(valid.values))
        if len(trees) % 5 == 0 or len(trees) == 1:
            middle = _weighted_median(np.stack(answers, axis=1), np.array(votes))
            losses = held.losses(row_losses(middle[:, None], valid_target, absolute=absolute_errors(context)))
            for part in held.improved(losses, len(trees)):
                kept[held.rows(part), 0] = middle[held.rows(part)]
            loss = held.whole(losses)
            if loss < best_loss:
                best_loss, best_count = loss, len(trees)
        if average <= 0.0 or average >= 0.5 or context.time_left() <= reserve(train.n_rows):
            break
        weights *= beta ** (rate * (1.0 - errors / largest))
        weights /= weights.sum()
    context.held_out(kept)
    count = max(best_count, 1)
    return TreesPredictor(
        flatten(trees[:count], means), combine="median", link="identity", tree_weights=np.array(votes[:count])
    )


def _weighted_median(answers: np.ndarray, weights: np.ndarray) -> np.ndarray:
    order = np.argsort(answers, axis=1, kind="stable")
    upto = np.cumsum(weights[order], axis=1)
    middle = (upto >= 0.5 * upto[:, -1:]).argmax(axis=1)
    rows = np.arange(len(answers))
    return np.asarray(answers[rows, order[rows, middle]])
