"""Work on tables, in child processes within the limits of this server."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowml.data.child import Child
from flowml.domain.datasets import Column, Dataset
from flowml.machine.facts import memory_bytes
from flowml.services.context import Context
from flowml.services.turns import CHILDREN, Line

_SMALL_ROWS = 200_000
_SMALL_TEXT_BYTES = 20_000_000
_LOOKED_AT_ROWS = 1_000
_MEMORY_SHARE = 0.6


@dataclass(frozen=True)
class Workplace:
    """Where a task may leave a file for its caller, and a folder for its own temporary ones."""

    result: Path
    scratch: Path


def is_small(context: Context, dataset: Dataset, columns: Iterable[Column]) -> bool:
    """Whether these columns of a table are looked at within less than it takes to start a process. That takes few rows;
    where there are texts also few bytes, of the file as it came, as it is stored, and of its texts, going by the first
    ones: either file may be a small part of them."""
    if dataset.n_rows > _SMALL_ROWS:
        return False
    texts = [column.name for column in columns if column.dtype == "String"]
    if not texts:
        return True
    table = context.store.files.path(dataset.table)
    if max(dataset.size_bytes, table.stat().st_size) > _SMALL_TEXT_BYTES:
        return False
    import polars as pl

    first = pl.read_parquet(table, columns=texts, n_rows=_LOOKED_AT_ROWS, glob=False)
    return first.estimated_size() * dataset.n_rows <= _SMALL_TEXT_BYTES * max(1, len(first))


@contextmanager
def workplace(context: Context) -> Iterator[Workplace]:
    """Both are gone at the end, unless they were moved."""
    files = context.store.files
    place = Workplace(files.new_temp(), files.new_temp())
    place.scratch.mkdir(parents=True)
    try:
        yield place
    finally:
        place.result.unlink(missing_ok=True)
        shutil.rmtree(place.scratch, ignore_errors=True)


def run_task(
    context: Context,
    task: str,
    request: Mapping[str, Any],
    *,
    prepared: Child | None = None,
    line: Line = CHILDREN,
    module: str = "flowml.data.tasks",
) -> dict[str, Any]:
    """One of the module's TASKS in a child process, in the one that is `prepared` where there is one, as soon as it is
    its turn. Raises what the task raises, as `Line.turn` and as `child.Child.perform` do."""
    with line.turn(context.left, context.turns), prepared or Child(module=module) as process:
        return process.perform(
            task,
            {"max_rows": context.settings.max_rows, "max_columns": context.settings.max_columns, **request},
            timeout_seconds=context.settings.import_timeout_seconds,
            memory_bytes=int(memory_bytes() * _MEMORY_SHARE),
            cancelled=context.left,
        )
