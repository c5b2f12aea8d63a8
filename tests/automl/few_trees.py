"""Ensembles of trees that end after a few dozen: what a test claims of a model seldom depends on there being thousands.

On tables of a few hundred rows boosters go on to their last round and forests always have hundreds of trees, which is
most of what the tests would wait for.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flowml.automl.algorithms import adaboost, catboost, gradient_boosting, lightgbm, xgboost
from flowml.automl.algorithms.fitting import forests

TREES_IN_A_FOREST = 60
ROUNDS = {lightgbm: 300, xgboost: 80, catboost: 100, gradient_boosting: 60}


@contextmanager
def few_trees() -> Iterator[None]:
    """Within it, what is fitted in this process has few trees."""
    with pytest.MonkeyPatch.context() as patch:
        for module, rounds in ROUNDS.items():
            patch.setattr(module, "MAX_ROUNDS", rounds)
        patch.setattr(adaboost, "MAX_TREES", 50)
        patch.setattr(forests, "most_trees", lambda n_rows: TREES_IN_A_FOREST)
        yield
