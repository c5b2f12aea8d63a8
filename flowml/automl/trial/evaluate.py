"""One trial: fold by fold, out-of-fold predictions of every row, and the model that comes of it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowml.automl.algorithms import memory
from flowml.automl.algorithms.base import Algorithm, Final, FitContext
from flowml.automl.algorithms.fitting.as_asked import Rows, fit_as_asked
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.features.encoder import Encoder
from flowml.automl.features.prepared import Prepared, prepare
from flowml.automl.model.members import Member, Part
from flowml.automl.model.model import FittedModel
from flowml.automl.predictors.base import Predictor
from flowml.automl.scoring.decision import objective
from flowml.automl.task.describe import describe_task
from flowml.automl.task.shape import TaskShape
from flowml.automl.task.task import Task
from flowml.automl.trial.scores import as_kept, scores_of
from flowml.domain.errors import DeadlineReached, FlowMLError, Pruned, TrialFailed
from flowml.domain.jobs import ValidationKind

_CACHE_BYTES = 1_500_000_000


class Abandoned(FlowMLError):
    """Nobody wants this trial any more."""


_Key = tuple[View, int | None, int | None]
_WIDTH_ROWS = 5_000
_AFTER_FIT = 0.08
# Up to so many columns as encoded for each column of the table nobody needs to look.
_WIDEST = 100


@dataclass(frozen=True)
class Evaluation:
    """`out_of_fold`: float64 (rows, outputs), each row predicted by the fold that has not seen it; NaN in the rows
    that no fold holds out."""

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
    """The folds of a task, encoded once for all trials that want the same view; the oldest make room.

    `on_encoding` hears when encoding begins (True) and ends (False): that takes as long as it takes. `columns`: the
    only ones that are encoded; all by default.
    """

    def __init__(
        self,
        task: Task,
        max_bytes: int = _CACHE_BYTES,
        on_encoding: Callable[[bool], None] = lambda began: None,
        columns: Sequence[str] | None = None,
    ):
        self._task = task
        self._max_bytes = max_bytes
        self._on_encoding = on_encoding
        self._prepared = prepare(task.frame, task.roles)
        self._folds: OrderedDict[_Key, EncodedFold] = OrderedDict()
        self._lock = threading.Lock()
        self._busy: dict[_Key, threading.Lock] = {}
        self._widths: dict[View, int] = {}
        self.schema = describe_task(task, self._prepared)
        if columns is not None:
            chosen = {name: self._prepared.columns[name] for name in columns}
            self._prepared = Prepared(chosen, self._prepared.n_rows)

    def fold(self, view: View, fold: int, max_rows: int | None = None) -> EncodedFold:
        """What this fold learns from, at most `max_rows` of it, drawn by the seed; and the rows that it holds out."""
        return self._get((view, fold, max_rows))

    def everything(self, view: View, max_rows: int | None = None) -> EncodedFold:
        """All rows (or `max_rows` of them) to train on; `valid` is empty."""
        return self._get((view, None, max_rows))

    def width(self, view: View) -> int:
        """How many columns the table has in this view, from a sample of its rows: the same whatever was done before."""
        with self._lock:
            if view not in self._widths:
                rows = _sample(self._task.train_rows(0), self._task, _WIDTH_ROWS)
                task = self._task
                encoder, _ = Encoder.fit(
                    view, self._prepared.take(rows), task.roles, task.target[rows], task.n_outputs, task.seed
                )
                self._widths[view] = encoder.n_features
            return self._widths[view]

    def make_room(self, view: View, left_bytes: int) -> None:
        """Let go of what is encoded for other views where that is more than `left_bytes`."""
        with self._lock:
            others = [key for key in self._folds if key[0] is not view]
            if sum(_bytes(self._folds[key]) for key in others) > left_bytes:
                for key in others:
                    del self._folds[key]

    def _get(self, key: "_Key") -> EncodedFold:
        with self._lock:
            busy = self._busy.setdefault(key, threading.Lock())
        with busy:
            with self._lock:
                found = self._folds.get(key)
                if found is not None:
                    self._folds.move_to_end(key)
                    return found
            self._on_encoding(True)
            found = self._encode(*key)
            self._on_encoding(False)
            with self._lock:
                self._folds[key] = found
                while len(self._folds) > 1 and sum(_bytes(item) for item in self._folds.values()) > self._max_bytes:
                    self._folds.popitem(last=False)
            return found

    def _encode(self, view: View, fold: int | None, max_rows: int | None) -> EncodedFold:
        task = self._task
        train_rows = task.train_rows(fold)
        valid_rows = np.empty(0, dtype=np.int64) if fold is None else task.valid_rows(fold)
        if max_rows is not None and len(train_rows) > max_rows:
            train_rows = _sample(train_rows, task, max_rows)
        encoder, train = Encoder.fit(
            view,
            self._prepared.take(train_rows),
            task.roles,
            task.target[train_rows],
            task.n_outputs,
            task.seed,
            task.inner_folds(train_rows),
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
    max_rows: int | None = None,
    bar: float | None = None,
    memory_bytes: int | None = None,
    remark: Callable[[str], None] = lambda sentence: None,
) -> Evaluation:
    """Evaluate by cross-validation.

    `time_left` counts down for the whole trial; each fit gets a fair share of it, so that a trial that has begun ends
    complete. Where a refit on all rows does not fit in any more, the fold models are averaged instead. Tested by time,
    every algorithm has one more fit in the end, for a model has to know the latest rows. `on_fold`
    hears each fold's score and may end the trial by returning False. With `max_rows` the fits see so many rows only.
    A trial whose first fold stays behind `bar` ends there. `remark` hears what went otherwise than asked. A trial that
    would need more than `memory_bytes` is not begun.
    Raises TrialFailed (with the reason), NotApplicable, WillNotFit, DeadlineReached, Pruned, Abandoned.
    """
    if memory_bytes is not None:
        check_memory(task, folds, algorithm, params, max_rows, memory_bytes)
    started = time_left()
    metric = objective(task.metric)
    view = algorithm.view_of(params)
    stops = algorithm.final is not Final.REFIT
    by_time = task.validation.kind is ValidationKind.TIME
    refit = by_time or not stops
    sizes = [len(task.train_rows(fold)) for fold in range(task.n_folds)] + ([len(task.target)] if refit else [])
    shares = _Shares(time_left, sizes if max_rows is None else [min(size, max_rows) for size in sizes])
    out_of_fold = np.full((len(task.target), task.n_outputs), np.nan)
    scores: list[float] = []
    parts: list[tuple[Encoder, Predictor]] = []
    held_out: list[np.ndarray] = []

    def fit(data: EncodedFold, fit_time_left: Callable[[], float]) -> Predictor:
        context = FitContext(
            task.problem_type,
            task.n_outputs,
            seed,
            threads,
            fit_time_left,
            device,
            remark=remark,
            weights=task.weights_of(data.train_rows),
            valid_weights=task.weights_of(data.valid_rows) if stops else None,
            metric=task.metric,
            held_out=held_out.append,
        )
        try:
            valid = Rows(data.valid, task.target[data.valid_rows]) if stops else None
            return fit_as_asked(algorithm, params, Rows(data.train, task.target[data.train_rows]), valid, context)
        except SystemExit as end:
            raise TrialFailed(f"It tried to end the whole program (exit code {end.code}).") from end

    for fold in range(task.n_folds):
        data = folds.fold(view, fold, max_rows)
        if fold == 0 and view is View.WIDE and data.train.names == folds.fold(View.NATIVE, 0, max_rows).train.names:
            raise Pruned("No combination of columns says more than they do alone, and alone they are tried anyway.")
        with shares.next() as fit_time_left:
            predictor = fit(data, fit_time_left)
        # Who has stopped by these rows knows what it would have said without each of them.
        answers = held_out[-1] if held_out else predictor.predict(data.valid.values)
        held_out.clear()
        expected = (len(data.valid_rows), task.n_outputs)
        if answers.shape != expected:
            raise TrialFailed(
                f"It answered with {answers.shape} values for {expected[0]} rows and {expected[1]} outputs."
            )
        if not np.isfinite(answers).all():
            raise TrialFailed("It answered with values that are not numbers.")
        answers = as_kept(answers)
        out_of_fold[data.valid_rows] = answers
        scores.append(metric.score(task.target[data.valid_rows], answers, task.weights_of(data.valid_rows)))
        parts.append((data.encoder, predictor))
        if not on_fold(fold, scores[-1]):
            raise Abandoned("Nobody wants this trial any more.")
        if fold == 0 and bar is not None and metric.gain(scores[0]) < metric.gain(bar):
            raise Pruned(
                f"Its first fold reached {scores[0]:.4g}; short of {bar:.4g} the rest is not worth its time.",
                scores[0],
            )
    if refit and shares.refit_fits:
        # What stops early does so by rows drawn from all times: held out, the latest would not be learned.
        data = folds.everything(view, max_rows)
        # Without the time for it, the fold models are just as good an answer.
        with suppress(DeadlineReached), shares.next() as fit_time_left:
            parts = [(data.encoder, fit(data, fit_time_left))]
    if by_time:
        # The latest model knows most; an average with those of earlier days would forget again.
        parts = parts[-1:]
    found, tested = scores_of(task, out_of_fold, scores), task.validated
    schema = folds.schema.of_results(
        found.metrics,
        task.target[tested],
        out_of_fold[tested],
        task.weights_of(tested),
        folds=task.judge_folds,
        decision=found.decision,
    )
    model = FittedModel(
        schema=schema,
        encoders=tuple(encoder for encoder, _ in parts),
        members=(
            Member(
                algorithm.name, dict(params), 1.0, tuple(Part(number, item) for number, (_, item) in enumerate(parts))
            ),
        ),
        decision=found.decision,
    )
    return Evaluation(
        score=found.score,
        fold_scores=found.fold_scores,
        metrics=found.metrics,
        out_of_fold=out_of_fold,
        model=model,
        fit_seconds=started - time_left(),
        predict_ms=model.measure_predict_ms(task.frame),
    )


def check_memory(
    task: Task,
    folds: EncodedFolds,
    algorithm: Algorithm,
    params: Mapping[str, Any],
    max_rows: int | None,
    memory_bytes: int,
) -> None:
    """Raise WillNotFit for a trial that would need more than so many bytes; make room for one that needs much of it."""
    n_rows, n_columns = len(task.target), task.frame.width
    if n_rows * n_columns * _WIDEST * 4 < memory_bytes // 4:
        return
    fit_rows = n_rows if max_rows is None else min(n_rows, max_rows + len(task.valid_rows(0)))
    shape = TaskShape(task.problem_type, fit_rows, folds.width(algorithm.view_of(params)), task.n_outputs)
    needed = memory.of_trial(shape, algorithm.memory_per_fit(shape, params), n_cells=n_rows * n_columns)
    if needed > memory_bytes:
        raise memory.WillNotFit(needed, memory_bytes)
    folds.make_room(algorithm.view_of(params), memory_bytes - needed)


class _Shares:
    """Gives each fit its part of the time: what is left, less what encoding and predicting take, over the fits left.

    `sizes`: the rows of each fit, in order; a fit counts by its rows.
    """

    def __init__(self, time_left: Callable[[], float], sizes: Sequence[int]):
        self._time_left = time_left
        self._weights = [size / max(sizes[0], 1) for size in sizes]
        self._started = time_left()
        self._fitting = 0.0
        self._done = 0

    @contextmanager
    def next(self) -> Iterator[Callable[[], float]]:
        """The next fit's own countdown. Raises DeadlineReached when it would start at zero."""
        now = self._time_left()
        beside = (self._started - now - self._fitting) / max(self._done, 1)
        if not self._done:
            # What comes after a fit is not known yet: predictions, figures, writing the model.
            beside = max(beside, _AFTER_FIT * now / len(self._weights))
        available = now - beside * (len(self._weights) - self._done)
        share = available * self._weights[self._done] / sum(self._weights[self._done :])
        if now <= 0:
            raise DeadlineReached("There was no time left for it.")
        # A fit that starts late still gets the moment it takes to notice.
        end = now - max(share, 0.5 * now / (len(self._weights) - self._done))
        yield lambda: self._time_left() - end
        self._fitting += now - self._time_left()
        self._done += 1

    @property
    def refit_fits(self) -> bool:
        """Whether there is time for one more fit like those before: cut short, it would be worse than they are."""
        return self._time_left() > self._fitting / max(sum(self._weights[: self._done]), 1e-9) * self._weights[-1]


def _bytes(data: EncodedFold) -> int:
    return int(data.train.values.nbytes + data.valid.values.nbytes)


def _sample(rows: np.ndarray, task: Task, max_rows: int) -> np.ndarray:
    """So many of the rows, in order; every class that occurs among them keeps a row."""
    chosen = np.random.default_rng(task.seed).permutation(rows)[:max_rows]
    if task.classes is not None:
        _, first = np.unique(task.target[rows], return_index=True)
        chosen = np.union1d(chosen, rows[first])
    return np.sort(chosen)
