"""A task: a table, a target column and what is to be predicted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from flowml.automl.splits import make_folds
from flowml.automl.target import check_target, present
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
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


def prepare_task(
    frame: pl.DataFrame,
    roles: Mapping[str, Role],
    *,
    target: str,
    problem_type: str = "auto",
    metric: str = "auto",
    exclude: Sequence[str] = (),
    cv_folds: int = 5,
    seed: int = 0,
) -> Task:
    """From a table to a task. Raises InvalidInput naming the field that cannot be used."""
    if target not in frame.columns:
        raise InvalidInput.of_field("target", f"There is no column “{target}” in this table.")
    unknown = [name for name in exclude if name not in frame.columns]
    if unknown:
        raise InvalidInput.of_field("exclude_columns", f"There is no column “{unknown[0]}” in this table.")
    if target in exclude:
        raise InvalidInput.of_field("exclude_columns", f"“{target}” is what is to be predicted, it cannot be left out.")
    checked = check_target(
        frame[target],
        roles.get(target, Role.CATEGORICAL),
        problem_type=problem_type,
        metric=metric,
        cv_folds=cv_folds,
    )
    rows = frame.filter(present(frame[target]))
    kept, dropped = _features(rows, roles, target, exclude)
    if not kept:
        raise InvalidInput.of_field(
            "target", "No column is left to predict from.", hint="Leave fewer columns out, or add some to the table."
        )
    features = rows.select(kept)
    values = checked.encode(rows[target])
    n_folds = min(cv_folds, checked.smallest_class) if checked.classes is not None else min(cv_folds, len(values))
    n_folds = max(2, n_folds)
    return Task(
        frame=features,
        roles={name: roles[name] for name in kept},
        target_name=target,
        target=values,
        problem_type=checked.problem_type,
        classes=checked.classes,
        metric=checked.metric,
        folds=make_folds(features, values, n_folds, seed, stratified=checked.classes is not None),
        n_folds=n_folds,
        seed=seed,
        dropped=dropped,
        reason=checked.reason,
    )


def _features(
    frame: pl.DataFrame, roles: Mapping[str, Role], target: str, exclude: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    dropped: dict[str, str] = {}
    kept: list[str] = []
    for name in frame.columns:
        if name == target:
            continue
        role = roles[name]
        if name in exclude:
            dropped[name] = "It was left out on request."
        elif role is Role.IDENTIFIER:
            dropped[name] = "It only names the rows, so there is nothing to learn from it."
        elif frame[name].dtype.is_nested() or frame[name].dtype in (pl.Binary, pl.Object):
            dropped[name] = "Its values are lists or files, which cannot be learned from."
        elif role is Role.CONSTANT or frame[name].n_unique() == 1:
            dropped[name] = "It is the same in every row."
        else:
            kept.append(name)
    return kept, dropped
