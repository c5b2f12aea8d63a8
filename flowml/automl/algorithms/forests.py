"""What random forests and extra trees share: grown in chunks by the clock, kept small, flattened."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowml.automl import memory
from flowml.automl.algorithms.base import FitContext, TaskShape
from flowml.automl.algorithms.support import is_classification, leaves_a_tree, library_errors, require_time, reserve
from flowml.automl.algorithms.tree_conversion import class_shares, flatten, means
from flowml.automl.features.encoded import Encoded
from flowml.automl.predictors.trees import TreesPredictor

MAX_DEPTH = 30
FIRST_CHUNK = 4


def n_trees(n_rows: int) -> int:
    """Many trees on small tables, where they are cheap and the answer is noisy."""
    return 300 if n_rows < 5_000 else 200 if n_rows < 20_000 else 120


def memory_of(shape: TaskShape, params: Mapping[str, Any]) -> int:
    """Bytes that a fit takes beside its encoded rows."""
    trees = n_trees(shape.n_rows)
    most = min(leaves_a_tree(trees, shape.n_outputs), shape.n_rows // int(params["min_samples_leaf"]) + 1)
    return memory.of_forest(shape, trees=trees, leaves=most)


def fit_forest(
    title: str, estimator: type[Any], params: Mapping[str, Any], train: Encoded, target: np.ndarray, context: FitContext
) -> TreesPredictor:
    """Fit one of scikit-learn's forests, as many trees as the time allows."""
    require_time(title, context)
    with library_errors(title):
        wanted = n_trees(train.n_rows)
        most_leaves = leaves_a_tree(wanted, context.n_outputs)
        # Growing to a number of leaves takes a slower way through a tree: only where the limit may be reached.
        bound = most_leaves if train.n_rows > most_leaves * int(params["min_samples_leaf"]) else None
        model = estimator(
            **params,
            n_estimators=1,
            max_depth=MAX_DEPTH,
            max_leaf_nodes=bound,
            warm_start=True,
            n_jobs=context.threads,
            random_state=context.seed,
        )
        grown, chunk = 0, min(FIRST_CHUNK, wanted)
        while grown < wanted:
            before = context.time_left()
            model.set_params(n_estimators=grown + chunk)
            model.fit(train.values, target, sample_weight=context.weights)
            grown += chunk
            left = context.time_left() - reserve(train.n_rows)
            a_tree = max(before - context.time_left(), 1e-6) / chunk
            affordable = int(0.5 * left / a_tree)
            if affordable < 1:
                break
            # Chunks are a multiple of the threads and short, so that a look at the clock comes in time.
            chunk = min(wanted - grown, affordable, max(context.threads * 4, int(0.5 / a_tree)))
        trees = [one.tree_ for one in model.estimators_]
        if is_classification(context):
            return TreesPredictor(flatten(trees, class_shares), combine="mean", link="probability")
        return TreesPredictor(flatten(trees, means), combine="mean", link="identity")
