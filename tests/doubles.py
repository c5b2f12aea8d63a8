"""Algorithms that misbehave, each in one way; for real trainers and real processes of the library.

They are known where `tests.known_doubles` is imported: by `tests.serve_with_doubles` for a server, by
`tests.engine_with_doubles` for the library. Nothing of the product knows them, nor the process that runs the tests.
"""

import ctypes
import mmap
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext, Parameter
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.constant import ConstantPredictor
from flowml.automl.task.shape import TaskShape

DOUBLES: list[type[Algorithm]] = []


def misbehaving(algorithm: type[Algorithm]) -> type[Algorithm]:
    """Class decorator: one of them."""
    DOUBLES.append(algorithm)
    return algorithm


class Double(Algorithm):
    """Fits what says the same for every row, after it has done its mischief."""

    category = Category.TREES
    view = View.ORDINAL
    final = Final.BAG

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return ()

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        return ({},)

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
    ) -> Predictor:
        self.mischief()
        return self.predictor(context)

    def mischief(self) -> None:
        return None

    def predictor(self, context: FitContext) -> Predictor:
        return ConstantPredictor(np.full(context.n_outputs, 1.0 / context.n_outputs))


class _Answering(ConstantPredictor):
    def __init__(self, values: np.ndarray, answer: Callable[[np.ndarray], np.ndarray]):
        super().__init__(values)
        self._answer = answer

    def predict(self, values: np.ndarray) -> np.ndarray:
        return self._answer(super().predict(values))


@misbehaving
class Aborts(Double):
    name = title = "aborts"

    def mischief(self) -> None:
        os.abort()


@misbehaving
class Segfaults(Double):
    name = title = "segfaults"

    def mischief(self) -> None:
        ctypes.string_at(0)


@misbehaving
class Exits(Double):
    name = title = "exits"

    def mischief(self) -> None:
        sys.exit(3)


@misbehaving
class EndsAtOnce(Double):
    name = title = "ends_at_once"

    def mischief(self) -> None:
        os._exit(4)


@misbehaving
class Hangs(Double):
    """In native code, without letting go of Python's lock: no other thread of its process gets a word in."""

    name = title = "hangs"

    def mischief(self) -> None:
        re.match(r"(a+)+b", "a" * 60)


@misbehaving
class Sleeps(Double):
    name = title = "sleeps"

    def mischief(self) -> None:
        time.sleep(3600)


@misbehaving
class AnswersNaN(Double):
    name = title = "answers_nan"

    def predictor(self, context: FitContext) -> Predictor:
        return _Answering(np.full(context.n_outputs, 0.5), lambda answers: answers * np.nan)


@misbehaving
class AnswersTooFew(Double):
    name = title = "answers_too_few"

    def predictor(self, context: FitContext) -> Predictor:
        return _Answering(np.full(context.n_outputs, 0.5), lambda answers: answers[:-3])


@misbehaving
class RaisesMemoryError(Double):
    name = title = "raises_memory_error"

    def mischief(self) -> None:
        raise MemoryError


@misbehaving
class Raises(Double):
    name = title = "raises"

    def mischief(self) -> None:
        raise RuntimeError("the flux capacitor is empty")


@misbehaving
class EatsMemory(Double):
    """A hundred megabytes at a time, really there, up to three gigabytes; then it waits."""

    name = title = "eats_memory"

    def mischief(self) -> None:
        hoard = []
        for _ in range(30):
            # The kernel fills it in one go: page by page takes so long on a busy machine that the time is over first.
            hoard.append(mmap.mmap(-1, 100_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE))
        time.sleep(3600)


@misbehaving
class PrintsGarbage(Double):
    """Megabytes of what is no text, wherever it can be said; and then does its work."""

    name = title = "prints_garbage"

    def mischief(self) -> None:
        for _ in range(200):
            os.write(1, bytes(range(256)) * 40)
        print("\x1b[2J\x00 done", flush=True)


@misbehaving
class Forks(Double):
    """Leaves a child behind that sleeps, and one that comes back as a second self."""

    name = title = "forks"

    def mischief(self) -> None:
        if os.fork() == 0:
            time.sleep(3600)
        os.fork()


REASONS = {
    "aborts": "SIGABRT",
    "segfaults": "SIGSEGV",
    "exits": "tried to end the whole program",
    "ends_at_once": "exit code 4",
    "hangs": "Not finished in time",
    "sleeps": "Not finished in time",
    "answers_nan": "not numbers",
    "answers_too_few": "rows",
    "raises_memory_error": "memory",
    "raises": "the flux capacitor is empty",
    "eats_memory": "more memory than",
}
"""What the record of each says."""
LATE = ("hangs", "sleeps")
"""Those that are no failure, but did not come to an end."""
HARMLESS = ("prints_garbage", "forks")
"""Those that do their work all the same."""
