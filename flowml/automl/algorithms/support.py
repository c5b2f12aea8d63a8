"""What several algorithms share: honest errors, the clock, a held-out part, target scaling."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from flowml.automl.algorithms.base import WIDE, FitContext
from flowml.automl.features.encoded import Encoded
from flowml.automl.task.shape import TaskShape
from flowml.domain.errors import DeadlineReached, FlowMLError, TrialFailed
from flowml.domain.jobs import ProblemType

Fitted = TypeVar("Fitted")
WILD_RATE = 0.35


@contextmanager
def library_errors(title: str) -> Iterator[None]:
    """Turn whatever a library raises into TrialFailed with the library's own first line."""
    try:
        yield
    except FlowMLError:
        raise
    except MemoryError as error:
        raise TrialFailed(f"{title} needs more memory than there is.") from error
    except Exception as error:
        lines = str(error).strip().splitlines()
        raise TrialFailed(
            f"{title} could not be fitted: {lines[0][:300] if lines else type(error).__name__}"
        ) from error


def on_its_device(title: str, context: FitContext, fit: Callable[[str], Fitted]) -> Fitted:
    """What `fit` gives on the context's device; on the CPU where a GPU could not be used, and a remark says why.

    That time or memory came to an end, or that the fit is not for this task, is not the GPU's fault and is raised.
    """
    if context.device != "cpu":
        try:
            return fit(context.device)
        except (FlowMLError, MemoryError):
            raise
        except Exception as problem:
            require_time(title, context)
            context.remark(f"{title} was fitted on the CPU, since the GPU could not be used: {problem}")
    return fit("cpu")


def library_settings(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters without those that are about the features and not for the library."""
    return {name: value for name, value in params.items() if name != WIDE.name}


def require_time(title: str, context: FitContext, needed: float = 0.0) -> None:
    """Raise DeadlineReached where no more than `needed` seconds are left."""
    if context.time_left() <= needed:
        raise DeadlineReached(f"{title} had no time left for a usable model.")


def reserve(n_rows: int) -> float:
    """Seconds to keep for what comes after the last iteration: copying the model out, the first predictions."""
    return 0.02 + n_rows * 5e-7


def is_classification(context_or_shape: FitContext | TaskShape) -> bool:
    return context_or_shape.problem_type is ProblemType.CLASSIFICATION


def hold_out(
    train: Encoded, target: np.ndarray, context: FitContext, share: float = 0.15
) -> tuple[Encoded, np.ndarray, Encoded, np.ndarray, FitContext]:
    """Split off rows for early stopping where the caller gave none; every class stays in the training part.

    The context that comes back has the weights of the two parts.
    """
    generator = np.random.default_rng(context.seed)
    order = generator.permutation(len(target))
    if is_classification(context):
        # Sorting by class, stably, makes every k-th row of the order a stratified sample.
        order = order[np.argsort(target[order], kind="stable")]
        within = np.arange(len(order)) - np.searchsorted(target[order], target[order])
    else:
        within = np.arange(len(order))
    every = max(2, round(1 / share))
    chosen = within % every == every - 1
    if not chosen.any():
        return train, target, train, target, replace(context, valid_weights=context.weights)
    rest, held = np.sort(order[~chosen]), np.sort(order[chosen])
    if context.weights is not None:
        context = replace(context, weights=context.weights[rest], valid_weights=context.weights[held])
    return train.take(rest), target[rest], train.take(held), target[held], context


def with_validation(
    train: Encoded, target: np.ndarray, valid: Encoded | None, valid_target: np.ndarray | None, context: FitContext
) -> tuple[Encoded, np.ndarray, Encoded, np.ndarray, FitContext]:
    """The rows to fit on and the rows to stop by, and the context with the weights of both."""
    if valid is None or valid_target is None or not valid.n_rows:
        # Nobody is scored on rows drawn here.
        return hold_out(train, target, replace(context, held_out=lambda answers: None))
    return train, target, valid, valid_target, context


def mean_of(values: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """The mean over the rows (the first axis), each counted by its weight."""
    if weights is None:
        return np.asarray(values.mean(axis=0))
    return np.asarray(weights @ values / weights.sum())


def median_of(values: np.ndarray, weights: np.ndarray | None) -> float:
    """The least value that at least half of the weight does not exceed; without weights the middle of the two."""
    if weights is None:
        return float(np.median(values))
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(upto, 0.5 * upto[-1])])


def class_weights(target: np.ndarray, weights: np.ndarray | None, n_classes: int) -> np.ndarray:
    """How much all rows of each class count together, float64 (classes,): their number where all count alike."""
    return np.bincount(target, weights, minlength=n_classes).astype(np.float64)


def absolute_errors(context: FitContext) -> bool:
    """Whether the metric counts errors by their size, so that the median of a leaf is right and not its mean."""
    return context.metric in ("mae", "mape")


def row_weights(target: np.ndarray, weights: np.ndarray | None, context: FitContext) -> np.ndarray | None:
    """How much each row counts in a fit, 1 on average: `weights`, made such that errors are relative for MAPE.

    Targets near zero would outweigh all others, so none counts more than twenty times the typical one.
    """
    if context.metric != "mape":
        return weights
    size = np.abs(target)
    typical = float(np.median(size[size > 0])) if (size > 0).any() else 1.0
    relative = 1.0 / np.maximum(size / typical, 0.05)
    if weights is not None:
        relative = relative * weights
    return np.asarray(relative / relative.mean())


@dataclass(frozen=True)
class TargetScale:
    """A target in units of its own spread, for methods whose settings depend on the units."""

    mean: float
    scale: float

    @classmethod
    def of(cls, target: np.ndarray, weights: np.ndarray | None = None) -> "TargetScale":
        mean = float(mean_of(target, weights))
        spread = float(np.sqrt(mean_of((target - mean) ** 2, weights)))
        return cls(mean, spread if spread > 0 else 1.0)

    def apply(self, target: np.ndarray) -> np.ndarray:
        return np.asarray((target - self.mean) / self.scale)


def row_losses(scores: np.ndarray, target: np.ndarray, *, absolute: bool = False) -> np.ndarray:
    """The loss of each row, (rows,), from raw scores (rows, raw): log loss for class codes, of which two may have one
    score; squared or absolute errors for values. What is no number is infinite."""
    if target.dtype.kind not in "iu":
        errors = scores[:, 0] - target
        losses = np.abs(errors) if absolute else errors**2
    elif scores.shape[1] == 1:
        losses = np.logaddexp(0.0, np.where(target == 1, -scores[:, 0], scores[:, 0]))
    else:
        highest = scores.max(axis=1, keepdims=True)
        total = highest[:, 0] + np.log(np.exp(scores - highest).sum(axis=1))
        losses = total - scores[np.arange(len(target)), target]
    return np.where(np.isfinite(losses), losses, np.inf)


def faster(params: Mapping[str, Any], factor: float) -> Mapping[str, Any] | None:
    """Boosting with fewer rounds: a larger learning rate needs about as many fewer. None where it would be wild."""
    rate = float(params["learning_rate"]) * factor
    return {**params, "learning_rate": float(f"{rate:.3g}")} if rate <= WILD_RATE else None
