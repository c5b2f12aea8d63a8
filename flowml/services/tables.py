"""Work on tables, in child processes within the limits of this server."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowml.data.child import Child
from flowml.domain.errors import NoRoom
from flowml.domain.stored import reading
from flowml.machine.facts import memory_bytes
from flowml.machine.forkserver import Forkserver
from flowml.services.context import Context
from flowml.services.turns import CHILDREN, Line
from flowml.store.files import name_of

FORKSERVER = Forkserver(
    "flowml.data.tasks",
    "flowml.assistant.code.tasks",
    "flowml.services.checking",
    "flowml.services.assistant.trying_task",
    "flowml.services.importance_task",
    "flowml.services.insight.child",
    "flowml.services.scoring.task",
)
"""Where the children come from that work on tables and models."""

MEMORY_SHARE = 0.6
"""Of this machine's memory, for one task."""
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Workplace:
    """Where a task may leave a file for its caller, and a folder for its own temporary ones."""

    result: Path
    scratch: Path


@contextmanager
def workplace(context: Context) -> Iterator[Workplace]:
    """Both are gone at the end, unless they were moved. Raises NoRoom when the disk is nearly full."""
    context.store.room.check()
    # A child may write in the folder, and hence nothing of any other is in it.
    folder = context.store.files.new_temp()
    place = Workplace(folder / "result", folder / "scratch")
    place.scratch.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_task(
    context: Context,
    task: str,
    request: Mapping[str, Any],
    *,
    line: Line = CHILDREN,
    module: str = "flowml.data.tasks",
    most_bytes: int | None = None,
) -> dict[str, Any]:
    """One of the module's TASKS in a child process, as soon as it is its turn, which may take at most `most_bytes` of
    memory, and not more than this server has for such tasks. Raises what the task raises, Damaged for
    a `table` that is no longer what was stored, and as `Line.turn` and as `child.Child.perform` do."""
    share = int(memory_bytes() * MEMORY_SHARE)
    with (
        line.turn(context.left, context.turns),
        Child(module, starter=FORKSERVER.start) as process,
        _reading(request),
        scratch(context, request) as temporary,
    ):
        return process.perform(
            task,
            {
                "max_rows": context.settings.max_rows,
                "max_columns": context.settings.max_columns,
                **temporary,
                **request,
            },
            timeout_seconds=context.settings.import_timeout_seconds,
            memory_bytes=min(share, most_bytes or share),
            cancelled=context.left,
            look=room_left(context),
        )


def room_left(context: Context) -> Callable[[], None] | None:
    """Ends a task that leaves less room on the disk than is kept for what is running, with NoRoom. None where there is
    no more than that to begin with: what only reads can do without."""
    room, last = context.store.room, time.monotonic()
    try:
        room.check()
    except NoRoom:
        return None

    def look() -> None:
        nonlocal last
        if (now := time.monotonic()) - last > _LOOK_SECONDS:
            last = now
            room.check()

    return look


@contextmanager
def scratch(context: Context, request: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The folder `scratch` for the temporary files of a task whose request names none: the rest of the disk is out of
    its reach. None where there is no room for one: what only reads can do without."""
    folder = context.store.files.new_temp()
    found = {}
    if "scratch" not in request:
        with suppress(OSError):
            folder.mkdir()
            found = {"scratch": str(folder)}
    try:
        yield found
    finally:
        if found:
            shutil.rmtree(folder, ignore_errors=True)


def _reading(request: Mapping[str, Any]) -> AbstractContextManager[object]:
    if "table" not in request or "path" in request:
        # What is read is on its way in.
        return nullcontext()
    table = Path(request["table"])
    return reading(table, name_of(table))
