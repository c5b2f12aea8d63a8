"""A task: a table, a target column and what is to be predicted."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from flowml.domain.datasets import Role
from flowml.domain.jobs import ProblemType


@dataclass(frozen=True)
class Task:
    """Everything an evaluation needs to know.

    `frame` holds the usable feature columns (target, excluded, constant and identifier columns are gone; `dropped`
    says which and why) of the rows whose target is present; `target` is int32 class codes or float64 values, shape
    (rows,); `classes` the labels in the order of the codes, as strings; `folds` the fold of each row, int8.
    """

    frame: pl.DataFrame
    roles: Mapping[str, Role]
    target_name: str
    target: np.ndarray
    problem_type: ProblemType
    classes: tuple[str, ...] | None
    metric: str
    folds: np.ndarray
    n_folds: int
    seed: int
    dropped: Mapping[str, str]
    reason: str

    @property
    def n_outputs(self) -> int:
        return len(self.classes) if self.classes is not None else 1
