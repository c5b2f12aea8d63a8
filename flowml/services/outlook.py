"""What a time budget has room for: by what trials took on this table, on tables like it, or on this machine before, and
by what else runs now and ran then."""

import contextlib
import heapq
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import psutil

from flowml.domain.datasets import Dataset
from flowml.domain.errors import NotApplicable, NotFound
from flowml.domain.jobs import Job, JobStatus, ProblemType
from flowml.domain.trials import Trial, TrialStatus
from flowml.domain.workers import LOCAL_ID
from flowml.machine.facts import usable_cores
from flowml.services.context import Context

if TYPE_CHECKING:
    from flowml.automl.task.shape import TaskShape

_RUNS = 30
_TRIALS_ENOUGH = 5
# The newest runs say how fast this machine is now; from so many trials on older ones are not asked.
_TRIALS_LOOKED_AT = 10
_SHARE_OF_ONE = 0.5
# Tables of a kind have at most so many times as many rows and columns as each other.
_ALIKE = 4.0
# Before the first trial begins.
_START_SECONDS = 1.0
_SHORTEST_SECONDS = 0.01
# The load average is one in which what was so many seconds ago counts a third of what is now.
_LOAD_SECONDS = 60.0


class Basis(StrEnum):
    """What a forecast goes by: trials on this very table, on tables like it, on any table here, or what is usual."""

    TABLE = "table"
    KIND = "kind"
    MACHINE = "machine"
    USUAL = "usual"


@dataclass(frozen=True)
class Outlook:
    """`seconds`: what the first trials of a run will each take, in their order; `later`: what each one after them
    takes; `limit`: how many trials such a table is worth, None for no limit; `slots`: how many run at once, on all
    machines that train; `busy`: how many times as long everything takes because of what else runs now."""

    seconds: Sequence[float]
    later: float
    limit: int | None
    slots: int
    basis: Basis
    busy: float

    def trials(self, budget: float) -> int:
        """How many of them a run of so many seconds finishes."""
        from flowml.automl.run.conduct import reserve_seconds

        end = budget - reserve_seconds(budget) - _START_SECONDS
        free = [0.0] * self.slots
        finished = 0
        for each in self.seconds:
            needed = self.busy * each
            # One that would take most of the time is not begun.
            if free and needed <= _SHARE_OF_ONE * (end - free[0]):
                heapq.heapreplace(free, free[0] + needed)
                finished += 1
        later = self.busy * max(self.later, _SHORTEST_SECONDS)
        finished += sum(max(0, int((end - begun) / later)) for begun in free)
        return finished if self.limit is None else min(finished, self.limit)


def look_ahead(context: Context, dataset: Dataset, problem_type: ProblemType, n_classes: int) -> Outlook:
    """The outlook for a run on this table as it would be started now."""
    from flowml.automl.search.portfolio import most_trials

    here, elsewhere = _slots(context)
    slots = here + elsewhere
    shape = _shape(dataset, problem_type, n_classes)
    stated = _stated(shape)
    basis, pace = _pace(context, dataset, shape, here)
    seconds = [pace.seconds(algorithm, each) for algorithm, each in stated]
    later = statistics.median(seconds) if pace.later is None else pace.later
    limit = most_trials(shape, len({algorithm for algorithm, _ in stated}))
    others = 1.0 + context.store.jobs.counts()[JobStatus.RUNNING]
    # What other programs take from this machine they take from no other.
    slowed = slots / (here / _slowed(other_load(context), here) + elsewhere) if slots else 1.0
    return Outlook(seconds, later, limit, slots, basis, others * slowed)


def other_load(context: Context) -> float:
    """How many threads of other programs want a core of this machine now: the load of the last minute, less what runs
    have put into it."""
    now, (slots, _) = context.clock(), _slots(context)

    def left(since: float) -> float:
        return math.exp(-max(0.0, now - since) / _LOAD_SECONDS)

    jobs, _ = context.store.jobs.page(_RUNS, 0)
    own = 0.0
    for job in jobs:
        if job.started_at is not None and (job.status is JobStatus.RUNNING or job.finished_at is not None):
            own += slots * (left(now if job.finished_at is None else job.finished_at) - left(job.started_at))
    return max(0.0, float(psutil.getloadavg()[0]) - own)


def _slowed(load: float, slots: int) -> float:
    """How many times as long trials take beside so much of others'. The load is that of all cores, also where a
    container may use a few of them only."""
    cores = psutil.cpu_count() or 1
    return max(1.0, (load + min(slots, usable_cores())) / cores)


def _slots(context: Context) -> tuple[int, int]:
    """How many trials run at once on this machine, and on all others. One that takes nothing of usual runs is left
    out."""
    machines = [machine for machine in context.store.workers.machines() if {"cpu", "gpu"} & set(machine.queues)]
    here = sum(machine.slots for machine in machines if machine.worker_id == LOCAL_ID)
    return here, sum(machine.slots for machine in machines) - here


@dataclass(frozen=True)
class _Pace:
    """How many times as long as stated trials took: of each algorithm that was tried, and of all; and how many seconds
    those took that were not among the first, None where there were too few."""

    of_algorithms: Mapping[str, float]
    common: float
    later: float | None

    def seconds(self, algorithm: str, stated: float) -> float:
        return stated * self.of_algorithms.get(algorithm, self.common)


