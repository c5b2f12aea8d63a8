"""Reading a predictor's state with suspicion: it may come from a file that somebody made by hand."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from flowml.automl.predictors.base import Predictor, PredictorState
from flowml.domain.errors import InvalidInput
from flowml.machine import forks

MAX_OUTPUTS = 10_000
MOST_CODES = 300
"""Every code of a category is below: encoders give fewer. A file may not ask for one beyond, since whatever is made
of its trees has a place for each."""
_SUM = 1e-3
_LARGEST_SINGLE = float(np.finfo(np.float32).max)
_Built = TypeVar("_Built")


def damaged(what: str) -> InvalidInput:
    """The error of a state that does not fit together."""
    return InvalidInput(f"This model file is damaged: {what}.", hint="Download the model again, or train it once more.")


def array(
    state: PredictorState, name: str, shape: Sequence[int | None], kinds: str = "f", *, single: bool = False
) -> np.ndarray:
    """The named array, with as many dimensions as `shape` has (None: any size there) and a dtype of these kinds.

    `kinds` are numpy's letters: f floating, i signed, u unsigned. Floating arrays must be finite; those that are worked
    with in `single` precision in that, too.
    """
    found = state.arrays.get(name)
    if not isinstance(found, np.ndarray) or found.dtype.kind not in kinds:
        raise damaged(f"{state.kind} has no usable array “{name}”")
    fits = found.ndim == len(shape) and all(
        want is None or want == size for want, size in zip(shape, found.shape, strict=False)
    )
    if not fits:
        raise damaged(f"the array “{name}” of {state.kind} has the wrong shape")
    if found.dtype.kind == "f" and not bool(np.isfinite(found).all()):
        raise damaged(f"the array “{name}” of {state.kind} holds a value that is not a number")
    if single and found.size and max(-float(found.min()), float(found.max())) > _LARGEST_SINGLE:
        raise damaged(f"the array “{name}” of {state.kind} holds a number beyond single precision")
    return np.ascontiguousarray(found)


def not_above(threshold: np.ndarray) -> np.ndarray:
    """The greatest numbers of single precision that are not above these: for one of them it is the same question."""
    with np.errstate(over="ignore"):
        found = threshold.astype(np.float32)
    return np.where(found > threshold, np.nextafter(found, np.float32(-np.inf)), found)


def integer(state: PredictorState, name: str, low: int, high: int) -> int:
    """A whole number from the settings, within [low, high]."""
    found = state.settings.get(name)
    if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
        raise damaged(f"the setting “{name}” of {state.kind} is missing or out of range")
    return found


def number(state: PredictorState, name: str) -> float:
    """A finite number from the settings."""
    found = state.settings.get(name)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not np.isfinite(found):
        raise damaged(f"the setting “{name}” of {state.kind} is not a number")
    return float(found)


def choice(state: PredictorState, name: str, choices: Sequence[str]) -> str:
    """One of the given words from the settings."""
    found: Any = state.settings.get(name)
    if not isinstance(found, str) or found not in choices:
        raise damaged(f"the setting “{name}” of {state.kind} is none of {', '.join(choices)}")
    return found


def blob(state: PredictorState, name: str) -> bytes:
    """The named bytes."""
    found = state.blobs.get(name)
    if not isinstance(found, bytes) or not found:
        raise damaged(f"{state.kind} has no part “{name}”")
    return found


def rebuilt(library: str, build: Callable[[], _Built]) -> _Built:
    """What `build` makes of a library's own model. Raises InvalidInput for the errors that reading such a thing has."""
    try:
        return build()
    except InvalidInput:
        raise
    except (ValueError, LookupError, ArithmeticError, TypeError, AttributeError, RecursionError) as problem:
        # Only what is said here is meant for people; numpy's and Python's own words are not.
        ours = str(problem).startswith(("its ", "one of its "))
        raise damaged(str(problem) if ours else f"its {library} part cannot be read") from problem


def tried(predictor: Predictor, n_features: int, classes: Sequence[str] | None) -> None:
    """Have it answer some rows, so that what does not fit together is noticed here and not at somebody's prediction.

    `classes` of a classification, whose answers are probabilities. Where a fork has left the boosters without threads,
    whoever answers in the place of this process sees to it.
    """
    if forks.after_use():
        return
    rows = np.array([[1.0], [-1.0]], dtype=np.float32).repeat(n_features, axis=1)
    try:
        with np.errstate(all="ignore"):
            answers = [predictor.predict_row(np.zeros(n_features, dtype=np.float32)), *predictor.predict(rows)]
    except Exception as error:
        raise damaged(f"its part of the kind {predictor.kind} gives no answer") from error
    n_outputs = 1 if classes is None else len(classes)
    if any(answer.shape != (n_outputs,) for answer in answers):
        raise damaged(f"its part of the kind {predictor.kind} answers something else")
    if not all(bool(np.isfinite(answer).all()) for answer in answers):
        raise damaged(f"its part of the kind {predictor.kind} gives no number for an answer")
    if classes is not None and not all(answer.min() >= 0.0 and abs(answer.sum() - 1.0) < _SUM for answer in answers):
        raise damaged(f"its part of the kind {predictor.kind} gives shares that are none")
