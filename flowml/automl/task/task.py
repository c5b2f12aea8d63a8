"""A task: a table, a target column and what is to be predicted."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl

from flowml.automl.schema.labels import OBJECTS
from flowml.automl.schema.recipe import ModelRecipe
from flowml.automl.task import validation as validating
from flowml.automl.task.shape import TaskShape
from flowml.automl.task.splits import MOST_FOLDS, inner_folds
from flowml.automl.task.target import check_target, present
from flowml.automl.task.weights import check_weights
from flowml.data.conversion.notation import Notation
from flowml.data.names import named_like_identifier
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ProblemType, Validation, ValidationKind
from flowml.domain.names import did_you_mean

_JUDGES = 5
_INNER_FOLDS = 5
_MANY_GROUPS = 50


@dataclass(frozen=True)
class Task:
    """Everything an evaluation needs to know.

    `frame` holds the usable feature columns (target, excluded, constant and identifier columns are gone; `dropped`
    says which and why) of the rows whose target is present; `target` is int32 class codes or float64 values, shape
    (rows,); `classes` the labels in the order of the codes, as strings, `label_type` what they were before that;
    `folds` the fold of each row, int8, -1 for rows that no fold holds out: they are only ever learned from.
    `validation` says why the folds are as they are, and `units`, int64, to whom each row belongs or, by time, when it
    was; None where rows are held out one by one. `warnings` are sentences about the target. `weights`, float64 with
    mean 1, say how much each row counts; None where all count alike. `recipe` is what was done to the table before, so
    that models can do it to the rows that they get; None where nothing was. `notations` say how the file wrote the
    values of columns, as they were before the recipe.
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
    units: np.ndarray | None = None
    warnings: tuple[str, ...] = ()
    weights: np.ndarray | None = None
    recipe: ModelRecipe | None = None
    label_type: str = OBJECTS
    notations: Mapping[str, Notation] = field(default_factory=dict)

    @property
    def n_outputs(self) -> int:
        return len(self.classes) if self.classes is not None else 1

    @property
    def shape(self) -> TaskShape:
        return TaskShape(
            problem_type=self.problem_type,
            n_rows=len(self.target),
            n_features=self.frame.width,
            n_outputs=self.n_outputs,
            smallest_class=int(np.bincount(self.target).min()) if self.classes else 0,
        )

    @property
    def positive_class(self) -> str | None:
        """The one of two classes that precision, recall and F1 are about; None: they are means over the classes."""
        return self.classes[-1] if self.classes is not None and len(self.classes) == 2 else None

    @cached_property
    def fingerprint(self) -> str:
        """The same for tasks whose scores and out-of-fold predictions can be compared: equal rows, folds and metric."""
        parts = (self.folds, self.target, self.weights, np.array([self.metric, *(self.classes or ())]))
        digest = hashlib.blake2b(digest_size=16)
        for part in parts:
            digest.update(b"" if part is None else np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    @cached_property
    def validated(self) -> np.ndarray:
        """The rows that some fold holds out, in order: out-of-fold predictions of all others are NaN."""
        return np.flatnonzero(self.folds >= 0)

    @cached_property
    def judge_folds(self) -> np.ndarray:
        """A fold for each of the `validated` rows, to judge on some of them what was chosen on the others.

        Of a single hold-out they are parts drawn by the seed, evenly by the target, or of whole units.
        """
        if self.n_folds > 1:
            return np.asarray(self.folds[self.validated])
        of_units = self._apart(self.validated, _JUDGES)
        if of_units is not None:
            return of_units
        order = np.lexsort((np.random.default_rng(self.seed).random(len(self.validated)), self.target[self.validated]))
        parts = np.empty(len(order), dtype=np.int8)
        parts[order] = np.arange(len(order)) % _JUDGES
        return parts

    def train_rows(self, fold: int | None) -> np.ndarray:
        """The rows that this fold's models learn from, in order: all others, by time all earlier ones; all for None."""
        if fold is None:
            return np.arange(len(self.target))
        if self.validation.kind is ValidationKind.TIME:
            return np.flatnonzero(self.folds < fold)
        return np.flatnonzero(self.folds != fold)

    @property
    def learned_rows(self) -> float:
        """How many rows the models that are tested have learned from, on average over the folds."""
        return float(np.mean([len(self.train_rows(fold)) for fold in range(self.n_folds)]))

    def inner_folds(self, rows: np.ndarray) -> np.ndarray | None:
        """Folds within these rows, for what is learned from some of them to be told to others, int64.

        They keep apart what the folds of the task keep apart, however many those are; None where that is nothing.
        """
        return self._apart(rows, _INNER_FOLDS)

    def _apart(self, rows: np.ndarray, n_folds: int) -> np.ndarray | None:
        if self.units is None:
            return None
        by_time = self.validation.kind is ValidationKind.TIME
        return inner_folds(self.units[rows], n_folds, self.seed, in_order=by_time)

    def weights_of(self, rows: np.ndarray) -> np.ndarray | None:
        """How much each of these rows counts; None where all count alike."""
        return None if self.weights is None else self.weights[rows]

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
    cv: str = "auto",
    weight_column: str | None = None,
    seed: int = 0,
) -> Task:
    """From a table to a task. Raises InvalidInput naming the field that cannot be used.

    `cv`: auto, stratified, together, group:COLUMN or time:COLUMN. Rows without a value of the target, and rows of
    weight 0, are left out.
    """
    if target not in frame.columns:
        raise InvalidInput.of_field(
            "target", f"There is no column “{target}” in this table.", hint=did_you_mean(target, frame.columns)
        )
    unknown = [name for name in exclude if name not in frame.columns]
    if unknown:
        raise InvalidInput.of_field(
            "exclude_columns",
            f"There is no column “{unknown[0]}” in this table.",
            hint=did_you_mean(unknown[0], frame.columns),
        )
    if target in exclude:
        raise InvalidInput.of_field("exclude_columns", f"“{target}” is what is to be predicted, it cannot be left out.")
    asked = validating.wanted(cv, frame.columns, target, weight_column)
    if not 2 <= cv_folds <= MOST_FOLDS:
        raise InvalidInput.of_field("cv_folds", f"There can be 2 to {MOST_FOLDS} folds, not {cv_folds}.")
    weights = None
    if weight_column is not None:
        weights = check_weights(frame, weight_column, target)
        frame, weights = frame.filter(pl.Series(weights > 0)), weights[weights > 0]
    checked = check_target(
        frame[target],
        roles.get(target, Role.CATEGORICAL),
        problem_type=problem_type,
        metric=metric,
    )
    has_target = present(frame[target])
    rows = frame.filter(has_target)
    values = checked.encode(rows[target])
    classification = checked.classes is not None
    choice = validating.choose(
        rows.drop([weight_column] if weight_column else []),
        roles,
        values,
        asked,
        target_name=target,
        classification=classification,
    )
    kept, dropped = _features(rows, roles, target, exclude)
    if weight_column is not None:
        dropped[weight_column] = "It says how much each row counts."
    groups_by = choice.column if choice.kind is ValidationKind.GROUP else None
    if groups_by is not None and (
        only_names_groups(groups_by, roles[groups_by], rows[groups_by].dtype.is_float(), rows[groups_by].n_unique())
        if choice.asked
        else named_like_identifier(groups_by)
    ):
        dropped[groups_by] = "It names whose rows belong together, and new rows are of somebody else."
    kept = [name for name in kept if name not in dropped]
    if not kept:
        raise InvalidInput.of_field(
            "target", "No column is left to predict from.", hint="Leave fewer columns out, or add some to the table."
        )
    features = rows.select(kept)
    validation, folds, units = validating.make(
        choice,
        rows,
        features,
        values,
        cv_folds=cv_folds,
        seed=seed,
        classification=classification,
    )
    if weights is not None:
        weights = weights[has_target.to_numpy()]
        weights = weights / weights.mean()
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
        units=units,
        warnings=checked.warnings,
        weights=weights,
        label_type=checked.label_type,
    )


def only_names_groups(name: str, role: Role, is_float: bool, n_unique: int) -> bool:
    """Whether a column by which rows are grouped says nothing beside which group a row is of."""
    if role in (Role.IDENTIFIER, Role.TEXT) or named_like_identifier(name):
        return True
    return not is_float and n_unique > _MANY_GROUPS


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
