"""One assembly of a run, wherever its trials are evaluated: which algorithms, the search among them, and the loop."""

from collections.abc import Callable, Sequence

from flowml.automl import algorithms
from flowml.automl.at_once.models import models_at_once
from flowml.automl.ensemble.twin import STUDENT
from flowml.automl.run.conduct import Conduct, reserve_seconds
from flowml.automl.run.protocols import Observer, Runner
from flowml.automl.search.first_look import first_looks
from flowml.automl.search.search import Search
from flowml.automl.task.task import Task
from flowml.domain.errors import InvalidInput


def chosen_algorithms(task: Task, names: Sequence[str] | None) -> list[str]:
    """The names asked for, or all for the problem type. Raises InvalidInput for one that does not exist or fit."""
    fitting = [algorithm.name for algorithm in algorithms.all() if task.problem_type in algorithm.problem_types]
    for name in names or ():
        if name not in fitting:
            raise InvalidInput.of_field(
                "algorithms",
                f"There is no algorithm “{name}” for {task.problem_type}.",
                hint=f"Choose from: {', '.join(fitting)}.",
            )
    return list(names or fitting)


def search_for(task: Task, *, algorithm_names: Sequence[str] | None, max_trials: int | None) -> Search:
    """The search of a run. Raises InvalidInput for an algorithm that does not exist or fit."""
    chosen = [algorithms.get(name) for name in chosen_algorithms(task, algorithm_names)]
    return Search(task.shape, chosen, metric=task.metric, seed=task.seed, max_trials=max_trials, n_folds=task.n_folds)


def assemble(
    task: Task,
    search: Search,
    runner: Runner,
    observer: Observer,
    *,
    algorithm_names: Sequence[str] | None,
    max_trials: int | None,
    time_budget_seconds: float,
    clock: Callable[[], float],
    fresh: bool = True,
    at_once_seconds: float = 0.0,
) -> Conduct:
    """The loop of a run with what belongs to it. `algorithm_names` and `max_trials`: what was asked for, None for
    everything; `fresh`: no trial of it has been evaluated yet. `at_once_seconds`: what the models made at once have
    from now on, however little of the budget is left."""
    called = clock()
    chosen = [algorithms.get(name) for name in chosen_algorithms(task, algorithm_names)]
    reserve = reserve_seconds(time_budget_seconds)
    at_once = models_at_once(
        task,
        # What comes out of a fixed number of trials, or of chosen algorithms, is to be that and nothing else.
        quick=max_trials is None and algorithm_names is None,
        time_left=lambda: max(observer.deadline() - reserve, called + at_once_seconds) - clock(),
        wanted=lambda: not observer.stopped(),
    )
    return Conduct(
        task,
        search,
        runner,
        observer,
        clock=clock,
        reserve=reserve,
        at_once=at_once,
        first=first_looks(task.shape, chosen) if fresh and max_trials is None else (),
        blend_meanwhile=max_trials is None,
        distils=STUDENT in [algorithm.name for algorithm in chosen],
    )
