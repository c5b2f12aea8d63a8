"""From a job's brief to its task: the same on every machine, so that folds and classes agree."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl

from flowml.automl.task.describe import describe_recipe
from flowml.automl.task.task import Task, prepare_task
from flowml.data.conversion.notation import Notation
from flowml.domain.channel import JobBrief
from flowml.domain.stored import reading


def load_task(brief: JobBrief, table: Callable[[str], Path]) -> Task:
    """Read the table and prepare the task. Raises InvalidInput for a target that cannot be learned, Damaged for
    a table that is not what was stored."""
    spec = brief.spec
    with reading(table(brief.table), brief.table) as path:
        frame = pl.read_parquet(path)
    task = prepare_task(
        frame,
        {column.name: column.role for column in brief.columns},
        target=spec.target,
        problem_type=spec.problem_type,
        metric=spec.metric,
        exclude=spec.exclude_columns,
        cv_folds=spec.cv_folds,
        cv=spec.cv,
        weight_column=spec.weight_column,
        seed=spec.seed,
    )
    notations = {name: Notation.of(state) for name, state in brief.notations.items()}
    task = replace(task, notations=notations)
    if brief.root_table is None:
        return task
    with reading(table(brief.root_table), brief.root_table) as path:
        return replace(task, recipe=describe_recipe(pl.scan_parquet(path), brief.recipe, task.frame.columns))
