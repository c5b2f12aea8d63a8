"""A search space as plain data, for people who want to see what would be varied."""

from typing import Any

from flowml.automl.algorithms.base import Algorithm, ChoiceParameter, FloatParameter, IntParameter, Parameter
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType

TYPICAL_ROWS = 10_000
TYPICAL_FEATURES = 20


def describe_space(algorithm: Algorithm, problem_type: ProblemType | None = None) -> list[dict[str, Any]]:
    """The search space for a table of typical size: `name`, `type` and either `low`, `high`, `log` or `choices`."""
    chosen = problem_type if problem_type in algorithm.problem_types else algorithm.problem_types[0]
    outputs = 2 if chosen is ProblemType.CLASSIFICATION else 1
    shape = TaskShape(chosen, TYPICAL_ROWS, TYPICAL_FEATURES, outputs, smallest_class=TYPICAL_ROWS // 4)
    return [_describe(parameter) for parameter in algorithm.search_space(shape)]


def _describe(parameter: Parameter) -> dict[str, Any]:
    match parameter:
        case IntParameter(name, low, high, log):
            return {"name": name, "type": "int", "low": low, "high": high, "log": log}
        case FloatParameter(name, low, high, log):
            return {"name": name, "type": "float", "low": low, "high": high, "log": log}
        case ChoiceParameter(name, choices):
            return {"name": name, "type": "choice", "choices": list(choices)}
