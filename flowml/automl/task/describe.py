"""What every model of a task says about the table it comes from."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from typing import Any

import numpy as np
import polars as pl

from flowml.automl.features.prepared import Labels, Prepared, prepare
from flowml.automl.schema.feature import Feature
from flowml.automl.schema.recipe import ModelRecipe
from flowml.automl.schema.schema import ModelSchema
from flowml.automl.task.task import Task
from flowml.data.profiling.profile import dtype_name
from flowml.data.profiling.roles import roles_of
from flowml.data.recipes.checking import check_operations
from flowml.data.recipes.kinds import kinds_of_frame
from flowml.domain.datasets import Role
from flowml.domain.recipes import Operation

_MAX_CATEGORIES = 10_000
_LIBRARIES = ("flowml", "numpy", "polars", "scikit-learn", "lightgbm", "xgboost", "xgboost-cpu", "catboost")


def describe_task(task: Task, table: Prepared) -> ModelSchema:
    """The schema of every model of this task, before there is a result. `table` is the task's, prepared."""
    # Where there is a recipe, the columns that were read are those before it.
    notations = task.notations if task.recipe is None else {}
    features = tuple(
        replace(_feature(task.frame[name], role, table), notation=notations.get(name))
        for name, role in task.roles.items()
    )
    return ModelSchema(
        features=features,
        target=task.target_name,
        problem_type=task.problem_type,
        classes=task.classes,
        label_type=task.label_type,
        metric=task.metric,
        n_rows=len(task.target),
        data_hash=_data_hash(task, table),
        versions=_versions(),
        recipe=None if task.recipe is None else task.recipe.completed(features, task.notations),
    )


def describe_recipe(root: pl.LazyFrame, operations: Sequence[Operation], wanted: Sequence[str]) -> ModelRecipe | None:
    """The recipe that leads from a table (rows of the first version) to a model's features; None where nothing was
    done. Columns that it changes are looked at here; what the others hold, their model knows."""
    if not operations:
        return None
    columns = {name: str(kind) for name, kind in kinds_of_frame(root).items()}
    recipe = ModelRecipe(columns, check_operations(operations), tuple(wanted))
    replay = recipe.replay
    changed = [name for name in replay.inputs if name not in wanted or replay.touches(name)]
    if not changed:
        return recipe
    frame = root.select(changed).collect(engine="streaming")
    return replace(recipe, inputs=describe_columns(frame, roles_of(frame)))


def describe_columns(frame: pl.DataFrame, roles: Mapping[str, Role]) -> tuple[Feature, ...]:
    """The columns of a frame, all of which have a role."""
    table = prepare(frame, roles)
    return tuple(_feature(frame[name], roles[name], table) for name in frame.columns)


def _feature(series: pl.Series, role: Role, table: Prepared) -> Feature:
    name, dtype = series.name, dtype_name(series.dtype)
    column = table.columns[name]
    if isinstance(column, Labels):
        order = np.argsort(-column.counts(), kind="stable")
        levels = tuple(column.levels[index] for index in order)
        categories = levels if role is not Role.TEXT and len(levels) <= _MAX_CATEGORIES else None
        return Feature(name, role, dtype, levels[0] if levels else None, categories=categories)
    known = np.flatnonzero(np.isfinite(column.values))
    values = column.values[known]
    return Feature(
        name,
        role,
        dtype,
        *_range(series, role, column.values, known),
        count=len(known),
        whole=bool((values == np.rint(values)).all()) if role is Role.NUMERIC and len(values) else None,
        spread=None if role is Role.BOOLEAN else _spread(values),
    )


def _spread(values: np.ndarray) -> float | None:
    """A standard deviation as the middle half of the values lets expect of a normal distribution; of nearly constant
    ones nine tenths of them."""
    if len(values) == 0:
        return None
    low, first, third, high = np.quantile(values, [0.05, 0.25, 0.75, 0.95])
    spread = float((third - first) / 1.349 or (high - low) / 3.29)
    return spread if 0 < spread < np.inf else None


def _range(series: pl.Series, role: Role, values: np.ndarray, known: np.ndarray) -> tuple[Any, Any, Any]:
    """The value in the middle, the least and the greatest, as a person would type them; `known` are the rows with a
    value."""
    if len(known) == 0:
        return None, None, None
    places = ((len(known) - 1) // 2, 0, len(known) - 1)
    # Three values of a sorted column; sorting a million of them takes twenty times as long.
    order = known[np.argpartition(values[known], places)]
    typical, least, greatest = (series[int(order[place])] for place in places)
    if role is Role.DATETIME:
        return str(typical), str(least), str(greatest)
    if role is Role.BOOLEAN:
        return typical, None, None
    return (int(typical) if series.dtype.is_integer() else float(typical)), float(least), float(greatest)


def _data_hash(task: Task, table: Prepared) -> str:
    """The same for the same rows, columns and target, whatever file they came from."""
    digest = hashlib.blake2b(digest_size=16)
    for name, column in table.columns.items():
        digest.update(name.encode())
        if isinstance(column, Labels):
            digest.update("\0".join(column.levels).encode())
        values = column.codes if isinstance(column, Labels) else column.values
        digest.update(np.ascontiguousarray(values).data)
    digest.update(np.ascontiguousarray(task.target).data)
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
