"""How a trial ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from flowml.automl.model.model import FittedModel
from flowml.domain.trials import TrialSpec, TrialStatus


@dataclass(frozen=True)
class Outcome:
    """How one trial ended. Arrays and model only for a finished one; `load_model` fetches the model when needed.

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
    out_of_fold: np.ndarray | None = None
    load_model: Callable[[], FittedModel] | None = None
    applicable: bool = True
    needed_bytes: int | None = None

    @property
    def predictions(self) -> np.ndarray:
        """The out-of-fold predictions of a finished one, (rows, outputs)."""
        assert self.out_of_fold is not None
        return self.out_of_fold

    def model(self) -> FittedModel:
        """The model of a finished one."""
        assert self.load_model is not None
        return self.load_model()
