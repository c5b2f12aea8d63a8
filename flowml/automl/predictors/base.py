"""A predictor: what a fit leaves behind, able to answer from numbers alone.

Predictors import numpy and, when first used, the one booster they belong to: never scikit-learn or optuna. The
web process loads them. Their state is a JSON object and named arrays or bytes in a form that runs no code when read.
"""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np


@dataclass(frozen=True)
class PredictorState:
    """A predictor as data: `kind` names the class, `settings` is JSON, `arrays` and `blobs` go into files. `is_own`: it
    is what this version of this program has written, so that a booster's own model need not be written anew."""

    kind: str
    settings: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    is_own: bool = False


class Predictor(ABC):
    """Answers for encoded rows.

    Classification: an array (rows, classes) of probabilities, each row summing to 1, classes in the task's order.
    Regression: an array (rows, 1).
    """

    kind: ClassVar[str]
    library: ClassVar[str | None] = None
    """What is imported at the first answer, which takes about a second of a core; None where numpy is enough."""

    @abstractmethod
    def predict(self, values: np.ndarray) -> np.ndarray:
        """`values`: float32 (rows, features) in the view it was fitted on. Returns float64 (rows, outputs)."""

    def predict_row(self, values: np.ndarray) -> np.ndarray:
        """The same for one row, the shortest way: float32 (features,) in, float64 (outputs,) out."""
        answer: np.ndarray = self.predict(values.reshape(1, -1))[0]
        return answer

    def takes(self, n_features: int) -> bool:
        """Whether rows of so many features are what it looks up its own in; what only multiplies them need not say."""
        return True

    @abstractmethod
    def to_state(self) -> PredictorState:
        """Everything needed to answer again, without code."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: PredictorState) -> "Predictor":
        """Rebuild, without the library. Raises InvalidInput for a state that does not fit together; never runs code
        from it. What only the library would notice shows at the first answer (`checking.tried`)."""


_LOADERS: dict[str, Callable[[], type[Predictor]]] = {}


def register(kind: str, loader: Callable[[], type[Predictor]]) -> None:
    """Make `kind` loadable. Every file of this package registers its own class when it is imported."""
    _LOADERS[kind] = loader


def load(state: PredictorState) -> Predictor:
    """The predictor behind a state. Raises KeyError for a kind that this version does not know."""
    if state.kind not in _LOADERS:
        package = importlib.import_module("flowml.automl.predictors")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    return _LOADERS[state.kind]().from_state(state)
