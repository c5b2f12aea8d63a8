"""The fast twin: one small model beside the best one, with its loss of quality measured.

The best model is mostly a blend of bags: thirty predictors for one answer. Its twin is one part. Two ways lead to it,
and whichever is measured to be better is taken:

- one part of a trial that was evaluated anyway. Each of its out-of-fold predictions came from one such part, so its
  cross-validated score is the part's own, and it costs nothing;
- distillation (Bucila, Caruana and Niculescu-Mizil 2006; Hinton et al. 2015): one boosted model learns what the best
  one says, of the training rows and of rows made from them by swapping single values between rows (their MUNGE
  without its search for neighbours). It is measured without leaks: for each fold a twin is made from the parts of the
  best model that have not seen it, and compared with the best model on it. Out-of-fold predictions would not do as a
  teacher, since those of the other folds know this fold's target. Members refitted on all rows have seen every fold,
  so they do not teach.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from flowml.automl import algorithms
from flowml.automl.algorithms.base import FitContext
from flowml.automl.ensemble.champion import Champion
from flowml.automl.features.encoder import Encoder
from flowml.automl.features.prepared import Prepared, prepare
from flowml.automl.model.members import Member, Part
from flowml.automl.model.model import FittedModel
from flowml.automl.predictors import libraries
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.distilled import DistilledPredictor
from flowml.automl.predictors.lightgbm import LightGBMPredictor
from flowml.automl.scoring.decision import fair_decision, objective
from flowml.automl.scoring.metrics import Metric, all_metrics
from flowml.automl.task.task import Task
from flowml.automl.trial.outcome import Outcome
from flowml.domain.errors import FlowMLError
from flowml.domain.jobs import ProblemType

STUDENT = "lightgbm"
TITLE = "Fast twin"
# One part of every other kind answers a row well within a millisecond; these compare it with the training rows.
SLOW = ("knn", "svm")
_MOST_ROWS = 8_000
_COPIES = 3
_SWAPPED = 0.15
_MOST_CLASSES = 12
_PROBED_ROWS = 200
# So many folds measure a twin; more would say the same a little more surely, and each costs as much as the twin.
_MEASURED_FOLDS = 3
# On so few rows more threads wait for each other; beside other work they took many times as long.
_THREADS = 1


@dataclass(frozen=True)
class Twin:
    """`number`: the trial that it is (`existing`) or is a part of; None where it was distilled.

    `score` is in the metric's own direction; `loss_of_quality` by how much that is worse than the best model's, in the
    metric's units (below zero: better). `out_of_fold` is NaN for the rows that it was not measured on. `method` is a
    sentence's end: how it was made.
    """

    model: FittedModel
    algorithm: str
    number: int | None
    existing: bool
    score: float
    fold_scores: tuple[float, ...]
    metrics: Mapping[str, float | None]
    out_of_fold: np.ndarray
    loss_of_quality: float
    method: str
    fit_seconds: float = 0.0


class Measured(NamedTuple):
    """What a student says of the rows of a fold, and its teacher, who has not learned from them either."""

    fold: int
    answers: np.ndarray
    teacher: np.ndarray


def single_part(champion: Champion, trials: Sequence[Outcome], metric: Metric) -> Twin | None:
    """One part of the best trial of a fast kind, or None where there is none. `trials`: finished ones, best first."""
    trial = next((trial for trial in trials if trial.spec.algorithm not in SLOW), None)
    if trial is None:
        return None
    assert trial.score is not None
    number, model = trial.spec.number, trial.model()
    existing = is_single(model)
    # Calibrated like the best model where it is that one: its figures are computed from calibrated predictions.
    part = champion.model if existing and number == champion.number else _one_part(model)
    return Twin(
        model=part,
        algorithm=trial.spec.algorithm,
        number=number,
        existing=existing,
        score=trial.score,
        fold_scores=trial.fold_scores,
        metrics=trial.metrics,
        out_of_fold=trial.predictions(),
        loss_of_quality=metric.gain(champion.score) - metric.gain(trial.score),
        method="one model, trained on all rows" if existing else "one part of a bag of models",
    )


def is_single(model: FittedModel) -> bool:
    """Whether one predictor gives the answers."""
    return sum(len(member.parts) for member in model.members) == 1


def _one_part(model: FittedModel) -> FittedModel:
    """The model of its heaviest member's first part alone."""
    member = max(model.members, key=lambda item: item.weight)
    part = member.parts[0]
    return replace(
        model,
        encoders=(model.encoders[part.encoder],),
        members=(replace(member, weight=1.0, parts=(Part(0, part.predictor),)),),
    )


