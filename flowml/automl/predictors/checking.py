"""Reading a predictor's state with suspicion: it may come from a file that somebody made by hand."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from flowml.automl import forking
from flowml.automl.predictors.base import PredictorState
from flowml.domain.errors import InvalidInput

MAX_OUTPUTS = 10_000
_T = TypeVar("_T")


def damaged(what: str) -> InvalidInput:
    """The error of a state that does not fit together."""
    return InvalidInput(f"This model file is damaged: {what}.", hint="Download the model again, or train it once more.")


def array(state: PredictorState, name: str, shape: Sequence[int | None], kinds: str = "f") -> np.ndarray:
    """The named array, with as many dimensions as `shape` has (None: any size there) and a dtype of these kinds.

    `kinds` are numpy's letters: f floating, i signed, u unsigned. Floating arrays must be finite.
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
    return np.ascontiguousarray(found)


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


def loaded(library: str, load: Callable[[], _T]) -> _T | None:
    """What a library makes of its own part of a file; None where a fork has left it without its threads: whoever
    answers in the place of this process will see."""
    if forking.after_use():
        return None
    try:
        return load()
    except Exception as error:
        raise damaged(f"{library} cannot read its part of it") from error
