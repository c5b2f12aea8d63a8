"""One trial: fold by fold, out-of-fold predictions of every row, and the model that comes of it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np

from flowml.automl.algorithms.base import Algorithm, Final, FitContext
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.features.encoder import Encoder
from flowml.automl.features.prepared import Labels, Prepared, prepare
from flowml.automl.metrics import METRICS, all_metrics
from flowml.automl.model import FittedModel, Member, Part
from flowml.automl.predictors.base import Predictor
from flowml.automl.schema import Feature, ModelSchema
from flowml.automl.task import Task
from flowml.domain.datasets import Role
from flowml.domain.errors import DeadlineReached, FlowMLError, TrialFailed

_CACHE_BYTES = 1_500_000_000
_MAX_CATEGORIES = 1_000
_COVERAGE = 0.9


class Abandoned(FlowMLError):
    """Nobody wants this trial any more."""


@dataclass(frozen=True)
class Evaluation:
    """`out_of_fold`: float64 (rows, outputs), each row predicted by the fold that has not seen it."""

    score: float
    fold_scores: tuple[float, ...]
    metrics: Mapping[str, float | None]
    out_of_fold: np.ndarray
    model: FittedModel
    fit_seconds: float
    predict_ms: float


@dataclass(frozen=True)
class EncodedFold:
    """A fold as one view sees it. `train` and `valid` belong to the rows of the same name."""

    encoder: Encoder
    train_rows: np.ndarray
    valid_rows: np.ndarray
    train: Encoded
    valid: Encoded


class EncodedFolds:
    """The folds of a task, encoded once for all trials that want the same view; the oldest make room."""

    def __init__(self, task: Task, max_bytes: int = _CACHE_BYTES):
        self._task = task
        self._max_bytes = max_bytes
        self._prepared = prepare(task.frame, task.roles)
        self._folds: OrderedDict[tuple[View, int | None], EncodedFold] = OrderedDict()
        self._lock = threading.Lock()
        self._busy: dict[tuple[View, int | None], threading.Lock] = {}
        self.schema = describe_task(task, self._prepared)

    def fold(self, view: View, fold: int) -> EncodedFold:
        """Everything but this fold to train on, this fold to validate."""
        return self._get(view, fold)

    def everything(self, view: View) -> EncodedFold:
        """All rows to train on; `valid` is empty."""
        return self._get(view, None)

    def _get(self, view: View, fold: int | None) -> EncodedFold:
        key = (view, fold)
        with self._lock:
            busy = self._busy.setdefault(key, threading.Lock())
        with busy:
            with self._lock:
                found = self._folds.get(key)
                if found is not None:
                    self._folds.move_to_end(key)
                    return found
            found = self._encode(view, fold)
            with self._lock:
                self._folds[key] = found
                while len(self._folds) > 1 and sum(_bytes(item) for item in self._folds.values()) > self._max_bytes:
                    self._folds.popitem(last=False)
            return found

    def _encode(self, view: View, fold: int | None) -> EncodedFold:
        task = self._task
        held = np.zeros(len(task.target), dtype=bool) if fold is None else task.folds == fold
        train_rows, valid_rows = np.flatnonzero(~held), np.flatnonzero(held)
        encoder, train = Encoder.fit(
            view, self._prepared.take(train_rows), task.roles, task.target[train_rows], task.n_outputs, task.seed
        )
        valid = encoder.transform(self._prepared.take(valid_rows))
        return EncodedFold(encoder, train_rows, valid_rows, train, valid)


def evaluate(
    task: Task,
    folds: EncodedFolds,
    algorithm: Algorithm,
    params: Mapping[str, Any],
    *,
    seed: int,
    threads: int,
    time_left: Callable[[], float],
    on_fold: Callable[[int, float], bool] = lambda fold, score: True,
    device: str = "cpu",
) -> Evaluation:
    """Evaluate by cross-validation.

    `time_left` counts down for the whole trial; each fit gets a fair share of it, so that a trial that has begun ends
    complete. `on_fold` hears each fold's score and may end the trial by returning False.
    Raises TrialFailed (with the reason), NotApplicable, DeadlineReached, Abandoned.
    """
    started = time_left()
    metric = METRICS[task.metric]
    n_fits = task.n_folds + (1 if algorithm.final is Final.REFIT else 0)
    out_of_fold = np.full((len(task.target), task.n_outputs), np.nan)
    scores: list[float] = []
    parts: list[tuple[Encoder, Predictor]] = []

    def fit(data: EncodedFold, fits_left: int, with_valid: bool) -> Predictor:
        left = time_left()
        if left <= 0:
            raise DeadlineReached("There was no time left for it.")
        others = left * (fits_left - 1) / fits_left
        context = FitContext(
            problem_type=task.problem_type,
            n_outputs=task.n_outputs,
            seed=seed,
            threads=threads,
            time_left=lambda: time_left() - others,
            device=device,
        )
        target = task.target
        valid = data.valid if with_valid else None
        return algorithm.fit(
            params,
            data.train,
            target[data.train_rows],
            valid,
            target[data.valid_rows] if with_valid else None,
            context,
        )

    for fold in range(task.n_folds):
        data = folds.fold(algorithm.view, fold)
        predictor = fit(data, n_fits - fold, with_valid=algorithm.final is Final.BAG)
        answers = predictor.predict(data.valid.values)
        if not np.isfinite(answers).all():
            raise TrialFailed("It answered with values that are not numbers.")
        out_of_fold[data.valid_rows] = answers
        scores.append(metric.score(task.target[data.valid_rows], answers))
        parts.append((data.encoder, predictor))
        if not on_fold(fold, scores[-1]):
            raise Abandoned("Nobody wants this trial any more.")
    if algorithm.final is Final.REFIT:
        data = folds.everything(algorithm.view)
        parts = [(data.encoder, fit(data, 1, with_valid=False))]
    model = FittedModel(
        schema=_with_interval(folds.schema, task, out_of_fold),
        encoders=tuple(encoder for encoder, _ in parts),
        members=(
            Member(
                algorithm.name, dict(params), 1.0, tuple(Part(number, item) for number, (_, item) in enumerate(parts))
            ),
        ),
    )
    return Evaluation(
        score=float(np.nanmean(scores)),
        fold_scores=tuple(scores),
        metrics=all_metrics(task.problem_type, task.target, out_of_fold),
        out_of_fold=out_of_fold,
        model=model,
        fit_seconds=started - time_left(),
        predict_ms=model.measure_predict_ms(task.frame),
    )


def describe_task(task: Task, table: Prepared) -> ModelSchema:
    """The schema of every model of this task."""
    features = []
    for name, role in task.roles.items():
        column = table.columns[name]
        series = task.frame[name]
        example = categories = low = high = None
        if isinstance(column, Labels):
            counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
            order = np.argsort(-counts, kind="stable")
            example = column.levels[order[0]] if len(order) else None
            if role is not Role.TEXT and len(order) <= _MAX_CATEGORIES:
                categories = tuple(column.levels[index] for index in order)
        elif role is Role.DATETIME:
            known = series.drop_nulls()
            example, low, high = (str(value) for value in (known.sort()[len(known) // 2], known.min(), known.max()))
        else:
            values = column.values[np.isfinite(column.values)]
            low, high = (float(values.min()), float(values.max())) if len(values) else (None, None)
            example = float(np.quantile(values, 0.5, method="lower")) if len(values) else None
            if example is not None and series.dtype.is_integer():
                example = int(example)
        features.append(Feature(name, role, str(series.dtype), example, low, high, categories))
    return ModelSchema(
        features=tuple(features),
        target=task.target_name,
        problem_type=task.problem_type,
        classes=task.classes,
        metric=task.metric,
        versions=_versions(),
    )


def _with_interval(schema: ModelSchema, task: Task, out_of_fold: np.ndarray) -> ModelSchema:
    if task.classes is not None:
        return schema
    # Split conformal prediction (Lei et al. 2018) with the out-of-fold residuals as calibration set.
    residuals = np.abs(task.target - out_of_fold[:, 0])
    level = min(1.0, np.ceil((len(residuals) + 1) * _COVERAGE) / len(residuals))
    return ModelSchema(
        **{
            **schema.__dict__,
            "interval_half_width": float(np.quantile(residuals, level)),
            "interval_coverage": _COVERAGE,
        }
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in ("numpy", "scikit-learn", "lightgbm", "xgboost", "xgboost-cpu", "catboost"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _bytes(data: EncodedFold) -> int:
    return int(data.train.values.nbytes + data.valid.values.nbytes)