def distil(
    task: Task,
    champion: Champion,
    *,
    time_left: Callable[[], float],
    timed: bool = True,
) -> Twin | None:
    """A boosted model that has learned from the best one; None where there is no teacher, no time, or no sense in it.

    `timed`: with little time fewer folds measure it, and when it cannot be made in time there is none. Otherwise
    nothing depends on the speed of the machine, but that it ends at `time_left`.
    """
    # Of a single held-out part nothing would be left to measure a student on; there the models are single anyway.
    teacher = _teacher(champion.model, task.n_folds) if task.n_folds > 1 else None
    if teacher is None or (task.classes is not None and len(task.classes) > _MOST_CLASSES):
        return None
    started = time_left()
    if timed and not libraries.ready({STUDENT, *teacher.libraries}, time_left() / 3):
        return None
    school = _School(task, teacher, time_left)
    try:
        if timed and not school.fits_in(2):
            return None
        # Whatever time there is, one of them is not measured: two students at least are to be made in it.
        limit = time_left() / 2.5 if timed else time_left()
        student = school.student(None, limit)
        one = started - time_left()
        measured: list[Measured] = []
        wanted = min(task.n_folds, _MEASURED_FOLDS)
        for fold in range(wanted):
            if time_left() <= 0 or (timed and time_left() < 1.1 * one):
                break
            answers = school.answers(school.student(fold, limit), fold)
            measured.append(Measured(fold, answers, school.answers(teacher, fold, fold)))
    except FlowMLError:
        return None
    if not measured or (not timed and len(measured) < wanted):
        return None
    return _judged(task, champion, student, measured, started - time_left())


def _judged(
    task: Task,
    champion: Champion,
    student: FittedModel,
    measured: Sequence[Measured],
    seconds: float,
) -> Twin | None:
    """The loss of quality is that against the best model, or against the teacher where that is more: fits that stop
    early were stopped by the very rows that measure, which flatters a teacher's student as much as the teacher itself,
    but not the best model's own figures."""
    metric = objective(task.metric)
    losses, scores, rows, answers = [], [], [], []
    for fold, answer, taught in measured:
        held = np.flatnonzero(task.folds == fold)
        target, weights = task.target[held], task.weights_of(held)
        score = metric.score(target, answer, weights)
        best = metric.score(target, champion.out_of_fold[held], weights)
        teacher = metric.score(target, taught, weights)
        losses.append([metric.gain(other) - metric.gain(score) for other in (best, teacher)])
        scores.append(score)
        rows.append(held)
        answers.append(answer)
    defined = [both for both in losses if np.isfinite(both).all()]
    if not defined:
        return None
    loss = float(np.mean(defined, axis=0).max())
    seen, said = np.concatenate(rows), np.concatenate(answers)
    out_of_fold = np.full_like(champion.out_of_fold, np.nan)
    out_of_fold[seen] = said
    weights = task.weights_of(seen)
    decision = None if task.classes is None else fair_decision(task.metric, task.target[seen], said, weights)
    metrics = all_metrics(task.problem_type, task.target[seen], said, weights, decision)
    schema = student.schema.of_results(
        metrics, task.target[seen], said, weights, folds=task.folds[seen], decision=decision
    )
    # Measured on the same folds as the best model, so that an easy fold flatters nobody; and never above it, since
    # it is not the best model.
    score = metric.gain(metric.gain(champion.score) - max(loss, 0.0))
    return Twin(
        model=replace(student, schema=schema, decision=decision),
        algorithm=STUDENT,
        number=None,
        existing=False,
        score=score,
        fold_scores=tuple(score if not np.isfinite(value) else value for value in scores),
        metrics=metrics,
        out_of_fold=out_of_fold,
        loss_of_quality=loss,
        method="distilled: it has learned what the best model says",
        fit_seconds=seconds,
    )


