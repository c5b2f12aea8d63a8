"""What the boosted libraries share: one way through a fit, and one watch over its rounds.

A library differs in how it takes rows and settings, and in how it is asked after each round.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext
from flowml.automl.algorithms.fitting.early_stopping import GOOD_LOG_LOSS, LEAST_GAIN, EarlyStopping
from flowml.automl.algorithms.fitting.held_out import HeldOut
from flowml.automl.algorithms.support import (
    faster,
    is_classification,
    library_errors,
    on_its_device,
    require_time,
    reserve,
    with_validation,
)
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.links import two_columns


class Boosting(Algorithm):
    """A family of boosted trees: stopped early by validation rows, on a GPU where there is one, a bag of its folds."""

    category: ClassVar[Category] = Category.BOOSTING
    view: ClassVar[View] = View.NATIVE
    final: ClassVar[Final] = Final.BAG
    gpu: ClassVar[bool] = True

    def hurried(self, params: Mapping[str, Any], factor: float) -> Mapping[str, Any] | None:
        return faster(params, factor)

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
            return on_its_device(
                self.title,
                context,
                lambda device: self.fit_on(device, params, train, target, valid, valid_target, context),
            )

    @abstractmethod
    def fit_on(
        self,
        device: str,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded,
        valid_target: np.ndarray,
        context: FitContext,
    ) -> Predictor:
        """Fit on `cpu` or a GPU such as `cuda:0`, and tell `context.held_out` what is honestly said of the validation
        rows."""


class Rounds:
    """Watches the loss of the validation rows, part by part (`HeldOut`), and says when it is enough."""

    def __init__(self, train: Encoded, valid_target: np.ndarray, context: FitContext):
        classes = is_classification(context)
        self.held = HeldOut(valid_target, context.valid_weights, context.seed, classes=classes, least_gain=LEAST_GAIN)
        self._weights = context.valid_weights
        self._n_outputs = context.n_outputs
        self._stopping = EarlyStopping(
            train.n_rows,
            context.time_left,
            reserve(train.n_rows),
            good_enough=GOOD_LOG_LOSS if classes else 0.0,
        )

    @property
    def best(self) -> int:
        """The round that the model ends with."""
        return self._stopping.best_iteration

    def parts(self) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """The validation rows in parts, each with its weights."""
        rows = [self.held.rows(part) for part in range(self.held.n_parts)]
        return [(part, None if self._weights is None else self._weights[part]) for part in rows]

    def over(self, iteration: int, losses: np.ndarray) -> bool:
        """Whether the round just done is the last; `losses`: the mean loss of each part, (parts,)."""
        self.held.improved(losses, iteration)
        return self._stopping.stop(iteration, self.held.whole(losses))

    def answers(self, predict: Callable[[int, np.ndarray, int], Any]) -> np.ndarray:
        """For the validation rows, (rows, outputs), each part by as many rounds as the others have chosen.

        `predict` is asked for a part, its rows, and how many rounds.
        """
        answers = np.empty((len(self.held.part), self._n_outputs))
        for part in range(self.held.n_parts):
            rows = self.held.rows(part)
            told = np.asarray(predict(part, rows, int(self.held.iterations[part]) + 1), dtype=np.float64)
            answers[rows] = two_columns(told) if self._n_outputs == 2 else told.reshape(len(rows), self._n_outputs)
        return answers
