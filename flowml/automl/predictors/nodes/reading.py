"""From a predictor to its trees as plain nodes."""

import numpy as np

from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.catboost import CatBoostPredictor
from flowml.automl.predictors.lightgbm import LightGBMPredictor
from flowml.automl.predictors.nodes.catboost import forest_of_catboost
from flowml.automl.predictors.nodes.forest import Forest, NodeTree
from flowml.automl.predictors.nodes.lightgbm import forest_of_lightgbm
from flowml.automl.predictors.nodes.xgboost import forest_of_xgboost
from flowml.automl.predictors.trees import FIXED_POINT, TreesPredictor
from flowml.automl.predictors.xgboost import XGBoostPredictor


def forest_of(predictor: Predictor) -> Forest | None:
    """The trees of a predictor that consists of them, none of its library needed; None for any other.

    Raises ValueError for trees of a kind that cannot be written so.
    """
    if isinstance(predictor, TreesPredictor):
        return _of_flat(predictor)
    if isinstance(predictor, LightGBMPredictor):
        return forest_of_lightgbm(predictor)
    if isinstance(predictor, XGBoostPredictor):
        return forest_of_xgboost(predictor)
    if isinstance(predictor, CatBoostPredictor):
        return forest_of_catboost(predictor)
    return None


def _of_flat(predictor: TreesPredictor) -> Forest:
    flat = predictor.flat
    stored = flat.stored
    values = stored.values.astype(np.float64)
    if stored.values.dtype == np.uint16:
        values = values / FIXED_POINT
    trees = []
    for root, size in zip(flat.roots.tolist(), stored.sizes.tolist(), strict=True):
        nodes = slice(root, root + size)
        inner = stored.feature[nodes] >= 0
        child = flat.child[nodes].astype(np.int32) - root
        value = np.zeros((size, values.shape[1]))
        value[~inner] = values[flat.leaf[nodes][~inner]]
        trees.append(
            NodeTree(
                feature=stored.feature[nodes].astype(np.int32),
                threshold=flat.threshold[nodes].astype(np.float64),
                # A comparison with NaN fails, and whoever is not above goes left.
                missing_left=np.ones(size, dtype=bool),
                left=np.where(inner, child, -1),
                right=np.where(inner, child + 1, -1),
                value=value,
            )
        )
    return Forest(
        trees,
        flat.n_features,
        predictor.groups,
        predictor.offset,
        predictor.link,
        predictor.scale,
        predictor.combine,
        predictor.tree_weights,
    )