@dataclass(frozen=True)
class _Earlier:
    """A finished trial, how many seconds it would have taken without other programs, and how many times as long as
    stated that is."""

    trial: Trial
    seconds: float
    ratio: float


def _pace(context: Context, dataset: Dataset, shape: "TaskShape", here: int) -> tuple[Basis, _Pace]:
    """From the closest runs of which there are enough trials."""
    found: dict[Basis, list[_Earlier]] = {Basis.TABLE: [], Basis.KIND: [], Basis.MACHINE: []}
    for basis, trials in _earlier(context, dataset, shape, here):
        if len(found[basis]) < _TRIALS_LOOKED_AT:
            found[basis] += trials
        if len(found[Basis.TABLE]) >= _TRIALS_LOOKED_AT:
            break
    # What says something of this table says something of its kind.
    found[Basis.KIND] += found[Basis.TABLE]
    found[Basis.MACHINE] += found[Basis.KIND]
    for basis, trials in found.items():
        if len(trials) >= _TRIALS_ENOUGH:
            return basis, _pace_of(trials, of_its_kind=basis is not Basis.MACHINE)
    return Basis.USUAL, _Pace({}, 1.0, None)


def _pace_of(trials: Sequence[_Earlier], *, of_its_kind: bool) -> _Pace:
    ratios: dict[str, list[float]] = {}
    for each in trials:
        ratios.setdefault(each.trial.algorithm, []).append(each.ratio)
    common = statistics.median(each.ratio for each in trials)
    later = [each.seconds for each in trials if each.trial.origin == "search"] if of_its_kind else []
    return _Pace(
        {algorithm: statistics.median(own) for algorithm, own in ratios.items()} if of_its_kind else {},
        common,
        statistics.mean(later) if len(later) >= _TRIALS_ENOUGH else None,
    )


def _earlier(
    context: Context, dataset: Dataset, shape: "TaskShape", here: int
) -> Iterator[tuple[Basis, list[_Earlier]]]:
    """Finished trials of the last runs, newest first and those on this table before all."""
    own, _ = context.store.jobs.page(_RUNS, 0, dataset.id)
    newest, _ = context.store.jobs.page(_RUNS, 0)
    for job in (*own, *(job for job in newest if job.dataset_id != dataset.id)):
        other = _shape_of(context, job)
        if other is None:
            continue
        basis = Basis.MACHINE
        if job.problem_type is shape.problem_type and _are_alike(other, shape):
            basis = Basis.TABLE if job.dataset_id == dataset.id else Basis.KIND
        stated, slowed = _stated_of_all(other), _slowed(job.other_load, here)
        found = []
        for trial in context.store.trials.of_job(job.id):
            if trial.shown.status is TrialStatus.FINISHED and trial.max_rows is None and trial.algorithm in stated:
                seconds = _seconds(trial) / (slowed if trial.worker_id in (LOCAL_ID, None) else 1.0)
                found.append(_Earlier(trial, seconds, seconds / stated[trial.algorithm]))
        yield basis, found


def _seconds(trial: Trial) -> float:
    """How long a trial kept its place: with what it took to get ready."""
    begun, ended = trial.started_at, trial.finished_at
    return max(trial.fit_seconds or 0.0, 0.0 if begun is None or ended is None else ended - begun)


def _are_alike(one: "TaskShape", other: "TaskShape") -> bool:
    sizes = ((one.n_rows, other.n_rows), (one.n_features, other.n_features))
    return all(1 / _ALIKE <= first / second <= _ALIKE for first, second in sizes)


def _shape(dataset: Dataset, problem_type: ProblemType, n_classes: int) -> "TaskShape":
    from flowml.automl.task.shape import TaskShape

    classes = n_classes if problem_type is ProblemType.CLASSIFICATION else 1
    return TaskShape(problem_type, max(1, dataset.n_rows), max(1, dataset.n_columns - 1), classes)


def _shape_of(context: Context, job: Job) -> "TaskShape | None":
    if job.problem_type is None or job.best_model_id is None:
        return None
    try:
        dataset = context.store.datasets.get(job.dataset_id)
        classes = context.store.models.get(job.best_model_id).classes
    except NotFound:
        return None
    return _shape(dataset, job.problem_type, len(classes or (0, 1)))


def _stated(shape: "TaskShape") -> list[tuple[str, float]]:
    """What each first configuration takes by its algorithm's own word, all folds, in the order of the portfolio."""
    from flowml.automl import algorithms
    from flowml.automl.search.portfolio import portfolio

    fitting = []
    for algorithm in algorithms.all():
        with contextlib.suppress(NotApplicable):
            algorithm.check(shape)
            if shape.problem_type in algorithm.problem_types:
                fitting.append(algorithm)
    seconds = _stated_of_all(shape)
    return [(candidate.algorithm, seconds[candidate.algorithm]) for candidate in portfolio(fitting, shape)]


def _stated_of_all(shape: "TaskShape") -> dict[str, float]:
    from flowml.automl import algorithms
    from flowml.automl.task.validation import folds_by_size

    folds = folds_by_size(shape.n_rows, shape.n_features, 5)
    return {algorithm.name: folds * algorithm.seconds_per_fit(shape) for algorithm in algorithms.all()}
