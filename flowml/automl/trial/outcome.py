"""How a trial ended."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from flowml.automl.model.model import FittedModel
from flowml.domain.errors import Damaged, FlowMLError, NotFound
from flowml.domain.trials import TrialSpec, TrialStatus


@dataclass(frozen=True)
class Outcome:
    """How one trial ended. What it said of rows that it had not seen, and its model, only for a finished one: they are
    fetched when they are needed (`load_predictions`, `load_model`), since a long run has very many of them.

    `error`: why it failed; of a finished one what went otherwise than asked. Not `applicable`: its algorithm is not for
    this table, or for this machine; `needed_bytes`: how much memory it would have needed where that was the reason.
    """

    spec: TrialSpec
    status: TrialStatus
    score: float | None = None
    fold_scores: tuple[float, ...] = ()
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    fit_seconds: float = 0.0
    predict_ms: float | None = None
    error: str | None = None
    load_predictions: Callable[[], np.ndarray] | None = None
    load_model: Callable[[], FittedModel] | None = None
    applicable: bool = True
    needed_bytes: int | None = None

    def predictions(self) -> np.ndarray:
        """The out-of-fold predictions of a finished one, (rows, outputs), NaN for rows that no fold holds out. Raises
        Lost."""
        assert self.load_predictions is not None
        with self._reading():
            return self.load_predictions()

    def model(self) -> FittedModel:
        """The model of a finished one. Raises Lost."""
        assert self.load_model is not None
        with self._reading():
            return self.load_model()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (NotFound, Damaged) as error:
            raise Lost(self.spec.number, error) from error


class Lost(Damaged):
    """What a trial has left is gone, or no longer what it was."""

    def __init__(self, number: int, error: FlowMLError):
        super().__init__(error.detail, hint=error.hint)
        self.number = number
