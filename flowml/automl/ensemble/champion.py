"""The last steps of a run: the best model calibrated, with its decision, and what to expect of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from flowml.automl.ensemble.certainty import certainty_of
from flowml.automl.ensemble.contest import Judgement
from flowml.automl.ensemble.estimate import NESTED, SINGLE, Estimate, expect
from flowml.automl.model.model import FittedModel
from flowml.automl.scoring.calibration import choose_temperature, tempered
from flowml.automl.scoring.decision import choose_decision, objective, weighted
from flowml.automl.scoring.metrics import METRICS, all_metrics, over_folds, part_of
from flowml.automl.task.task import Task


@dataclass(frozen=True)
class Champion:
    """The best model of a run as it is handed over. `number`: the trial it comes from, None for the ensemble and for
    one that was made at once, whose algorithm is `made_at_once`.

    `score` is by cross-validation, as on the leaderboard; `estimate` is what remains of it without the luck of having
    been chosen. `out_of_fold` are the calibrated predictions that the figures are computed from.
    """

    number: int | None
    model: FittedModel
    score: float
    fold_scores: tuple[float, ...]
    metrics: Mapping[str, float | None]
    out_of_fold: np.ndarray
    estimate: Estimate | None
    made_at_once: str | None = None


def finish(
    task: Task,
    number: int | None,
    model: FittedModel,
    out_of_fold: np.ndarray,
    judgement: Judgement | None,
) -> Champion:
    """Calibrate, decide, estimate.

    `out_of_fold`: what `model` says of each row that it has not seen, uncalibrated. `judgement`: how the choice did on
    rows that had no say in it; None where there was nothing to choose from.
    """
    tested = task.validated
    target, folds, weights = task.target[tested], task.folds[tested], task.weights_of(tested)
    temperature, decision, raw = None, None, out_of_fold[tested]
    answers = raw
    metric = objective(task.metric)

    def summary(predictions: np.ndarray) -> tuple[float, tuple[float, ...]]:
        held = [folds == fold for fold in np.unique(folds)]
        found = over_folds([metric.score(target[rows], predictions[rows], part_of(weights, rows)) for rows in held])
        assert found is not None
        return found

    if task.classes is not None:
        calibrated = choose_temperature(raw, target, task.judge_folds, weights)
        # Decisions are made from probabilities: calibrating them for their own sake must not cost what counts.
        if calibrated is not None and metric.gain(summary(calibrated[1])[0]) >= metric.gain(summary(raw)[0]):
            temperature, answers = calibrated
        decision = choose_decision(task.metric, target, answers, task.judge_folds, weights)
    metrics = all_metrics(task.problem_type, target, answers, weights, decision)
    places, said = np.arange(len(tested)), answers
    if judgement is not None and number is None:
        # Of a fold that had no say in the choice, so that there is no luck in how sure a blend seems.
        places, said = places[judgement.rows], tempered(judgement.blend, temperature)
    conformal = certainty_of(task, said, places, decision)
    schema = model.schema.of_results(metrics, target, answers, weights, conformal=conformal)
    reached, of_folds = summary(answers)
    out_of_fold = np.full_like(out_of_fold, np.nan)
    out_of_fold[tested] = answers

    def score(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None) -> float:
        if task.classes is None:
            return metric.score(target, predictions, weights)
        return METRICS[task.metric].score(target, weighted(tempered(predictions, temperature), decision), weights)

    if judgement is None:
        expected = expect(task, score, raw, method=SINGLE)
    else:
        chosen = judgement.blend if number is None else judgement.single
        expected = expect(task, score, chosen, judgement.rows, method=NESTED)
    return Champion(
        number=number,
        model=replace(model, schema=schema, temperature=temperature, decision=decision),
        score=reached,
        fold_scores=of_folds,
        metrics=metrics,
        out_of_fold=out_of_fold,
        estimate=expected,
    )
