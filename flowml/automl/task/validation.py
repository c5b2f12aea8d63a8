"""How models are tested, so that their scores say what will be: at random, by entity, or by time.

At random unless the table shows otherwise. What is probable and not sure becomes advice: to group by a column that new
rows share with these would make models look worse than they will be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from flowml.automl.features.prepared import Numbers, prepare
from flowml.automl.task.copies import advice_on_copies, copy_groups
from flowml.automl.task.entities import find_entity
from flowml.automl.task.splits import group_folds, hold_out_fold, make_folds, time_folds
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import Validation, ValidationKind
from flowml.domain.names import did_you_mean

_FEW_FOLDS_ABOVE, _FEW_FOLDS = 50_000, 3
_ONE_FOLD_ABOVE = 200_000
_FEW_FOLDS_ABOVE_CELLS, _WIDE_ROWS = 5_000_000, 5_000
_FEWEST_MOMENTS = 30
_FEWEST_ROWS_IN_ORDER = 50
_FEWEST_EACH_FOLD = 4
# 1 kept equal rows together wherever folds were drawn at random.
_SCHEME = 2
_FORMS = "Use auto, stratified, together, group:COLUMN or time:COLUMN."


@dataclass(frozen=True)
class Wanted:
    """What somebody asked for: `kind` is None for auto, else stratified, together, group or time."""

    kind: ValidationKind | None
    column: str | None = None


@dataclass(frozen=True)
class Choice:
    """By what to test, before any fold is made. `kind` is None for folds at random; `asked`: not found by ourselves;
    `advice`: what to think about."""

    kind: ValidationKind | None
    column: str | None
    reason: str
    asked: bool
    advice: tuple[str, ...] = ()


def wanted(cv: str, columns: Sequence[str], target: str, weight_column: str | None = None) -> Wanted:
    """Read `auto`, `stratified`, `together`, `group:COLUMN` or `time:COLUMN`. Raises InvalidInput naming `cv`."""
    if cv in ("", "auto"):
        return Wanted(None)
    if cv in ("stratified", "together"):
        return Wanted(ValidationKind(cv))
    word, _, column = cv.partition(":")
    if word not in ("group", "time") or not column:
        raise InvalidInput.of_field("cv", f"“{cv}” is not a way to test models.", hint=_FORMS)
    if column not in columns:
        raise InvalidInput.of_field(
            "cv", f"There is no column “{column}” in this table.", hint=did_you_mean(column, columns)
        )
    if column == target:
        raise InvalidInput.of_field(
            "cv", f"“{column}” is what is to be predicted; models cannot be tested by it.", hint="Name another column."
        )
    if column == weight_column:
        raise InvalidInput.of_field(
            "cv", f"“{column}” says how much rows count; models cannot be tested by it.", hint="Name another column."
        )
    return Wanted(ValidationKind(word), column)


def check_column(frame: pl.DataFrame, asked: Wanted) -> None:
    """Raises InvalidInput naming `cv` where the column asked for has no order (time) or no repetition (group)."""
    if asked.column is not None and asked.kind is ValidationKind.TIME:
        _check_moments(frame[asked.column])
    elif asked.column is not None and asked.kind is ValidationKind.GROUP:
        _check_groups(frame[asked.column])


def choose(
    frame: pl.DataFrame,
    roles: Mapping[str, Role],
    target: np.ndarray,
    asked: Wanted,
    *,
    target_name: str,
    classification: bool,
) -> Choice:
    """By what to test the models of this table: what was asked for, else what the table shows.

    Raises InvalidInput naming `cv` for a column that has no order (time) or no repetition (group).
    """
    check_column(frame, asked)
    if asked.kind is ValidationKind.STRATIFIED:
        return Choice(None, None, "You chose folds at random", asked=True)
    if asked.kind is ValidationKind.TOGETHER:
        reason = "You chose to keep equal rows together: each model is tested on rows unlike all it has learned from."
        return Choice(ValidationKind.TOGETHER, None, reason, asked=True)
    if asked.kind is ValidationKind.TIME:
        reason = f"You chose to test on later rows by “{asked.column}”: models never see what came after."
        return Choice(ValidationKind.TIME, asked.column, reason, asked=True)
    if asked.kind is ValidationKind.GROUP:
        reason = (
            f"You chose to keep rows of the same “{asked.column}” together: none is learned from while others test."
        )
        return Choice(ValidationKind.GROUP, asked.column, reason, asked=True)
    column = find_order(frame, roles, target_name)
    if column is not None:
        reason = (
            f"The rows are in the order of “{column}”, so each model is tested on rows that are later than all it has "
            "learned from."
        )
        return Choice(ValidationKind.TIME, column, reason, asked=False)
    entity = find_entity(frame, roles, target, target_name=target_name, classification=classification)
    if entity is not None and entity.sure:
        reason = (
            f"Rows with the same “{entity.column}” ({entity.rows_each:.0f} on average) are much alike, so they stay "
            "together: each model is tested on ones that it has never met."
        )
        return Choice(ValidationKind.GROUP, entity.column, reason, asked=False)
    if entity is not None:
        advice = (
            f"Rows with the same “{entity.column}” ({entity.rows_each:.0f} on average) are alike. If new rows will be "
            f"of others than these, have models tested on others by “{entity.column}” (cv “group:{entity.column}”)."
        )
        return Choice(None, None, "", asked=False, advice=(advice,))
    return Choice(None, None, "", asked=False)


def find_order(frame: pl.DataFrame, roles: Mapping[str, Role], target_name: str) -> str | None:
    """The first column of dates by which the rows stand in order, rising or falling, with many different dates."""
    if frame.height < _FEWEST_ROWS_IN_ORDER:
        return None
    for name in frame.columns:
        if roles[name] is not Role.DATETIME or name == target_name or frame[name].null_count():
            continue
        moments = moments_of(frame[name])
        if not np.isfinite(moments).all():
            continue
        steps = np.diff(moments)
        if ((steps >= 0).all() or (steps <= 0).all()) and len(np.unique(moments)) >= _FEWEST_MOMENTS:
            return name
    return None


def make(
    choice: Choice,
    frame: pl.DataFrame,
    features: pl.DataFrame,
    target: np.ndarray,
    *,
    cv_folds: int,
    seed: int,
    classification: bool,
) -> tuple[Validation, np.ndarray, np.ndarray | None]:
    """The folds (int8, rows) of a choice, and the number of what each row belongs to or of when it was (int64, rows),
    None where rows are held out one by one.

    Where what was found, and not asked for, leaves too little to test on, the rows are divided at random.
    Raises InvalidInput naming `cv` where what was asked for does.
    """
    by_size = folds_by_size(len(target), features.width, cv_folds)
    found: np.ndarray | None = None
    units: np.ndarray | None = None
    if choice.kind is ValidationKind.TIME:
        assert choice.column is not None
        moments = moments_of(frame[choice.column])
        found = time_folds(moments, by_size, target if classification else None)
        units = np.unique(np.where(np.isfinite(moments), moments, -np.inf), return_inverse=True)[1].reshape(-1)
    elif choice.kind is not None:
        if choice.column is None:
            units = copy_groups(features)
            _check_copies(units, by_size)
        else:
            units = groups_of(frame[choice.column])
        if by_size == 1:
            found = hold_out_fold(target, seed, stratified=classification, groups=units)
        else:
            found = group_folds(units, target, by_size, seed, stratified=classification)
        found = _renumbered(found)
    if found is not None and choice.kind is not None and (found >= 0).any():
        n_folds = int(found.max()) + 1
        return Validation(choice.kind, choice.column, choice.reason, n_folds, scheme=_SCHEME), found, units
    if choice.kind is not None and choice.asked:
        by = "With equal rows together" if choice.column is None else f"By “{choice.column}”"
        raise InvalidInput.of_field(
            "cv",
            f"{by} no rows are left to test on that hold only what could be learned from the others.",
            hint="Choose another column, or cv stratified.",
        )
    n_tested = int((np.bincount(target)[target] > 1).sum()) if classification else len(target)
    # Two rows a fold at least: of two classes, so that they can be told apart, or of two values.
    n_folds = int(np.clip(n_tested // 2, 2, cv_folds))
    asked = choice.reason if choice.asked else ""
    why = _why_at_random(choice)
    validation = _at_random(len(target), features.width, n_folds, classification, asked, why)
    copies = None if choice.asked else advice_on_copies(features)
    validation = replace(validation, advice=(*choice.advice, *([copies] if copies else [])), scheme=_SCHEME)
    if validation.kind is ValidationKind.HOLDOUT:
        return validation, hold_out_fold(target, seed, stratified=classification), None
    return validation, make_folds(target, validation.n_folds, seed, stratified=classification), None


def _why_at_random(choice: Choice) -> str:
    if choice.kind is ValidationKind.TIME:
        return (
            f"The rows are in the order of “{choice.column}”, but what is to be told apart does not occur early enough "
            "to be tested on later rows"
        )
    if choice.kind is ValidationKind.GROUP:
        return f"By “{choice.column}” too few rows would be left to test on"
    return "Rows are drawn one by one" if choice.advice else "Nothing in the table ties rows together"


def moments_of(series: pl.Series) -> np.ndarray:
    """When each row was, as a number that grows with time: float64, NaN where it is not known."""
    if series.dtype.is_integer():
        # By rank, since nanoseconds since 1970 have more digits than a float64.
        series = series.rank("dense")
    role = Role.NUMERIC if series.dtype.is_numeric() else Role.DATETIME
    column = prepare(series.to_frame(), {series.name: role}).columns[series.name]
    assert isinstance(column, Numbers)
    return column.values


def groups_of(series: pl.Series) -> np.ndarray:
    """The number of the group of each row, int64; a row without a value is a group of its own."""
    codes = series.rank("dense").cast(pl.Int64).to_numpy().astype(np.float64)
    missing = ~np.isfinite(codes)
    codes[missing] = -1 - np.arange(missing.sum())
    return np.asarray(np.unique(codes, return_inverse=True)[1].reshape(-1))


def _check_moments(series: pl.Series) -> None:
    if not (series.dtype.is_temporal() or series.dtype.is_numeric()):
        raise InvalidInput.of_field(
            "cv",
            f"“{series.name}” holds neither dates nor numbers, so its rows have no order in time.",
            hint="Name a column of dates, or one that counts up.",
        )
    moments = moments_of(series)
    known = moments[np.isfinite(moments)]
    if len(known) < 0.5 * len(series):
        raise InvalidInput.of_field("cv", f"“{series.name}” is missing in more than half of the rows.")
    if len(np.unique(known)) < 2:
        raise InvalidInput.of_field("cv", f"“{series.name}” is the same in every row, so no row is later than others.")


def _check_copies(groups: np.ndarray, n_folds: int) -> None:
    """Raises InvalidInput naming `cv` where so many rows are equal that hardly any folds can be made of the others."""
    different = int(groups.max()) + 1
    if different < min(len(groups), _FEWEST_EACH_FOLD * max(n_folds, 2)):
        raise InvalidInput.of_field(
            "cv",
            f"Only {different} of {len(groups):,} rows differ from each other in what models learn from. With equal "
            "rows together a model would be tested on what it cannot have heard of.",
            hint="Use cv stratified, which draws rows one by one.",
        )


def _check_groups(series: pl.Series) -> None:
    if series.dtype.is_nested():
        raise InvalidInput.of_field("cv", f"“{series.name}” holds lists, which cannot tell rows apart.")
    if series.n_unique() < 2:
        raise InvalidInput.of_field("cv", f"“{series.name}” is the same in every row, so all rows are one group.")


def folds_by_size(n_rows: int, n_columns: int, n_folds: int) -> int:
    """Where rows are many, fewer folds than asked for are precise enough; 1 is a part that is held out.

    On a wide table each fold takes so long that fewer leave more time for models.
    """
    if n_rows > _ONE_FOLD_ABOVE:
        return 1
    few = n_rows > _FEW_FOLDS_ABOVE or (n_rows >= _WIDE_ROWS and n_rows * n_columns > _FEW_FOLDS_ABOVE_CELLS)
    return min(n_folds, _FEW_FOLDS) if few else n_folds


def _at_random(
    n_rows: int, n_columns: int, n_folds: int, classification: bool, asked: str, otherwise: str
) -> Validation:
    """More folds where rows are few and chance is large; a hold-out where one part is precise enough."""
    kind = ValidationKind.STRATIFIED if classification else ValidationKind.SHUFFLED
    evenly = "each with its share of every class" if classification else "each with its share of low and high values"
    if asked:
        return Validation(kind, None, f"{asked}: {n_folds} of them, {evenly}.", n_folds)
    fewer = folds_by_size(n_rows, n_columns, n_folds)
    if fewer == 1:
        reason = f"With {n_rows:,} rows, one part that is held out shows precisely how good a model is."
        return Validation(ValidationKind.HOLDOUT, None, reason, 1)
    if fewer < n_folds:
        if n_rows <= _FEW_FOLDS_ABOVE:
            why = f"With {n_columns:,} columns a fold takes long: {fewer} leave time for more models, {evenly}."
        else:
            why = f"With {n_rows:,} rows, {fewer} folds are precise enough, {evenly}."
        return Validation(kind, None, why, fewer)
    return Validation(kind, None, f"{otherwise}: {n_folds} folds, {evenly}.", n_folds)


def _renumbered(folds: np.ndarray) -> np.ndarray:
    """Without folds that have lost all their rows."""
    used = np.unique(folds[folds >= 0])
    return np.where(folds >= 0, np.searchsorted(used, folds), -1).astype(np.int8)
