"""An ensemble of finished trials as one model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flowml.automl.ensemble.selection import blend, pooling_of
from flowml.automl.model.model import FittedModel, combine
from flowml.automl.scoring.decision import fair_decision
from flowml.automl.scoring.metrics import Metric, all_metrics, over_folds
from flowml.automl.task.task import Task
from flowml.automl.trial.outcome import Outcome
from flowml.automl.trial.scores import fold_scores

ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class Blend:
    """An ensemble that is better than every single model: the members by trial number, and what it reaches."""

    weights: Mapping[int, float]
    score: float
    fold_scores: tuple[float, ...]
    metrics: Mapping[str, float | None]
    out_of_fold: np.ndarray
    fit_seconds: float
    model: FittedModel


def blend_of(
    task: Task,
    metric: Metric,
    chosen: Sequence[Outcome],
    shares: Sequence[float],
    is_better: Callable[[float], bool],
) -> Blend | None:
    """The ensemble of these trials with these shares; None where it cannot be scored, or its score is not better."""
    kind = task.problem_type
    out_of_fold = blend([candidate.predictions() for candidate in chosen], dict(enumerate(shares)), kind)
    summary = over_folds(fold_scores(task, out_of_fold))
    if summary is None or not is_better(summary[0]):
        return None
    tested, classes = task.validated, task.classes
    target, answers, row_weights = task.target[tested], out_of_fold[tested], task.weights_of(tested)
    decision = None if classes is None else fair_decision(task.metric, target, answers, row_weights)
    metrics = all_metrics(task.problem_type, target, answers, row_weights, decision)
    models = [candidate.model() for candidate in chosen]
    schema = models[0].schema.of_results(
        metrics, target, answers, row_weights, folds=task.judge_folds, decision=decision
    )
    model = replace(combine(models, shares, schema, pooling_of(kind)), decision=decision)
    return Blend(
        weights={candidate.spec.number: share for candidate, share in zip(chosen, shares, strict=True)},
        score=summary[0],
        fold_scores=summary[1],
        metrics=metrics,
        out_of_fold=out_of_fold,
        fit_seconds=sum(candidate.fit_seconds for candidate in chosen),
        model=model,
    )