def _teacher(model: FittedModel, n_folds: int) -> FittedModel | None:
    """The members that are bags of folds, with their weights."""
    members = tuple(member for member in model.members if len(member.parts) == n_folds)
    if not members:
        return None
    total = sum(member.weight for member in members)
    return replace(
        model,
        members=tuple(replace(member, weight=member.weight / total) for member in members),
        temperature=None if len(members) < len(model.members) else model.temperature,
    )


class _School:
    """Makes students of one teacher: for handing over (fold None), or of the parts that have not seen a fold."""

    def __init__(self, task: Task, teacher: FittedModel, time_left: Callable[[], float]):
        self._task = task
        self._teacher = teacher
        self._time_left = time_left
        self._table = prepare(task.frame, task.roles)
        self._outputs = list(range(task.n_outputs)) if task.n_outputs != 2 else [1]
        self._params = {
            "learning_rate": 0.06,
            "num_leaves": 24 if len(task.target) > 2_000 else 8,
            "min_data_in_leaf": 10,
            "feature_fraction": 0.8,
            "bagging_fraction": 0.8,
            "lambda_l2": 1.0,
            "extra_trees": False,
        }

    def fits_in(self, students: int) -> bool:
        """Whether there is time for so many: what the teacher takes for some rows, and as much again to learn it."""
        before = self._time_left()
        rows = np.arange(min(_PROBED_ROWS, self._table.n_rows))
        self._teacher.predict_prepared(self._table.take(rows))
        seconds = (before - self._time_left()) / len(rows) * self._size()
        return self._time_left() > 2.0 * students * seconds + 0.1

    def _size(self) -> int:
        rows = self._table.n_rows
        return min(max(rows, _MOST_ROWS), rows * (1 + _COPIES))

    def student(self, fold: int | None, limit: float) -> FittedModel:
        """Within so many seconds. Raises what a fit raises: DeadlineReached, TrialFailed."""
        end = self._time_left() - limit
        generator = np.random.default_rng(self._task.seed)
        rows = np.arange(self._table.n_rows) if fold is None else self._task.train_rows(fold)
        if len(rows) > _MOST_ROWS:
            rows = np.sort(generator.choice(rows, _MOST_ROWS, replace=False))
        copies = int(np.clip((_MOST_ROWS - len(rows)) // len(rows), 0, _COPIES))
        table = _mixed(self._table, rows, copies, generator)
        weights = self._task.weights_of(np.tile(rows, 1 + copies))
        said = self._teacher.predict_prepared(table, fold)
        encoder, encoded = Encoder.fit(
            algorithms.get(STUDENT).view, table, self._task.roles, said[:, -1].copy(), 1, self._task.seed
        )
        models = []
        for place, output in enumerate(self._outputs):
            share = 1.0 / (len(self._outputs) - place)
            begun = self._time_left() - end
            context = FitContext(
                ProblemType.REGRESSION,
                1,
                self._task.seed,
                _THREADS,
                lambda begun=begun, share=share: self._time_left() - end - begun * (1.0 - share),  # type: ignore[misc]
                weights=weights,
            )
            fitted = algorithms.get(STUDENT).fit(self._params, encoded, said[:, output].copy(), None, None, context)
            assert isinstance(fitted, LightGBMPredictor)
            models.append(fitted)
        predictor: Predictor = models[0] if self._task.classes is None else DistilledPredictor(models)
        member = Member(STUDENT, {**self._params, "distilled": True}, 1.0, (Part(0, predictor),))
        return FittedModel(self._teacher.schema, (encoder,), (member,))

    def answers(self, model: FittedModel, fold: int, part: int | None = None) -> np.ndarray:
        """What a student says of the rows of a fold, or a teacher by this part of its bags."""
        return model.predict_prepared(self._table.take(np.flatnonzero(self._task.folds == fold)), part)


def _mixed(table: Prepared, rows: np.ndarray, copies: int, generator: np.random.Generator) -> Prepared:
    """The rows, and copies of them in which some values come from other rows."""
    columns = {}
    for name, column in table.columns.items():
        drawn = [rows]
        for _ in range(copies):
            swapped = generator.random(len(rows)) < _SWAPPED
            drawn.append(np.where(swapped, generator.permutation(rows), rows))
        columns[name] = column.take(np.concatenate(drawn))
    return Prepared(columns, len(rows) * (1 + copies))
