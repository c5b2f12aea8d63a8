"""Support vector machine."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from flowml.automl.algorithms import memory
from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext, FloatParameter, Logarithms, Parameter
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import TargetScale, is_classification, library_errors, require_time
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.svm import SupportVectorPredictor
from flowml.automl.task.shape import TaskShape
from flowml.domain.errors import NotApplicable

MOST_ROWS = 10_000
MOST_CELLS = 2_000_000
MOST_CLASSES = 20
MOST_ITERATIONS = 200_000
CALIBRATION_FOLDS = 3
CACHE_MEGABYTES = 200


@register
class SupportVectorMachine(Algorithm):
    """C-SVC and epsilon-SVR with a Gaussian kernel (Cortes and Vapnik 1995).

    Probabilities come from a logistic regression on cross-validated decision values (Platt 1999), multinomial over
    the pairs of classes where there are more than two.
    """

    name = "svm"
    title = "Support vector machine"
    category = Category.INSTANCE
    view = View.DENSE
    final = Final.REFIT
    logarithms = Logarithms.ALWAYS

    def check(self, shape: TaskShape) -> None:
        if shape.n_rows > MOST_ROWS:
            raise NotApplicable(
                f"A support vector machine compares every row with every other: above {MOST_ROWS:,} rows that takes "
                "too long."
            )
        if shape.n_rows * shape.n_features > MOST_CELLS or shape.n_outputs > MOST_CLASSES:
            raise NotApplicable(
                f"A support vector machine takes too long with more than {MOST_CELLS:,} cells or {MOST_CLASSES} "
                "classes."
            )

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        common = (FloatParameter("C", 0.05, 100.0, log=True), FloatParameter("gamma_scale", 0.05, 5.0, log=True))
        if is_classification(shape):
            return common
        return (*common, FloatParameter("epsilon", 0.01, 0.5, log=True))

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        if is_classification(shape):
            return ({"C": 1.0, "gamma_scale": 1.0}, {"C": 5.0, "gamma_scale": 0.25})
        return (
            {"C": 2.0, "gamma_scale": 1.0, "epsilon": 0.1},
            {"C": 10.0, "gamma_scale": 0.4, "epsilon": 0.1},
        )

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.02 + _seconds(shape.n_rows, shape.n_features, is_classification(shape))

    def memory_per_fit(self, shape: TaskShape, params: Mapping[str, Any]) -> int:
        # libsvm's own copy, its cache of the kernel, and the vectors that it keeps.
        return memory.of_double_copies(shape, 4.0) + CACHE_MEGABYTES * 1_000_000

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
        with library_errors(self.title):
            rows = _affordable_rows(train, target, context)
            values, target = train.values[rows].astype(np.float64), target[rows]
            if context.weights is not None:
                context = replace(context, weights=context.weights[rows])
            # "scale" in scikit-learn's words: 1 / (features · variance), so that settings carry over between tables.
            spread = float(values.var()) * values.shape[1]
            gamma = float(params["gamma_scale"]) / (spread if spread > 0 else 1.0)
            if is_classification(context):
                return _fit_classes(params, values, target, gamma, context)
            return _fit_values(params, values, target, gamma, context.weights)


def _seconds(n_rows: int, n_features: int, classification: bool) -> float:
    """One fit together with the fits of its calibration."""
    once = n_rows**2 * (8e-9 + 4e-10 * n_features)
    return once * (1 + CALIBRATION_FOLDS * (1 - 1 / CALIBRATION_FOLDS) ** 2) if classification else once


def _affordable_rows(train: Encoded, target: np.ndarray, context: FitContext) -> np.ndarray:
    """All rows, or a seeded sample that leaves every class in where the time is too short for all."""
    left = context.time_left()
    needed = _seconds(train.n_rows, train.values.shape[1], is_classification(context))
    if 2 * needed <= left:
        return np.arange(train.n_rows)
    wanted = max(50, int(train.n_rows * np.sqrt(left / (2 * needed))))
    order = np.random.default_rng(context.seed).permutation(train.n_rows)
    if not is_classification(context):
        return np.sort(order[:wanted])
    _, first = np.unique(target[order], return_index=True)
    return np.unique(np.concatenate([order[:wanted], order[first]]))


def _fit_classes(
    params: Mapping[str, Any], values: np.ndarray, target: np.ndarray, gamma: float, context: FitContext
) -> SupportVectorPredictor:
    whole = _machine(params, values, target, gamma, context.weights)
    decisions = _cross_validated_decisions(params, values, target, gamma, context)
    if decisions is None:
        decisions = whole.decisions(values.astype(np.float32))
    coefficients, offsets = _calibration(decisions, target, context)
    link = "sigmoid" if context.n_outputs == 2 else "softmax"
    return SupportVectorPredictor(whole.vectors, whole.dual, whole.intercept, gamma, coefficients, offsets, link)


def _machine(
    params: Mapping[str, Any],
    values: np.ndarray,
    target: np.ndarray,
    gamma: float,
    weights: np.ndarray | None = None,
) -> SupportVectorPredictor:
    """A fitted machine whose answers are its decision values, one a pair of classes."""
    from sklearn.svm import SVC

    model = SVC(
        C=float(params["C"]),
        gamma=gamma,
        decision_function_shape="ovo",
        cache_size=CACHE_MEGABYTES,
        max_iter=MOST_ITERATIONS,
    )
    model.fit(values, target, sample_weight=weights)
    dual, intercept = _pairs(model)
    pairs = dual.shape[1]
    return SupportVectorPredictor(
        model.support_vectors_, dual, intercept, gamma, np.eye(pairs), np.zeros(pairs), "identity"
    )


def _pairs(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """libsvm's coefficients (classes - 1, vectors) → one column a pair of classes (vectors, pairs), and offsets.

    For the pair i < j, the vectors of class i have their coefficient in row j - 1, those of class j in row i.
    """
    compact = np.asarray(model.dual_coef_)
    ends = np.cumsum(model.n_support_)
    starts = ends - model.n_support_
    classes = len(model.n_support_)
    if classes == 2:
        return compact.T, np.asarray(model.intercept_)
    columns = []
    for i in range(classes):
        for j in range(i + 1, classes):
            column = np.zeros(compact.shape[1])
            column[starts[i] : ends[i]] = compact[j - 1, starts[i] : ends[i]]
            column[starts[j] : ends[j]] = compact[i, starts[j] : ends[j]]
            columns.append(column)
    return np.stack(columns, axis=1), np.asarray(model.intercept_)


def _cross_validated_decisions(
    params: Mapping[str, Any], values: np.ndarray, target: np.ndarray, gamma: float, context: FitContext
) -> np.ndarray | None:
    """Decision values for every row from a machine that has not seen it; None where a class has one row only."""
    folds = min(CALIBRATION_FOLDS, int(np.bincount(target, minlength=context.n_outputs).min()))
    if folds < 2:
        return None
    order = np.random.default_rng(context.seed).permutation(len(target))
    order = order[np.argsort(target[order], kind="stable")]
    within = np.arange(len(order)) - np.searchsorted(target[order], target[order])
    fold = np.empty(len(target), dtype=np.int64)
    fold[order] = within % folds
    decisions: np.ndarray | None = None
    for index in range(folds):
        rest, held = fold != index, fold == index
        part = None if context.weights is None else context.weights[rest]
        found = _machine(params, values[rest], target[rest], gamma, part).decisions(values[held].astype(np.float32))
        if decisions is None:
            decisions = np.empty((len(target), found.shape[1]))
        decisions[held] = found
    return decisions


def _calibration(decisions: np.ndarray, target: np.ndarray, context: FitContext) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=100.0 if context.n_outputs == 2 else 1.0, max_iter=200)
    model.fit(decisions, target, sample_weight=context.weights)
    return model.coef_.T, model.intercept_


def _fit_values(
    params: Mapping[str, Any],
    values: np.ndarray,
    target: np.ndarray,
    gamma: float,
    weights: np.ndarray | None = None,
) -> SupportVectorPredictor:
    from sklearn.svm import SVR

    scale = TargetScale.of(target, weights)
    model = SVR(
        C=float(params["C"]),
        epsilon=float(params["epsilon"]),
        gamma=gamma,
        cache_size=CACHE_MEGABYTES,
        max_iter=MOST_ITERATIONS,
    )
    model.fit(values, scale.apply(target), sample_weight=weights)
    return SupportVectorPredictor(
        model.support_vectors_,
        model.dual_coef_.T,
        model.intercept_,
        gamma,
        np.array([[scale.scale]]),
        np.array([scale.mean]),
        "identity",
    )
