"""Work on tables, in child processes within the limits of this server."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowml.data.child import Child
from flowml.machine.facts import memory_bytes
from flowml.services.context import Context
from flowml.services.turns import CHILDREN, Line

SMALL_TABLE_ROWS = 200_000
"""Up to so many rows a few columns are looked at within less than it takes to start a process."""

_MEMORY_SHARE = 0.6


@dataclass(frozen=True)
class Workplace:
    """Where a task may leave a file for its caller, and a folder for its own temporary ones."""

    result: Path
    scratch: Path


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
    with line.turn(context.left), prepared or Child(module=module) as process:
        return process.perform(
            task,
            {"max_rows": context.settings.max_rows, "max_columns": context.settings.max_columns, **request},
            timeout_seconds=context.settings.import_timeout_seconds,
            memory_bytes=int(memory_bytes() * _MEMORY_SHARE),
            cancelled=context.left,
        )
