"""An engine process with algorithms that crash, hang, answer nonsense or eat memory. Run as a module by the tests."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl import trial_process
from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext, Parameter, TaskShape
from flowml.automl.algorithms.registry import register
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from tests.automl.tables import LeastSquares


def crash(context: FitContext) -> None:
    """Breaks down in native code."""
    os.abort()


def hang(context: FitContext) -> None:
    """Ignores its deadline, and does not even come back when asked."""
    while True:
        time.sleep(0.01)


def eat_memory(context: FitContext) -> None:
    """Takes more and more."""
    hoard = []
    while True:
        hoard.append(np.ones(10_000_000))
        time.sleep(0.02)


def nothing(context: FitContext) -> None:
    """Takes so little time that it is a good neighbour."""


class _Misbehaving(Algorithm):
    category = Category.LINEAR
    view = View.DENSE
    final = Final.BAG
    does: Callable[[FitContext], None]

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return ()

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        return ({"penalty": 1.0},)

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.01

    def fit(
        self,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded | None,
        valid_target: np.ndarray | None,
        context: FitContext,
        **others: Any,
    ) -> Predictor:
        type(self).does(context)
        return LeastSquares().fit(params, train, target, valid, valid_target, context, **others)


DOUBLES = (crash, hang, eat_memory, nothing)

if __name__ == "__main__":
    for double in DOUBLES:
        register(type(double.__name__, (_Misbehaving,), {"name": double.__name__, "title": "", "does": double}))
    trial_process.main()
