"""One attempt at a trial: whatever happens inside, an Outcome comes out."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from flowml.automl import algorithms
from flowml.automl.algorithms.base import Algorithm
from flowml.automl.algorithms.memory import WillNotFit
from flowml.automl.task.task import Task
from flowml.automl.trial.evaluate import Abandoned, EncodedFolds, evaluate
from flowml.automl.trial.outcome import Outcome
from flowml.domain.errors import DeadlineReached, FlowMLError, LeaseLost, NotApplicable, Pruned
from flowml.domain.faults import fault_of
from flowml.domain.trials import OUT_OF_TIME, TrialSpec, TrialStatus

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Means:
    """What a trial is evaluated with: the data, and what it may use of the machine. What would need more than
    `memory_bytes` is not begun."""

    task: Task
    folds: EncodedFolds
    threads: int = 1
    memory_bytes: int | None = None


def _on_the_cpu(task: Task, remark: Callable[[str], None]) -> AbstractContextManager[str]:
    return nullcontext("cpu")


def attempt(
    means: Callable[[], Means],
    spec: TrialSpec,
    *,
    algorithm: Algorithm | None = None,
    time_left: Callable[[], float],
    on_fold: Callable[[int, float], bool] = lambda fold, score: True,
    device_for: Callable[[Task, Callable[[str], None]], AbstractContextManager[str]] = _on_the_cpu,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Evaluate a trial. A failure is an outcome with its reason in words; nothing is raised but what ends a process.
    One that nobody wants any more is cancelled without a reason.

    `means`: fetches what it is evaluated with; LeaseLost from there says that nobody wants it any more. `algorithm`:
    the one to evaluate where it is not registered under the trial's word for it. `time_left`: seconds until the trial
    must be over. `on_fold` may end it by returning False. `device_for`: holds a device for the trial, and says what is
    otherwise than asked.
    """
    started = clock()
    remarks: list[str] = []

    def ended(status: TrialStatus, reason: str | None = None) -> Outcome:
        return Outcome(spec, status, error=reason, fit_seconds=clock() - started)

    try:
        try:
            given = means()
        except LeaseLost:
            return ended(TrialStatus.CANCELLED)
        with device_for(given.task, remarks.append) as device:
            evaluation = evaluate(
                given.task,
                given.folds,
                algorithm or algorithms.get(spec.algorithm),
                spec.params,
                seed=given.task.seed,
                threads=given.threads,
                time_left=time_left,
                on_fold=on_fold,
                device=device,
                max_rows=spec.max_rows,
                bar=spec.bar,
                memory_bytes=given.memory_bytes,
                remark=remarks.append,
            )
    except Abandoned:
        return ended(TrialStatus.CANCELLED)
    except DeadlineReached:
        return ended(TrialStatus.CANCELLED, OUT_OF_TIME)
    except Pruned as behind:
        return replace(ended(TrialStatus.PRUNED, behind.detail), fold_scores=behind.fold_scores)
    except WillNotFit as error:
        found = ended(TrialStatus.FAILED, error.detail)
        return replace(found, applicable=False, needed_bytes=error.needed_bytes)
    except NotApplicable as error:
        return replace(ended(TrialStatus.FAILED, error.detail), applicable=False)
    except FlowMLError as error:
        return ended(TrialStatus.FAILED, error.detail)
    except MemoryError:
        return ended(TrialStatus.FAILED, "There was not enough memory for it.")
    except Exception as error:
        log.exception("a trial of %s failed", spec.algorithm)
        fault = fault_of(error)
        return ended(TrialStatus.FAILED, f"{type(error).__name__}: {error}"[:500] if fault is None else fault.detail)
    model, out_of_fold = evaluation.model, evaluation.out_of_fold
    return Outcome(
        spec,
        TrialStatus.FINISHED,
        evaluation.score,
        tuple(evaluation.fold_scores),
        evaluation.metrics,
        evaluation.fit_seconds,
        evaluation.predict_ms,
        " ".join(dict.fromkeys(remarks)) or None,
        load_predictions=lambda: out_of_fold,
        load_model=lambda: model,
    )
