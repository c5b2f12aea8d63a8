"""A world for searches: tables, families, what a trial scores, and trials one after the other."""

from collections.abc import Callable, Sequence

from flowml.automl import algorithms
from flowml.automl.algorithms.base import Algorithm
from flowml.automl.search.search import Search
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType
from flowml.domain.trials import TrialSpec, TrialStatus

LARGE = TaskShape(ProblemType.CLASSIFICATION, 30_000, 20, 2)
HOURS = 36_000.0

Scorer = Callable[[TrialSpec], float | None]


def families(shape: TaskShape, *names: str) -> list[Algorithm]:
    chosen = [algorithms.get(name) for name in names] if names else list(algorithms.all())
    return [algorithm for algorithm in chosen if shape.problem_type in algorithm.problem_types]


def make_search(shape: TaskShape = LARGE, *names: str, max_trials: int | None = None, seed: int = 0) -> Search:
    return Search(shape, families(shape, *names), metric="accuracy", seed=seed, max_trials=max_trials)


def score(spec: TrialSpec) -> float:
    """A world in which LightGBM is best, and the better the nearer its learning rate is to .05."""
    if spec.algorithm == "lightgbm":
        return 0.9 - abs(float(spec.params["learning_rate"]) - 0.05)
    return {"xgboost": 0.894, "catboost": 0.896, "knn": 0.5}.get(spec.algorithm, 0.7)


def run(search: Search, n_trials: int, *, left: float = HOURS, scorer: Scorer = score) -> list[TrialSpec]:
    """One trial after the other."""
    done: list[TrialSpec] = []
    while len(done) < n_trials:
        spec = search.ask(left, 1)
        if not isinstance(spec, TrialSpec):
            break
        gain = scorer(spec)
        search.tell(spec.number, gain, 1.0, TrialStatus.FINISHED if gain is not None else TrialStatus.FAILED)
        done.append(spec)
    return done


def same(first: Sequence[TrialSpec], second: Sequence[TrialSpec]) -> bool:
    return [(one.algorithm, dict(one.params)) for one in first] == [(one.algorithm, dict(one.params)) for one in second]


def told(search: Search, first_fold: float, seconds: float = 1.0) -> TrialSpec:
    spec = search.ask(HOURS, 1)
    assert isinstance(spec, TrialSpec)
    search.tell(spec.number, first_fold, seconds, TrialStatus.FINISHED, first_fold=first_fold)
    return spec
