"""An idea measured: models with and without its columns, fitted and tested on the same rows, fold by fold.

Two families learn, because what helps one need not help the other: gradient boosting, which finds steps and
combinations by itself, and a linear model, which finds neither. Both have settings of their own without any chance in
them (no rows or columns are drawn), so that a column of no use changes as little as it can.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from flowml.automl import algorithms
from flowml.automl.algorithms.base import Algorithm, FitContext
from flowml.automl.algorithms.fitting.as_asked import Rows, fit_as_asked
from flowml.automl.algorithms.lightgbm import smallest_leaf
from flowml.automl.features.encoder import Encoder
from flowml.automl.features.prepared import Prepared, prepare
from flowml.automl.ideas.backwards import is_target
from flowml.automl.ideas.idea import Bounds, Idea, check_idea
from flowml.automl.ideas.verdict import difference
from flowml.automl.scoring.decision import objective
from flowml.automl.task.target import present
from flowml.automl.task.task import Task, prepare_task
from flowml.automl.task.weights import check_weights
from flowml.domain.datasets import Role
from flowml.domain.errors import FlowMLError, InvalidInput
from flowml.domain.ideas import Learned, Measured, Overall, Pair
from flowml.domain.jobs import ValidationKind
from flowml.domain.wording import plural

MOST_ROWS, MOST_CELLS, LEAST_ROWS = 20_000, 1_000_000, 1_000
"""Of a larger table so many rows are drawn: at most the first, and as many as make so many cells, but never fewer than
the last."""
_REPEATS, _REPEATS_OF_FEW, _FEW_ROWS = 2, 3, 3_000
_FOLDS = 5
# Also where a run has fewer: the spread of two says nothing.
_FEWEST_FOLDS = 5
_NO_END = 1e6
# A fit that was begun in time may take so much longer, less what models keep to come to an end; a fold that takes all
# of it does not count, for a fit that is cut short is not the same with and without.
_GRACE_SECONDS, _KEPT_SECONDS = 30.0, 5.0
# With the idea so good, and without it at most so: as if the answer were among the columns.
_HARDLY_WRONG, _OFTEN_WRONG = 0.995, 0.97
_UP_TO_ONE = frozenset({"r2", "accuracy", "balanced_accuracy", "f1", "roc_auc", "mcc", "average_precision"})


@dataclass(frozen=True)
class Asked:
    """What the idea is for: the settings of a training run, as `JobSpec` has them."""

    target: str
    problem_type: str = "auto"
    metric: str = "auto"
    cv: str = "auto"
    cv_folds: int = _FOLDS
    weight_column: str | None = None
    exclude_columns: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class _Learner:
    name: str
    title: str
    algorithm: Algorithm
    params: Mapping[str, Any]


@dataclass(frozen=True)
class _Fold:
    """A part that models learn from and one that they are tested on, as places in the rows."""

    repeat: int
    number: int
    task: Task
    train: np.ndarray
    test: np.ndarray


def measure(
    frame: pl.DataFrame,
    roles: Mapping[str, Role],
    operations: object,
    asked: Asked,
    *,
    threads: int = 1,
    rows_in_all: int | None = None,
    whole: pl.LazyFrame | None = None,
    without: Mapping[str, Sequence[Sequence[float | None]]] | None = None,
    time_left: Callable[[], float] = lambda: _NO_END,
    on_fold: Callable[[int, int], None] = lambda done, planned: None,
    on_measured: Callable[[Measured], None] = lambda so_far: None,
) -> Measured:
    """Try operations on a table. `rows_in_all`: of the whole table, where `frame` holds some of its rows. `without`: by
    family what another idea was compared with on the same table, (repeat, fold, score) each, so that it is not learned
    again. `on_fold` hears how many folds are done of how many, `on_measured` what they come to; when `time_left` is
    over, no other is begun, and one that takes much longer is given up.

    Raises InvalidInput for operations that are no idea, and for what cannot be trained.
    """
    rows = _rows(frame, asked)
    task = _task(rows, roles, asked, asked.seed)
    idea = _idea(rows, roles, operations, asked, task, whole)
    arms = _Arms(rows, task, idea, without or {})
    planned = list(_folds(rows, roles, asked, task))
    known: dict[str, list[Pair]] = {}
    learners, notes = _learners(task), list[str]()
    on_fold(0, len(planned))
    began, done = time_left(), 0

    def fit_left() -> float:
        return time_left() + _GRACE_SECONDS

    about = Measured(
        learners=(),
        titles=idea.titles,
        columns=tuple(idea.written),
        metric=task.metric,
        greater_is_better=objective(task.metric).greater_is_better,
        rows=len(task.target),
        rows_in_all=len(task.target) if rows_in_all is None else rows_in_all,
        folds=_in_words(task, planned, 0),
        n_folds=len(planned),
        notes=(),
        target=asked.target,
        drawn=frame.height,
        backwards=arms.backwards(),
    )

    def come_to() -> Measured:
        tested = float(np.mean([len(fold.test) / max(1, len(fold.train)) for fold in planned[:done]]))
        return _judged(
            replace(about, notes=tuple(notes), folds=_in_words(task, planned, done)),
            [(learner, known[learner.name]) for learner in learners],
            tested,
        )

    for fold in planned:
        for learner in list(learners):
            try:
                pair = arms.pair(fold, learner, threads, fit_left)
            except FlowMLError as error:
                if fit_left() <= _KEPT_SECONDS:
                    break
                learners.remove(learner)
                known.pop(learner.name, None)
                notes.append(f"{learner.title} could not be fitted, so nothing is said of it. {error.detail}")
                continue
            known.setdefault(learner.name, []).append(pair)
        if fit_left() <= _KEPT_SECONDS:
            # Its last fit was cut short.
            known = {name: pairs[:done] for name, pairs in known.items()}
            break
        done += 1
        on_fold(done, len(planned))
        if learners:
            on_measured(come_to())
        left = time_left()
        if not learners or left <= 0 or (done >= task.n_folds and left < (began - left) / done):
            break
    if not learners:
        raise InvalidInput.of_field("operations", f"No model could be fitted. {' '.join(notes)}")
    if not done:
        raise InvalidInput.of_field(
            "operations",
            f"Not one of {len(planned)} tests was done in the time that there is: {task.frame.width:,} columns"
            f"{f' and {task.n_outputs:,} classes' if task.n_outputs > 2 else ''} are too many to try ideas on.",
            hint="Try it from the results of a run that leaves columns out.",
        )
    if done < len(planned):
        notes.append(f"The time was over after {done} of {len(planned)} folds.")
    return come_to()


def _judged(about: Measured, fitted: Sequence[tuple[_Learner, list[Pair]]], tested_share: float) -> Measured:
    """What the scores of some folds come to; `tested_share`: as of `difference`."""
    metric = objective(about.metric)
    found = tuple(_learned(learner, pairs, metric.gain, tested_share) for learner, pairs in fitted)
    overall = _overall(found, metric.gain, tested_share)
    notes = list(about.notes)
    lost = max(sum(pair.without is None or pair.beside is None for pair in one.pairs) for one in found)
    if lost:
        notes.append(
            f"{lost} of {len(found[0].pairs)} folds have no score by this metric, because a class does not occur in"
            " their test part; they are left out."
        )
    too_good = (
        overall is not None
        and about.metric in _UP_TO_ONE
        and overall.beside >= _HARDLY_WRONG > _OFTEN_WRONG >= overall.without
    )
    return replace(about, learners=found, overall=overall, notes=tuple(notes), too_good=too_good)


def check(
    frame: pl.DataFrame,
    roles: Mapping[str, Role],
    operations: object,
    asked: Asked,
    whole: pl.LazyFrame | None = None,
) -> Idea:
    """What `measure` would try. Raises as it does before it fits anything."""
    rows = _rows(frame, asked)
    task = _task(rows, roles, asked, asked.seed)
    idea = _idea(rows, roles, operations, asked, task, whole)
    idea.columns_beside(task.roles)
    return idea


def _idea(
    rows: pl.DataFrame,
    roles: Mapping[str, Role],
    operations: object,
    asked: Asked,
    task: Task,
    whole: pl.LazyFrame | None,
) -> Idea:
    return check_idea(rows, operations, bounds_of(asked, rows, roles, task), roles=roles, whole=whole)


def bounds_of(asked: Asked, rows: pl.DataFrame, roles: Mapping[str, Role], task: Task) -> Bounds:
    """What an idea may not use, and may not change."""
    unread = dict.fromkeys(asked.exclude_columns, "is left out of the training")
    unread[asked.target] = "is what is to be predicted"
    if asked.weight_column is not None:
        unread[asked.weight_column] = "says how much each row counts"
    unchanged = dict(unread)
    if task.validation.column is not None:
        unchanged[task.validation.column] = "decides how models are tested"
    naming: dict[str, str] = {}
    for name in task.dropped:
        if name not in unread and roles[name] is not Role.CONSTANT and not rows[name].dtype.is_nested():
            whose = "names the rows" if roles[name] is Role.IDENTIFIER else "names whose rows belong together"
            # A number has no parts.
            (naming if rows[name].dtype == pl.String else unread)[name] = whose
    return Bounds(unread, unchanged, naming)


class _Arms:
    """The same rows without the idea and with it."""

    def __init__(
        self, rows: pl.DataFrame, task: Task, idea: Idea, known: Mapping[str, Sequence[Sequence[float | None]]]
    ):
        self._known = {(name, one[0], one[1]): one[2] for name, scores in known.items() for one in scores}
        self._rows = rows
        self._task = task
        self._idea = idea
        self._without_roles = dict(task.roles)
        self._beside_roles = idea.columns_beside(task.roles)
        self._without = prepare(task.frame, self._without_roles)
        self._beside: Prepared | None = None
        if not idea.learns:
            # Row by row and with nothing learned: the same whichever rows are together.
            table, _ = idea.tables(rows, rows.clear(), list(self._beside_roles))
            self._beside = prepare(table, self._beside_roles)

    def pair(
        self, fold: _Fold, learner: _Learner, threads: int, time_left: Callable[[], float] = lambda: _NO_END
    ) -> Pair:
        """Both scores of a fold, by fits that differ in nothing but the columns. Raises as a fit does."""
        key = (learner.name, fold.repeat, fold.number)
        if key not in self._known:
            parts = self._without.take(fold.train), self._without.take(fold.test)
            self._known[key] = _score(fold, learner, *parts, self._without_roles, threads, time_left)
        beside = _score(fold, learner, *self._with(fold), self._beside_roles, threads, time_left)
        return Pair(fold.repeat, fold.number, self._known[key], beside)

    def backwards(self) -> tuple[str, ...]:
        """Those of its columns that are what is to be predicted."""
        names = [name for name in self._idea.written if name in self._beside_roles]
        table, _ = self._idea.tables(self._rows, self._rows.clear(), names)
        classes = self._task.classes is not None
        return tuple(name for name in names if is_target(table[name], self._task.target, classes=classes))

    def _with(self, fold: _Fold) -> tuple[Prepared, Prepared]:
        if self._beside is not None:
            return self._beside.take(fold.train), self._beside.take(fold.test)
        names = list(self._beside_roles)
        train, test = self._idea.tables(self._rows[fold.train], self._rows[fold.test], names)
        return prepare(train, self._beside_roles), prepare(test, self._beside_roles)


def _score(
    fold: _Fold,
    learner: _Learner,
    train: Prepared,
    test: Prepared,
    roles: Mapping[str, Role],
    threads: int,
    time_left: Callable[[], float],
) -> float | None:
    task = fold.task
    target = task.target[fold.train]
    view = learner.algorithm.view_of(learner.params)
    encoder, encoded = Encoder.fit(view, train, roles, target, task.n_outputs, task.seed, task.inner_folds(fold.train))
    context = FitContext(
        task.problem_type,
        task.n_outputs,
        task.seed,
        threads,
        time_left,
        weights=task.weights_of(fold.train),
        metric=task.metric,
    )
    # Whoever stops early does so by some of the rows that it learns from, and not by those that it is tested on.
    predictor = fit_as_asked(learner.algorithm, learner.params, Rows(encoded, target), None, context)
    answers = predictor.predict(encoder.transform(test).values)
    score = objective(task.metric).score(task.target[fold.test], answers, task.weights_of(fold.test))
    return float(score) if math.isfinite(score) else None


def _rows(frame: pl.DataFrame, asked: Asked) -> pl.DataFrame:
    """Those that count: with a target, and of some weight."""
    if asked.target in frame.columns:
        frame = frame.filter(present(frame[asked.target]))
    if asked.weight_column is not None:
        frame = frame.filter(pl.Series(check_weights(frame, asked.weight_column, asked.target) > 0))
    return frame


def _task(rows: pl.DataFrame, roles: Mapping[str, Role], asked: Asked, seed: int) -> Task:
    return prepare_task(
        rows,
        roles,
        target=asked.target,
        problem_type=asked.problem_type,
        metric=asked.metric,
        exclude=[name for name in asked.exclude_columns if name in rows.columns],
        cv_folds=max(asked.cv_folds, _FEWEST_FOLDS),
        cv=asked.cv,
        weight_column=asked.weight_column,
        seed=seed,
    )


def _folds(rows: pl.DataFrame, roles: Mapping[str, Role], asked: Asked, first: Task) -> Iterator[_Fold]:
    """All folds, those of one division after the other. By time there is one division alone."""
    repeats = _REPEATS_OF_FEW if len(first.target) < _FEW_ROWS else _REPEATS
    seen: list[bytes] = []
    for repeat in range(1 if first.validation.kind is ValidationKind.TIME else repeats):
        task = first if repeat == 0 else replace(_task(rows, roles, asked, asked.seed + repeat), seed=first.seed)
        # Few groups can be divided in few ways, and the same folds again would say nothing new.
        divided = np.sort([hash(np.flatnonzero(task.folds == one).tobytes()) for one in range(task.n_folds)]).tobytes()
        if divided in seen:
            return
        seen.append(divided)
        for number in range(task.n_folds):
            yield _Fold(repeat, number, task, task.train_rows(number), task.valid_rows(number))


def _learners(task: Task) -> list[_Learner]:
    shape = task.shape
    boosting = {
        "learning_rate": 0.1 if shape.n_rows >= 2_000 else 0.06,
        "num_leaves": int(np.clip(shape.n_rows // 8, 4, 24)),
        "min_data_in_leaf": smallest_leaf(shape.n_rows, 20),
        "feature_fraction": 1.0,
        "bagging_fraction": 1.0,
        "lambda_l2": 1.0,
        "extra_trees": False,
        "max_cat_to_onehot": 64 if shape.n_rows >= 5_000 else 4,
        "wide": False,
    }
    linear = algorithms.get("logistic_regression" if task.classes is not None else "ridge")
    return [
        _Learner("boosting", "Gradient boosting", algorithms.get("lightgbm"), boosting),
        _Learner("linear", "Linear model", linear, linear.first_configurations(shape)[0]),
    ]


def _learned(learner: _Learner, pairs: list[Pair], gain: Callable[[float], float], tested_share: float) -> Learned:
    both = [(pair.without, pair.beside) for pair in pairs if pair.without is not None and pair.beside is not None]
    gains = [gain(beside) - gain(without) for without, beside in both]
    without, beside = map(float, np.mean(both, axis=0)) if both else (None, None)
    return Learned(learner.name, learner.title, tuple(pairs), without, beside, difference(gains, tested_share))


def _overall(found: Sequence[Learned], gain: Callable[[float], float], tested_share: float) -> Overall | None:
    """The best family without against the best with it: each chosen in the same way, so that chance favours neither."""
    first = max(found, key=lambda one: -math.inf if one.without is None else gain(one.without))
    second = max(found, key=lambda one: -math.inf if one.beside is None else gain(one.beside))
    beside = {(pair.repeat, pair.fold): pair.beside for pair in second.pairs}
    both = [
        (pair.without, after)
        for pair in first.pairs
        if pair.without is not None and (after := beside.get((pair.repeat, pair.fold))) is not None
    ]
    if not both:
        return None
    gains = [gain(after) - gain(before) for before, after in both]
    without, reached = map(float, np.mean(both, axis=0))
    return Overall(first.name, second.name, without, reached, difference(gains, tested_share))


def _in_words(task: Task, folds: list[_Fold], done: int) -> str:
    """How it is tested, and how much of that is done."""
    repeats = max(fold.repeat for fold in folds) + 1
    times = {1: "", 2: ", divided twice", 3: ", divided three times"}[repeats]
    pairs = plural(len(folds), "pair") if done in (0, len(folds)) else f"{done} of {plural(len(folds), 'pair')}"
    return f"{task.n_folds} folds{times}: {pairs} of models of each family. {task.validation.reason}"
