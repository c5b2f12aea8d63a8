"""The sizes of a task."""

from dataclasses import dataclass

from flowml.domain.jobs import ProblemType


@dataclass(frozen=True)
class TaskShape:
    """What is known of a task before any fit: sizes only. `n_outputs` is the number of classes, or 1."""

    problem_type: ProblemType
    n_rows: int
    n_features: int
    n_outputs: int
    smallest_class: int = 0
