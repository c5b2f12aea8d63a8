"""What random forests and extra trees share: grown in chunks by the clock, kept small, flattened."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowml.automl.algorithms import memory
from flowml.automl.algorithms.base import FitContext
from flowml.automl.algorithms.fitting.tree_conversion import class_shares, flatten, means
from flowml.automl.algorithms.support import (
    absolute_errors,
    is_classification,
    library_errors,
    require_time,
    reserve,
)
from flowml.automl.features.encoded import Encoded
from flowml.automl.predictors.trees import TreesPredictor
from flowml.automl.task.shape import TaskShape

MAX_DEPTH = 30
FIRST_CHUNK = 4
# A fold's model is to stay within so many bytes as it is stored, and have so many trees: the bag has them five times.
BYTES_A_MODEL = 9_000_000
FEWEST_TREES = 50


def most_trees(n_rows: int) -> int:
    """Many trees on small tables, where they are cheap and the answer is noisy."""
    return 300 if n_rows < 5_000 else 200 if n_rows < 20_000 else 120


def trees_of(n_rows: int, n_leaves: float, n_outputs: int) -> int:
    """How many trees of so many leaves each: fewer where they are large, so that the model does not grow with them.

    Extra trees on 12,800 houses, grown to the end: 60 trees (8.8 MB) had 1.7 % less error than 200 trees of the 2,500
    best leaves each (6 MB), in less than half the time, since growing the best leaf first is slower.
    """
    affordable = int(BYTES_A_MODEL / (_bytes_a_leaf(n_outputs) * max(n_leaves, 1.0)))
    return int(np.clip(affordable, FEWEST_TREES, most_trees(n_rows)))


def memory_of(shape: TaskShape, params: Mapping[str, Any]) -> int:
    """Bytes that a fit takes beside its encoded rows."""
    a_tree = shape.n_rows // int(params["min_samples_leaf"]) + 1
    kept = min(most_trees(shape.n_rows) * a_tree, BYTES_A_MODEL // _bytes_a_leaf(shape.n_outputs))
    return memory.of_forest(shape, trees=1, leaves=kept + FIRST_CHUNK * a_tree)


def fit_forest(
    title: str, estimator: type[Any], params: Mapping[str, Any], train: Encoded, target: np.ndarray, context: FitContext
) -> TreesPredictor:
    """Fit one of scikit-learn's forests, as many trees as the time and the size of a model allow.

    Where even FEWEST_TREES would be too large, leaves have more rows than was asked for.
    """
    require_time(title, context)
    with library_errors(title):
        leaf = int(params["min_samples_leaf"])
        largest = BYTES_A_MODEL / (FEWEST_TREES * _bytes_a_leaf(context.n_outputs))
        chunk = min(FIRST_CHUNK, most_trees(train.n_rows))
        while True:
            before = context.time_left()
            model = estimator(
                **{**params, "min_samples_leaf": leaf},
                n_estimators=chunk,
                max_depth=MAX_DEPTH,
                warm_start=True,
                n_jobs=context.threads,
                random_state=context.seed,
            )
            model.fit(train.values, target, sample_weight=context.weights)
            grown = chunk
            a_tree = max(before - context.time_left(), 1e-6) / chunk
            leaves = sum(one.tree_.n_leaves for one in model.estimators_) / grown
            if leaves <= largest or context.time_left() - reserve(train.n_rows) < 4 * a_tree * FIRST_CHUNK:
                break
            leaf = max(leaf + 1, int(leaf * leaves / largest))
        wanted = trees_of(train.n_rows, leaves, context.n_outputs)
        while grown < wanted:
            affordable = int(0.5 * (context.time_left() - reserve(train.n_rows)) / a_tree)
            if affordable < 1:
                break
            # Chunks are a multiple of the threads and short, so that a look at the clock comes in time.
            chunk = min(wanted - grown, affordable, max(context.threads * 4, int(0.5 / a_tree)))
            before = context.time_left()
            model.set_params(n_estimators=grown + chunk)
            model.fit(train.values, target, sample_weight=context.weights)
            grown += chunk
            a_tree = max(before - context.time_left(), 1e-6) / chunk
        trees = [one.tree_ for one in model.estimators_]
        if is_classification(context):
            return TreesPredictor(flatten(trees, class_shares), combine="mean", link="probability")
        # The mean of medians is none: under absolute errors the middle tree is the better answer.
        combine = "median" if absolute_errors(context) else "mean"
        return TreesPredictor(flatten(trees, means), combine=combine, link="identity")


def _bytes_a_leaf(n_outputs: int) -> int:
    """As it is stored, with the split above it."""
    return 8 + (4 if n_outputs == 1 else 2 * (n_outputs if n_outputs > 2 else 1))
