"""A real row for a model to be tried with: what its columns held together, and what came of it.

The row is read from the table when somebody asks, and kept nowhere else: not with the model, and not in its file, which
goes to other people. Where the table was deleted, its rows are gone with it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowml.domain.datasets import Dataset, Preview
from flowml.domain.errors import Damaged, NotFound
from flowml.domain.models import Model
from flowml.domain.recipes import Operation
from flowml.domain.stored import reading
from flowml.services.context import Context
from flowml.services.versions import lineage

_LOOKED_AT = 50
_MOST_CELLS = 50_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Example:
    """Row `number` (from 1) of the `n_rows` of the table that a model was made from, as it was before any recipe:
    `values` of the columns that the model takes. `dataset` is that table, None where it was deleted and only its file
    is left, `table` what it is called, and `rows_left_out` whether the recipe took rows out of it, perhaps this one.
    `truth` is what the target's column holds there; None where it says nothing, or not what the model was taught."""

    dataset: Dataset | None
    table: str
    rows_left_out: bool
    n_rows: int
    number: int
    values: Mapping[str, Any]
    truth: Any | None


def example_of(context: Context, model: Model, number: int | None = None) -> Example | None:
    """That row, or of the first ones the one with the most values; None where there is none. Raises NotFound for a
    model of a run that is gone or a table whose file is, Damaged for one that is not what was stored."""
    job = context.store.jobs.get(model.job_id)
    try:
        dataset = context.store.datasets.get(job.dataset_id)
    except NotFound:
        return None
    first = 0 if number is None else number - 1
    many = max(1, min(_LOOKED_AT, _MOST_CELLS // max(1, dataset.n_columns))) if number is None else 1
    page = _rows(context, dataset, first, many)
    if not page.rows:
        return None
    names = [feature["name"] for feature in model.details.schema]
    knows = not any(_mentions(operation, model.target) for operation in dataset.recipe)
    rows = [dict(zip(page.columns, row, strict=True)) for row in page.rows]
    truths = [row.get(model.target) if knows else None for row in rows]
    at = max(range(len(rows)), key=lambda at: (truths[at] is not None, _given(rows[at], names), -at))
    values = {name: rows[at].get(name) for name in names}
    history = lineage(context, dataset.id)
    oldest = history.versions[history.start].dataset
    root = None if oldest.recipe else oldest
    name = f"the table that {dataset.name} was made from" if root is None else root.name
    return Example(root, name, page.total > dataset.n_rows, page.total, first + at + 1, values, truths[at])


def example_if_readable(context: Context, model: Model, number: int | None = None) -> tuple[Example | None, str | None]:
    """The same for whoever has more to show than that, and why the table cannot be read where it cannot."""
    import polars as pl

    try:
        return example_of(context, model, number), None
    except (Damaged, NotFound) as problem:
        return None, problem.detail
    except (OSError, pl.exceptions.PolarsError) as error:
        _log.warning("no example row for the model %s: %s", model.id, error)
        return None, "The table of this model cannot be read."


def _given(row: Mapping[str, Any], names: Sequence[str]) -> int:
    return sum(row.get(name) is not None for name in names)


def _rows(context: Context, dataset: Dataset, offset: int, limit: int) -> Preview:
    import polars as pl

    from flowml.data.previews.page import page_as_it_stands

    sha256 = dataset.root_table or dataset.table
    with reading(context.store.files.path(sha256), sha256) as table:
        # The table before the recipe may have other rows than the version.
        n_rows = pl.scan_parquet(table, glob=False).select(pl.len()).collect().item()
        return page_as_it_stands(table, n_rows, offset, limit)


def _mentions(operation: Operation, column: str) -> bool:
    """Whether an operation is about this column, or makes it."""
    return any(value == column or (isinstance(value, list | tuple) and column in value) for value in operation.values())
