"""One attempt at a trial: whatever happens inside, an Outcome comes out."""

from collections.abc import Callable
from dataclasses import replace

from flowml.automl import algorithms
from flowml.automl.algorithms.base import Algorithm
from flowml.automl.conduct import Outcome
from flowml.automl.evaluate import Abandoned, EncodedFolds, evaluate
from flowml.automl.task import Task
from flowml.domain.errors import DeadlineReached, FlowMLError, NotApplicable, Pruned
from flowml.domain.trials import OUT_OF_TIME, TrialSpec, TrialStatus


def attempt(
    task: Task,
    folds: EncodedFolds,
    spec: TrialSpec,
    *,
    algorithm: Algorithm | None = None,
    time_left: Callable[[], float],
    on_fold: Callable[[int, float], bool] = lambda fold, score: True,
    threads: int = 1,
    memory_bytes: int | None = None,
) -> Outcome:
    """Evaluate a trial. A failure is an outcome with its reason in words; nothing is raised but what ends a process.

    `algorithm`: the one to evaluate where it is not registered under the trial's word for it. `time_left`: seconds
    until the trial must be over. `on_fold` may end it by returning False. What would need more than `memory_bytes` is
    not begun.
    """
    started = time_left()
    remarks: list[str] = []

    def ended(status: TrialStatus, reason: str | None = None) -> Outcome:
        return Outcome(spec, status, error=reason, fit_seconds=started - time_left())

    try:
        evaluation = evaluate(
            task,
            folds,
            algorithm or algorithms.get(spec.algorithm),
            spec.params,
            seed=task.seed,
            threads=threads,
            time_left=time_left,
            on_fold=on_fold,
            max_rows=spec.max_rows,
            bar=spec.bar,
            memory_bytes=memory_bytes,
            remark=remarks.append,
        )
    except Abandoned:
        return ended(TrialStatus.CANCELLED)
    except DeadlineReached:
        return ended(TrialStatus.CANCELLED, OUT_OF_TIME)
    except Pruned as behind:
        return replace(ended(TrialStatus.PRUNED, behind.detail), fold_scores=behind.fold_scores)
    except NotApplicable as error:
        return replace(ended(TrialStatus.FAILED, error.detail), applicable=False)
    except FlowMLError as error:
        return ended(TrialStatus.FAILED, error.detail)
    except MemoryError:
        return ended(TrialStatus.FAILED, "There was not enough memory for it.")
    except Exception as error:
        return ended(TrialStatus.FAILED, f"{type(error).__name__}: {error}"[:500])
    model = evaluation.model
    return Outcome(
        spec,
        TrialStatus.FINISHED,
        evaluation.score,
        tuple(evaluation.fold_scores),
        evaluation.metrics,
        evaluation.fit_seconds,
        evaluation.predict_ms,
        " ".join(dict.fromkeys(remarks)) or None,
        out_of_fold=evaluation.out_of_fold,
        load_model=lambda: model,
    )
