"""A task: a table, a target column and what is to be predicted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from flowml.automl.splits import hold_out_fold, make_folds
from flowml.automl.target import check_target, present
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ProblemType, Validation, ValidationKind

_JUDGES = 5
_FEW_FOLDS_ABOVE, _FEW_FOLDS = 50_000, 3
_ONE_FOLD_ABOVE = 200_000


@dataclass(frozen=True)
class Task:
    """Everything an evaluation needs to know.

    `frame` holds the usable feature columns (target, excluded, constant and identifier columns are gone; `dropped`
    says which and why) of the rows whose target is present; `target` is int32 class codes or float64 values, shape
    (rows,); `classes` the labels in the order of the codes, as strings; `folds` the fold of each row, int8, -1 for
    rows that no fold holds out: they are only ever learned from. `validation` says why the folds are as they are.
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
    validation: Validation

    @property
    def n_outputs(self) -> int:
        return len(self.classes) if self.classes is not None else 1

    @cached_property
    def validated(self) -> np.ndarray:
        """The rows that some fold holds out, in order: out-of-fold predictions of all others are NaN."""
        return np.flatnonzero(self.folds >= 0)

    @cached_property
    def judge_folds(self) -> np.ndarray:
        """A fold for each of the `validated` rows, to judge on some of them what was chosen on the others.

        Of a single hold-out they are parts drawn by the seed, evenly by the target.
        """
        if self.n_folds > 1:
            return np.asarray(self.folds[self.validated])
        order = np.lexsort((np.random.default_rng(self.seed).random(len(self.validated)), self.target[self.validated]))
        parts = np.empty(len(order), dtype=np.int8)
        parts[order] = np.arange(len(order)) % _JUDGES
        return parts

    def train_rows(self, fold: int | None) -> np.ndarray:
        """The rows that this fold's models learn from, in order; all for None."""
        if fold is None:
            return np.arange(len(self.target))
        return np.flatnonzero(self.folds != fold)

    def valid_rows(self, fold: int) -> np.ndarray:
        """The rows that this fold holds out, in order."""
        return np.flatnonzero(self.folds == fold)


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
    stratified = checked.classes is not None
    validation = _by_size(len(values), max(2, n_folds), stratified)
    if validation.kind is ValidationKind.HOLDOUT:
        folds = hold_out_fold(features, values, seed, stratified=stratified)
    else:
        folds = make_folds(features, values, validation.n_folds, seed, stratified=stratified)
    return Task(
        frame=features,
        roles={name: roles[name] for name in kept},
        target_name=target,
        target=values,
        problem_type=checked.problem_type,
        classes=checked.classes,
        metric=checked.metric,
        folds=folds,
        n_folds=validation.n_folds,
        seed=seed,
        dropped=dropped,
        reason=checked.reason,
        validation=validation,
    )


def _by_size(n_rows: int, n_folds: int, stratified: bool) -> Validation:
    """More folds where rows are few and noise is large; a hold-out where one is precise enough."""
    kind = ValidationKind.STRATIFIED if stratified else ValidationKind.SHUFFLED
    if n_rows > _ONE_FOLD_ABOVE:
        reason = f"With {n_rows:,} rows, one part that is held out says precisely how good a model is."
        return Validation(ValidationKind.HOLDOUT, None, reason, 1)
    if n_rows > _FEW_FOLDS_ABOVE and n_folds > _FEW_FOLDS:
        reason = f"With {n_rows:,} rows, {_FEW_FOLDS} folds say precisely how good a model is."
        return Validation(kind, None, reason, _FEW_FOLDS)
    evenly = "every class" if stratified else "low and high values"
    return Validation(
        kind, None, f"The rows are in no order that matters: {n_folds} folds, each with its share of {evenly}.", n_folds
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
