"""A whole training run without a server: the library and `flowml train`."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from flowml.automl import algorithms
from flowml.automl.ensemble.blend import ENSEMBLE, Blend
from flowml.automl.ensemble.champion import Champion
from flowml.automl.ensemble.estimate import Estimate
from flowml.automl.ensemble.twin import TITLE, Twin
from flowml.automl.model.model import FittedModel
from flowml.automl.predictors import libraries
from flowml.automl.run.assembly import assemble, search_for
from flowml.automl.run.conduct import Conduct
from flowml.automl.scoring.decision import objective
from flowml.automl.scoring.metrics import METRICS
from flowml.automl.task.describe import describe_recipe
from flowml.automl.task.leakage import find_suspects
from flowml.automl.task.task import Task, prepare_task
from flowml.automl.trial.outcome import Outcome
from flowml.automl.trial.sharing import share_for
from flowml.data.conversion.notation import Notation
from flowml.domain.datasets import Role
from flowml.domain.models import MADE_AT_ONCE
from flowml.domain.recipes import Operation
from flowml.domain.trials import TrialSpec, TrialStatus
from flowml.domain.workers import Share
from flowml.library.engine_process import engine_process, start_engine_process
from flowml.library.process_runner import ProcessRunner, ThreadRunner, warn_of_threads
from flowml.machine import facts
from flowml.machine.child import CannotStart

# Of the machine's memory, for all trials that run at once.
_MEMORY_SHARE = 0.8
# They take a tenth of a second of a core: the imports before the run may have left less than that.
_AT_ONCE_SECONDS = 1.0
# Of what other programs have left of it.
_FREE_SHARE = 0.9


@dataclass(frozen=True)
class Entry:
    """One model of the leaderboard. `score` is in the metric's own direction."""

    rank: int
    algorithm: str
    title: str
    score: float
    score_std: float
    fold_scores: tuple[float, ...]
    metrics: Mapping[str, float | None]
    fit_seconds: float
    predict_ms: float | None
    params: Mapping[str, object]


@dataclass(frozen=True)
class Progress:
    """How far a run is, for whoever shows it. `best_score` is what to expect of the best model on new rows."""

    elapsed_seconds: float
    budget_seconds: float
    trials_finished: int
    best_score: float | None
    best_algorithm: str | None


@dataclass(frozen=True)
class Run:
    """What a run found: the best model and everything it was compared with, best first.

    `failures`: algorithms that failed, with the reason; `unfinished`: those of which no trial was finished in time.
    `estimate`: what to expect of the best model on new rows, None where no fold can be scored. `twin`: the fast
    model beside it, None where there is none.
    """

    task: Task
    model: FittedModel
    leaderboard: tuple[Entry, ...]
    failures: Mapping[str, str]
    unfinished: tuple[str, ...]
    elapsed_seconds: float
    first_model_seconds: float | None = None
    """When there was a model that could be used."""
    notes: tuple[str, ...] = ()
    """Sentences about the table that were known before training: how models are tested, what may leak."""
    estimate: Estimate | None = None
    baseline_score: float | None = None
    """What the same answer for every row reaches in the metric, on rows it has not seen."""
    twin: Twin | None = None


