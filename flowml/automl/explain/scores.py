"""What each feature that a predictor sees adds to its scores, exactly: trees by TreeSHAP, boosters by their own, lines
by their coefficients. Whatever is none of these is asked about by `shapley.py`."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from flowml.automl.explain.links import Link, exponential, named_link, shares
from flowml.automl.explain.margins import margin_of_row
from flowml.automl.explain.tree_shap import TreeShap
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.catboost import CatBoostPredictor, pool
from flowml.automl.predictors.catboost_blob import says_what_it_has_seen
from flowml.automl.predictors.constant import ConstantPredictor
from flowml.automl.predictors.distilled import DistilledPredictor
from flowml.automl.predictors.exponential import ExponentialPredictor
from flowml.automl.predictors.lightgbm import LightGBMPredictor
from flowml.automl.predictors.linear import LinearPredictor
from flowml.automl.predictors.nodes.reading import forest_of
from flowml.automl.predictors.trees import FIXED_POINT, TreesPredictor
from flowml.automl.predictors.xgboost import XGBoostPredictor

TREE, LINEAR, SAMPLED = "tree", "linear", "sampled"
_SMALLEST_SHARE = 1e-4


@dataclass(frozen=True)
class Scores:
    """`base` (scores,) and what each feature adds, (features, scores), up to what the predictor says; `link` makes
    answers of that. `method`: tree or linear."""

    base: np.ndarray
    added: np.ndarray
    link: Link
    method: str

    @property
    def total(self) -> np.ndarray:
        return np.asarray(self.base + self.added.sum(axis=0))


Explainer = Callable[[np.ndarray, np.ndarray], Scores]
"""From an encoded row and the encoded typical row, both float32 (features,)."""


def exact(predictor: Predictor) -> Explainer | None:
    """How a predictor is explained exactly; None where it cannot be, as trees that do not say what rows they saw."""
    if isinstance(predictor, LinearPredictor):
        return _of_line(predictor)
    if isinstance(predictor, ConstantPredictor):
        return _of_constant(predictor)
    if isinstance(predictor, TreesPredictor):
        return _of_trees(predictor)
    if isinstance(predictor, LightGBMPredictor):
        return _if_finite(_of_lightgbm(predictor), predictor.n_features)
    if isinstance(predictor, XGBoostPredictor):
        return _if_finite(_of_xgboost(predictor), predictor.n_features)
    if isinstance(predictor, CatBoostPredictor):
        # Without, it would take the rows that are explained for those of training.
        if not says_what_it_has_seen(predictor.model):
            return None
        return _if_finite(_of_catboost(predictor), predictor.n_features)
    if isinstance(predictor, DistilledPredictor):
        return _of_distilled(predictor)
    if isinstance(predictor, ExponentialPredictor):
        inner = exact(predictor.inner)
        if inner is None:
            return None
        link = exponential(predictor.low, predictor.high)
        return lambda row, typical: replace(inner(row, typical), link=link)
    return None


def _of_line(predictor: LinearPredictor) -> Explainer:
    link = named_link(predictor.link, predictor.coefficients.shape[1])

    def explain(row: np.ndarray, typical: np.ndarray) -> Scores:
        base = typical.astype(np.float64) @ predictor.coefficients + predictor.intercept
        apart = row.astype(np.float64) - typical.astype(np.float64)
        return Scores(base, apart[:, None] * predictor.coefficients, link, LINEAR)

    return explain


def _of_constant(predictor: ConstantPredictor) -> Explainer:
    link = named_link("identity" if len(predictor.answer) == 1 else "probability", len(predictor.answer))
    return lambda row, typical: Scores(predictor.answer, np.zeros((len(row), len(predictor.answer))), link, LINEAR)


def _of_trees(predictor: TreesPredictor) -> Explainer | None:
    if predictor.combine == "median" or predictor.flat.stored.covers is None:
        return None
    shap = TreeShap(predictor.flat, predictor.groups)
    unit = 1.0 / FIXED_POINT if predictor.flat.stored.values.dtype == np.uint16 else 1.0
    if predictor.combine == "mean":
        unit /= len(predictor.flat)
    unit *= predictor.scale
    base = shap.expected * unit + predictor.offset
    return _Trees(shap, base, unit, named_link(predictor.link, shap.width))


class _Trees:
    """An explainer that knows much of its trees."""

    def __init__(self, shap: TreeShap, base: np.ndarray, unit: float, link: Link):
        self._shap, self._base, self._unit, self._link = shap, base, unit, link
        self.n_bytes = shap.n_bytes

    def __call__(self, row: np.ndarray, typical: np.ndarray) -> Scores:
        return Scores(self._base, self._shap.contributions(row) * self._unit, self._link, TREE)


def _booster_link(n_outputs: int) -> Link:
    return named_link({1: "identity", 2: "sigmoid"}.get(n_outputs, "softmax"), n_outputs if n_outputs > 2 else 1)


def _scores(found: np.ndarray, link: Link) -> Scores:
    """From (scores, features + 1), the base behind the features."""
    return Scores(found[:, -1].copy(), np.ascontiguousarray(found[:, :-1].T), link, TREE)


def _of_lightgbm(predictor: LightGBMPredictor) -> Explainer:
    link, n_scores = _booster_link(predictor.n_outputs), predictor.n_outputs if predictor.n_outputs > 2 else 1

    def explain(row: np.ndarray, typical: np.ndarray) -> Scores:
        found = predictor._booster.predict(row.reshape(1, -1), pred_contrib=True, num_threads=1)
        return _scores(np.asarray(found, dtype=np.float64).reshape(n_scores, -1), link)

    return explain


def _of_xgboost(predictor: XGBoostPredictor) -> Explainer:
    link, n_scores = _booster_link(predictor.n_outputs), predictor.n_outputs if predictor.n_outputs > 2 else 1
    forest = forest_of(predictor)
    assert forest is not None
    margin = margin_of_row(forest)

    def explain(row: np.ndarray, typical: np.ndarray) -> Scores:
        import xgboost

        data = xgboost.DMatrix(row.reshape(1, -1), nthread=1)
        found = predictor._booster.predict(data, pred_contribs=True, validate_features=False)
        found = np.asarray(found, dtype=np.float64).reshape(n_scores, -1)
        # It adds in single precision; what that leaves, beside the answer of its trees, belongs to no feature.
        found[:, -1] += margin(row) - found.sum(axis=1)
        return _scores(found, link)

    return explain


def _of_catboost(predictor: CatBoostPredictor) -> Explainer:
    link, n_scores = _booster_link(predictor.n_outputs), predictor.n_outputs if predictor.n_outputs > 2 else 1
    chosen = set(predictor.categorical)
    # Its pools have numbers first.
    order = [*(index for index in range(predictor.n_features) if index not in chosen), *predictor.categorical]

    def explain(row: np.ndarray, typical: np.ndarray) -> Scores:
        rows = pool(row.reshape(1, -1), predictor.categorical, n_threads=1)
        found = predictor._booster.get_feature_importance(rows, type="ShapValues", thread_count=1)
        found = np.asarray(found, dtype=np.float64).reshape(n_scores, -1)
        placed = found.copy()
        placed[:, order] = found[:, :-1]
        return _scores(placed, link)

    return explain


def _of_distilled(predictor: DistilledPredictor) -> Explainer | None:
    inner = [exact(regression) for regression in predictor.regressions]
    if any(one is None for one in inner):
        return None
    link = shares(_SMALLEST_SHARE, len(inner))

    def explain(row: np.ndarray, typical: np.ndarray) -> Scores:
        found = [one(row, typical) for one in inner if one is not None]
        base = np.concatenate([one.base for one in found])
        return Scores(base, np.concatenate([one.added for one in found], axis=1), link, TREE)

    return explain


def _if_finite(explain: Explainer, n_features: int) -> Explainer | None:
    """None for a booster of a file that does not say what rows its nodes have seen."""
    row = np.zeros(n_features, dtype=np.float32)
    found = explain(row, row)
    return explain if np.isfinite(found.base).all() and np.isfinite(found.added).all() else None
