"""What an algorithm says of itself, so that the search can treat all of them alike."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np

from flowml.automl.algorithms import memory
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType


class Category(StrEnum):
    BOOSTING = "gradient boosting"
    TREES = "trees"
    LINEAR = "linear"
    INSTANCE = "instance-based"
    PROBABILISTIC = "probabilistic"
    NEURAL = "neural network"


class Logarithms(StrEnum):
    """When a family learns the logarithm of a positive, skewed target, where the metric is of absolute errors."""

    NEVER = "never"
    ALWAYS = "always"
    IF_BETTER = "if better"


class Final(StrEnum):
    """What becomes of a finished trial: the fold models averaged, or one more fit on all rows."""

    BAG = "bag"
    REFIT = "refit"


@dataclass(frozen=True)
class IntParameter:
    name: str
    low: int
    high: int
    log: bool = False


@dataclass(frozen=True)
class FloatParameter:
    name: str
    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class ChoiceParameter:
    name: str
    choices: tuple[Any, ...]


Parameter = IntParameter | FloatParameter | ChoiceParameter

WIDE = ChoiceParameter("wide", (False, True))
"""Whether a booster sees combinations of columns beside the columns. Not for the library behind it."""


def _say_nothing(_remark: str) -> None:
    return None


def _keep_nothing(_answers: np.ndarray) -> None:
    return None


@dataclass(frozen=True)
class FitContext:
    """The circumstances of one fit.

    `time_left` gives the seconds until this fit must have returned what it has (a shorter ensemble, fewer epochs);
    `threads` is a hard limit; `device` is `cpu`, or a GPU by its number, `cuda:0` or `gpu:0` (OpenCL); `metric` is what
    the model will be judged by, for whoever can fit for it directly; `remark` takes a sentence about what went
    otherwise than asked, such as a fit that fell back from the GPU. `weights` and `valid_weights` say how much each row
    of the training and the validation part counts, float64 (rows,), about 1 on average; None: all alike. `held_out`
    takes the answers for the validation rows, float64 (rows, outputs), of whoever has stopped by them: each row's from
    an iteration that was chosen without it (`held_out.py`).
    """

    problem_type: ProblemType
    n_outputs: int
    seed: int
    threads: int
    time_left: Callable[[], float]
    device: str = "cpu"
    remark: Callable[[str], None] = field(default=_say_nothing)
    weights: np.ndarray | None = None
    valid_weights: np.ndarray | None = None
    metric: str = ""
    held_out: Callable[[np.ndarray], None] = field(default=_keep_nothing)


class Algorithm(ABC):
    """One family. Stateless: an instance is a record, `fit` returns all that there is to keep."""

    name: ClassVar[str]
    title: ClassVar[str]
    category: ClassVar[Category]
    view: ClassVar[View]
    final: ClassVar[Final]
    problem_types: ClassVar[tuple[ProblemType, ...]] = (ProblemType.CLASSIFICATION, ProblemType.REGRESSION)
    gpu: ClassVar[bool] = False
    logarithms: ClassVar[Logarithms] = Logarithms.NEVER

    def check(self, shape: TaskShape) -> None:
        """Raise NotApplicable, saying why, where this algorithm is not for such a task."""

    def view_of(self, params: Mapping[str, Any]) -> View:
        """The view that it wants with these parameters: with `wide` that of columns and what they say together."""
        return View.WIDE if params.get(WIDE.name) else self.view

    @abstractmethod
    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        """What may vary, with ranges that fit the size of the data."""

    @abstractmethod
    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        """Good first guesses, best first; each a full set of values of the search space."""

    def hurried(self, params: Mapping[str, Any], factor: float) -> Mapping[str, Any] | None:
        """The same configuration made to take only one `factor`-th of the time; None where that cannot be had."""
        return None

    @abstractmethod
    def seconds_per_fit(self, shape: TaskShape) -> float:
        """A rough forecast for the first configuration on one thread; the search corrects it by what it sees."""

    def memory_per_fit(self, shape: TaskShape, params: Mapping[str, Any]) -> int:
        """Bytes that one fit takes beside its encoded rows, at its highest; measured by `benchmarks/memory.py`.

        `shape` is that of the fit: training and validation rows together, columns as encoded.
        """
        return memory.of_double_copies(shape, 3.0)

    @abstractmethod
    def fit(
        self,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded | None,
        valid_target: np.ndarray | None,
        context: FitContext,
    ) -> Predictor:
        """Fit on the training rows; the validation rows, where given, are for early stopping only, and whoever
        stops by them tells `context.held_out` what it would have said without each of them.

        `target`: class codes 0..n_outputs-1 (int32, each class present at least once) or float64 values. Where the
        context has weights, a row of weight 2 counts as two rows.
        Raises TrialFailed with the library's reason, or DeadlineReached when there is nothing usable in time.
        """