def train(
    frame: pl.DataFrame,
    roles: Mapping[str, Role],
    *,
    target: str,
    problem_type: str = "auto",
    metric: str = "auto",
    time_budget_seconds: float = 60.0,
    max_trials: int | None = None,
    algorithm_names: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    cv_folds: int = 5,
    cv: str = "auto",
    weight_column: str | None = None,
    seed: int = 0,
    n_jobs: int = 1,
    prepared_by: tuple[pl.LazyFrame, Sequence[Operation]] | None = None,
    notations: Mapping[str, Notation] | None = None,
    on_note: Callable[[str], None] = lambda note: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    stopped: Callable[[], bool] = lambda: False,
    began: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Run:
    """Find the best model for a column within the time.

    `cv`: auto, stratified, together, group:COLUMN or time:COLUMN; `on_note` hears what is known before training.
    `prepared_by`: the table before a recipe and its operations, which models then do to the rows that they get.
    `notations`: how the table's file wrote the values of its columns, so that models read others alike. `began`: when
    the time began to run, by the clock; None for now.
    However short the time, it ends with a model (`at_once`). Raises InvalidInput for a target that cannot be learned,
    TrialFailed where not even a baseline can be scored.
    """
    began = clock() if began is None else began
    start_engine_process()
    task = prepare_task(
        frame,
        roles,
        target=target,
        problem_type=problem_type,
        metric=metric,
        exclude=tuple(exclude),
        cv_folds=cv_folds,
        cv=cv,
        weight_column=weight_column,
        seed=seed,
    )
    task = replace(task, notations=notations or {})
    if prepared_by is not None:
        task = replace(task, recipe=describe_recipe(*prepared_by, task.frame.columns))
    reasons = (*task.warnings, task.validation.reason, *task.validation.advice)
    notes = (*reasons, *(suspect.sentence for suspect in find_suspects(task)))
    for note in notes:
        on_note(note)
    search = search_for(task, algorithm_names=algorithm_names, max_trials=max_trials)
    watcher = _Watcher(task, began, time_budget_seconds, clock, on_progress, stopped)
    runner = _runner(task, n_jobs, clock)
    conduct = assemble(
        task,
        search,
        runner,
        watcher,
        algorithm_names=algorithm_names,
        max_trials=max_trials,
        time_budget_seconds=time_budget_seconds,
        clock=clock,
        at_once_seconds=_AT_ONCE_SECONDS,
    )
    runner.start()
    try:
        # The runner's slots are the parallelism; BLAS and OpenMP would multiply it.
        with threadpool_limits(limits=1):
            conduct.run()
            found = _conclude(task, conduct, runner, watcher, clock() - began)
            return replace(found, notes=notes, first_model_seconds=watcher.first_model_seconds)
    finally:
        runner.close()


def _runner(task: Task, slots: int, clock: Callable[[], float]) -> ProcessRunner | ThreadRunner:
    memory_bytes = min(_MEMORY_SHARE * facts.memory_bytes(), _FREE_SHARE * facts.free_memory_bytes())
    share = share_for(task.shape, Share(slots, 1, int(memory_bytes / slots)))
    try:
        return ProcessRunner(
            task,
            share.slots,
            clock,
            engine=engine_process(),
            memory_bytes=share.memory_bytes,
            threads=share.threads,
        )
    except (CannotStart, OSError) as problem:
        warn_of_threads(problem)
        return ThreadRunner(task, slots, clock)


def _conclude(
    task: Task,
    conduct: Conduct,
    runner: ProcessRunner | ThreadRunner,
    watcher: "_Watcher",
    elapsed: float,
) -> Run:
    metric = objective(task.metric)
    best, blend, champion, twin = conduct.best, conduct.blend, conduct.champion, conduct.twin
    # Of equals the one that was asked for first comes first, and last what was made at once.
    trials = sorted(conduct.candidates, key=lambda item: item.spec.number)
    rows = [(algorithms.get(item.spec.algorithm).title, item) for item in trials]
    if blend is not None and best is blend:
        model = blend.model
        rows.append(("Ensemble", _as_outcome(blend, task, conduct.candidates, watcher.time_left())))
    else:
        assert isinstance(best, Outcome)
        model = best.model()
    rows += [(MADE_AT_ONCE[item.spec.algorithm], item) for item in conduct.made_at_once]
    rows.sort(key=lambda row: -metric.gain(row[1].score or 0.0))
    if champion is not None:
        model = champion.model
        rows[0] = (rows[0][0], _finished(rows[0][1], champion))
    if twin is not None and not twin.existing:
        rows.append((TITLE, _twin_outcome(twin, task, watcher.time_left())))
        rows.sort(key=lambda row: -metric.gain(row[1].score or 0.0))
    return Run(
        task=task,
        model=model,
        leaderboard=tuple(
            Entry(
                rank=rank,
                algorithm=item.spec.algorithm,
                title=title,
                score=item.score or 0.0,
                score_std=float(np.std(item.fold_scores)),
                fold_scores=item.fold_scores,
                metrics=item.metrics,
                fit_seconds=item.fit_seconds,
                predict_ms=item.predict_ms,
                params=item.spec.params,
            )
            for rank, (title, item) in enumerate(rows, start=1)
        ),
        failures=runner.failures,
        unfinished=conduct.unfinished,
        elapsed_seconds=elapsed,
        # What was last said of the best model stands where there was no time for more.
        estimate=watcher.expected if champion is None else champion.estimate,
        baseline_score=conduct.baseline_score,
        twin=twin,
    )


def _finished(outcome: Outcome, champion: Champion) -> Outcome:
    """With what became of the figures when the model was calibrated."""
    return replace(outcome, score=champion.score, fold_scores=champion.fold_scores, metrics=champion.metrics)


def _twin_outcome(twin: Twin, task: Task, seconds: float) -> Outcome:
    return Outcome(
        TrialSpec(-1, twin.algorithm, dict(twin.model.members[0].params)),
        TrialStatus.FINISHED,
        twin.score,
        twin.fold_scores,
        twin.metrics,
        twin.fit_seconds,
        _predict_ms(twin.model, task, seconds),
    )


def _predict_ms(model: FittedModel, task: Task, seconds: float) -> float | None:
    """None where what it answers with is not there within so many seconds."""
    return model.measure_predict_ms(task.frame) if libraries.ready(model.libraries, seconds) else None


def _as_outcome(blend: Blend, task: Task, candidates: Sequence[Outcome], seconds: float) -> Outcome:
    members = [candidate.predict_ms or 0.0 for candidate in candidates if candidate.spec.number in blend.weights]
    return Outcome(
        TrialSpec(-1, ENSEMBLE, {str(number): weight for number, weight in blend.weights.items()}),
        TrialStatus.FINISHED,
        blend.score,
        blend.fold_scores,
        blend.metrics,
        blend.fit_seconds,
        # Without the time to measure it, it takes what its members took.
        _predict_ms(blend.model, task, seconds) or sum(members),
    )


class _Watcher:
    """Passes progress on."""

    def __init__(
        self,
        task: Task,
        began: float,
        budget: float,
        clock: Callable[[], float],
        on_progress: Callable[[Progress], None],
        stopped: Callable[[], bool],
    ):
        self._metric = METRICS[task.metric]
        self._began = began
        self._budget = budget
        self._clock = clock
        self._on_progress = on_progress
        self._stopped = stopped
        self._best: tuple[float, str] | None = None
        self.expected: Estimate | None = None
        self.first_model_seconds: float | None = None

    def stopped(self) -> bool:
        return self._stopped()

    def deadline(self) -> float:
        return self._began + self._budget

    def time_left(self) -> float:
        return self.deadline() - self._clock()

    def stage(self, name: str) -> None:
        return None

    def tick(self, finished: int) -> None:
        algorithm = None if self._best is None else self._best[1]
        score = None if self.expected is None else self.expected.score
        self._on_progress(Progress(self._clock() - self._began, self._budget, finished, score, algorithm))

    def expect(self, expected: Estimate | None) -> None:
        self.expected = expected

    def candidate(self, outcome: Outcome, best: bool) -> None:
        # What its model needs to answer; not before there is one, because the trials have use for the cores.
        if outcome.spec.algorithm in libraries.BOOSTERS:
            libraries.begin(outcome.spec.algorithm)
        if self.first_model_seconds is None:
            self.first_model_seconds = self._clock() - self._began
        if best and outcome.score is not None:
            self._offer(outcome.score, outcome.spec.algorithm)

    def made_at_once(self, outcome: Outcome) -> None:
        if self.first_model_seconds is None:
            self.first_model_seconds = self._clock() - self._began
        if outcome.score is not None:
            self._offer(outcome.score, outcome.spec.algorithm)

    def blend(self, blend: Blend) -> None:
        self._offer(blend.score, ENSEMBLE)

    def champion_found(self, champion: Champion) -> None:
        return None

    def twin(self, twin: Twin | None) -> None:
        return None

    def _offer(self, score: float, algorithm: str) -> None:
        if self._best is None or self._metric.gain(score) > self._metric.gain(self._best[0]):
            self._best = (score, algorithm)
