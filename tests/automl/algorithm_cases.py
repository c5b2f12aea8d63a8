"""Small made tables that every algorithm is put through."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flowml.automl.algorithms.base import Algorithm, FitContext
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType

KINDS = ("binary", "multiclass", "regression")
OUTPUTS = {"binary": 2, "multiclass": 3, "regression": 1}


@dataclass(frozen=True)
class Case:
    """A table encoded for one view, split into a training and a validation part."""

    kind: str
    train: Encoded
    target: np.ndarray
    valid: Encoded
    valid_target: np.ndarray

    @property
    def problem_type(self) -> ProblemType:
        return ProblemType.REGRESSION if self.kind == "regression" else ProblemType.CLASSIFICATION

    @property
    def n_outputs(self) -> int:
        return OUTPUTS[self.kind]

    @property
    def shape(self) -> TaskShape:
        rows = self.train.n_rows + self.valid.n_rows
        return TaskShape(self.problem_type, rows, self.train.values.shape[1], self.n_outputs)

    def context(self, seed: int = 0, time_left: Callable[[], float] = lambda: 1e9) -> FitContext:
        return FitContext(self.problem_type, self.n_outputs, seed, 1, time_left)

    def loss(self, predictions: np.ndarray) -> float:
        """Log loss, or the squared error in units of the target's variance."""
        if self.kind == "regression":
            return float(((predictions[:, 0] - self.valid_target) ** 2).mean() / self.valid_target.var())
        chosen = predictions[np.arange(len(self.valid_target)), self.valid_target]
        return float(-np.log(np.maximum(chosen, 1e-6)).mean())


def make_case(kind: str, view: View, n_rows: int = 400, n_features: int = 6, seed: int = 0) -> Case:
    """Numbers of which three matter; the NATIVE view adds a column of categories that matters, and missing values."""
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((n_rows, n_features)).astype(np.float32)
    signal = 2.0 * values[:, 0]
    if n_features > 2:
        signal = signal + values[:, 1] - 0.5 * values[:, 2]
    categorical: tuple[int, ...] = ()
    if view is View.NATIVE and n_features > 3:
        codes = generator.integers(0, 4, n_rows)
        signal = signal + np.array([0.0, 1.0, -1.0, 2.0])[codes]
        values[:, -1] = codes
        values[generator.random(values.shape) < 0.05] = np.nan
        categorical = (n_features - 1,)
    signal = signal + 0.3 * generator.standard_normal(n_rows)
    if kind == "regression":
        target = 1_000.0 + 50.0 * signal
    else:
        edges = np.quantile(signal, [0.5] if kind == "binary" else [0.3, 0.7])
        target = np.digitize(signal, edges).astype(np.int32)
    names = tuple(f"x{index}" for index in range(n_features))
    encoded = Encoded(values, names, categorical, (4,) * len(categorical))
    held = np.arange(n_rows) % 4 == 3
    return Case(
        kind,
        encoded.take(np.flatnonzero(~held)),
        target[~held],
        encoded.take(np.flatnonzero(held)),
        target[held],
    )


class CountingClock:
    """Time that passes by looking at it: so many looks, and it is over."""

    def __init__(self, looks: int):
        self.looks = looks
        self.taken = 0

    def __call__(self) -> float:
        self.taken += 1
        return 1e9 if self.taken <= self.looks else 0.0


class Stopwatch:
    """Seconds of work counted down from `seconds`; what a busy machine keeps for others does not count."""

    def __init__(self, seconds: float):
        self._end = time.process_time() + seconds

    def __call__(self) -> float:
        return self._end - time.process_time()


def first_fit(algorithm: Algorithm, case: Case, seed: int = 0) -> Predictor:
    """The fit of the first configuration."""
    params = algorithm.first_configurations(case.shape)[0]
    return algorithm.fit(params, case.train, case.target, case.valid, case.valid_target, case.context(seed))
