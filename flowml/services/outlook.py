"""What a time budget has room for, by what trials took on this machine before and by how busy it is now."""

import contextlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from flowml.domain.datasets import Dataset
from flowml.domain.errors import NotApplicable, NotFound
from flowml.domain.jobs import Job, ProblemType
from flowml.domain.trials import TrialStatus
from flowml.machine.facts import usable_cores
from flowml.services.context import Context

if TYPE_CHECKING:
    from flowml.automl.task.shape import TaskShape

_RUNS = 20
_TRIALS_ENOUGH = 5
# The rest is for the table, the ensemble and the figures.
_SHARE_FOR_TRIALS = 0.85


@dataclass(frozen=True)
class Outlook:
    """`seconds`: what the first trials of a run will each take, in their order; `slots`: how many run at once, on all
    machines that train; `measured`: whether earlier runs here say so, or only what is usual; `busy`: how many times as
    long everything takes because of what else runs now."""

    seconds: Sequence[float]
    slots: int
    measured: bool
    busy: float

    def trials(self, budget: float) -> int:
        """How many of them a run of so many seconds finishes."""
        left = _SHARE_FOR_TRIALS * budget * self.slots / self.busy
        finished = 0
        for each in self.seconds:
            # One that would take most of the time is not begun.
            if each <= 0.5 * left:
                left -= each
                finished += 1
        return finished


def look_ahead(context: Context, dataset: Dataset, problem_type: ProblemType, n_classes: int) -> Outlook:
    """The outlook for a run on this table as it would be started now."""
    slots = sum(machine.slots for machine in context.store.workers.machines())
    shape = _shape(dataset, problem_type, n_classes)
    pace = _pace(context)
    seconds = [(pace or 1.0) * each for each in _stated(shape)]
    cores = usable_cores()
    others = psutil.getloadavg()[0]
    return Outlook(seconds, slots, pace is not None, max(1.0, (others + min(slots, cores)) / cores))


def _shape(dataset: Dataset, problem_type: ProblemType, n_classes: int) -> "TaskShape":
    from flowml.automl.task.shape import TaskShape

    classes = n_classes if problem_type is ProblemType.CLASSIFICATION else 1
    return TaskShape(problem_type, dataset.n_rows, max(1, dataset.n_columns - 1), classes)


def _stated(shape: "TaskShape") -> list[float]:
    """What each first configuration takes by its algorithm's own word, all folds, in the order of the portfolio."""
    from flowml.automl import algorithms
    from flowml.automl.search.portfolio import portfolio

    fitting = []
    for algorithm in algorithms.all():
        with contextlib.suppress(NotApplicable):
            algorithm.check(shape)
            if shape.problem_type in algorithm.problem_types:
                fitting.append(algorithm)
    folds = _folds(shape)
    seconds = {algorithm.name: folds * algorithm.seconds_per_fit(shape) for algorithm in fitting}
    return [seconds[candidate.algorithm] for candidate in portfolio(fitting, shape)]


def _folds(shape: "TaskShape") -> int:
    from flowml.automl.task.validation import folds_by_size

    return folds_by_size(shape.n_rows, shape.n_features, 5)


def _pace(context: Context) -> float | None:
    """How many times as long as stated trials took in the last runs, the median; None where there were too few."""
    ratios: list[float] = []
    jobs, _ = context.store.jobs.page(_RUNS, 0)
    for job in jobs:
        ratios += _ratios(context, job)
    return statistics.median(ratios) if len(ratios) >= _TRIALS_ENOUGH else None


def _ratios(context: Context, job: Job) -> list[float]:
    from flowml.automl import algorithms

    if job.problem_type is None or job.best_model_id is None:
        return []
    try:
        dataset = context.store.datasets.get(job.dataset_id)
        classes = context.store.models.get(job.best_model_id).classes
    except NotFound:
        return []
    shape = _shape(dataset, job.problem_type, len(classes or (0, 1)))
    stated = {algorithm.name: _folds(shape) * algorithm.seconds_per_fit(shape) for algorithm in algorithms.all()}
    return [
        trial.fit_seconds / stated[trial.algorithm]
        for trial in context.store.trials.of_job(job.id)
        if trial.status is TrialStatus.FINISHED
        and trial.fit_seconds
        and trial.max_rows is None
        and trial.algorithm in stated
    ]
