"""The child process that works on tables: `python -m flowml.data.tasks`.

It gets a request as JSON on standard input, {"task": name, …}, and answers with JSON on standard output, either what
the task returned or {"problem": {"type", "detail", "hint", "fields"}}. Before it looks at anything it gives up all but
the files that the request names (`machine/confinement/`). Whatever a file does to this process, the server only sees it
end.
"""

import dataclasses
import importlib
import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowml.domain.errors import FlowMLError, InvalidInput, UnreadableFile
from flowml.domain.faults import fault_of
from flowml.machine.child import settle
from flowml.machine.confinement import confining
from flowml.machine.confinement.confining import Confinement
from flowml.machine.priority import go_behind

_LEAST_FILE = 64 << 20


@dataclass(frozen=True)
class Task:
    """What such a process can be asked for. `function`: "module:name"; it takes the request and returns what JSON can
    hold. `reads`, `writes`: which of the request's fields name files and folders; all others are out of its reach, but
    for the folder `scratch` that any request may name. `confines_itself`: by `confine`, once it knows what it reads."""

    function: str
    reads: tuple[str, ...] = ("table",)
    writes: tuple[str, ...] = ()
    confines_itself: bool = False
    niceness: int = 0
    """The nicer, the further behind whatever else this machine does."""


TASKS = {
    "import": Task("flowml.data.importer:import_table", reads=("path",), writes=("table",)),
    "transform": Task("flowml.data.recipes.transform:transform_table", writes=("target",)),
    "quality": Task("flowml.data.quality.findings:find_in_table"),
    "correlation": Task("flowml.data.relations.correlation:correlation_of_table"),
    "distribution": Task("flowml.data.profiling.distribution:distribution_of_table"),
    "found": Task("flowml.data.profiling.distribution:distributions_of_rows"),
    "texts": Task("flowml.data.profiling.writing:texts_of_table"),
    "relations": Task("flowml.data.relations.strength:relations_of_table"),
    "relation": Task("flowml.data.relations.relation:relation_of_table"),
    "export": Task("flowml.data.writing.export:export_table", writes=("target",)),
    "page": Task("flowml.data.previews.page:page_in_order", writes=("order",)),
    # Nobody waits for it: whoever does something else at the same time comes first.
    "lines": Task("flowml.data.previews.lines:write_lines", writes=("target",), niceness=10),
}


def problem(error: FlowMLError) -> dict[str, Any]:
    """An error as JSON has it."""
    fields = [dataclasses.asdict(field) for field in error.fields] if isinstance(error, InvalidInput) else []
    return {"problem": {"type": type(error).__name__, "detail": error.detail, "hint": error.hint, "fields": fields}}


def perform(request: dict[str, Any], tasks: Mapping[str, Task] = TASKS) -> dict[str, Any]:
    """Do what is asked. Raises what the task raises."""
    module, _, function = tasks[request["task"]].function.partition(":")
    answer: dict[str, Any] = getattr(importlib.import_module(module), function)(request)
    return answer


def prepare() -> None:
    """Load what all of them need."""
    confining.prepare()
    for task in TASKS.values():
        module = importlib.import_module(task.function.partition(":")[0])
        getattr(module, "prepare", lambda: None)()


def confine(
    request: Mapping[str, Any], reads: Iterable[str | Path], writes: Iterable[str] = (), niceness: int = 0
) -> Confinement:
    """Have this process reach no other files than these and the request's `scratch`, for good, and nothing else of this
    machine; and go behind."""
    scratch = request.get("scratch")
    writable = [_place(Path(path)) for path in writes]
    writable += [] if scratch is None else [Path(scratch)]
    confinement = confining.confine_reader(reads, writable, file_bytes=_room_for(writable))
    if scratch is not None:
        keep_temporary_files_in(scratch)
    # Not before: it may take a thread, which would not be confined.
    if niceness:
        go_behind(niceness)
    return confinement


def _room_for(writable: Iterable[Path]) -> int:
    """Bytes that a file may have here: more than what is free helps nobody."""
    found = [shutil.disk_usage(folder).free for folder in writable if folder.exists()]
    return max(_LEAST_FILE, min(found, default=0))


def _place(path: Path) -> Path:
    """Where a file that is not there yet can be made; one that is there is all that may be written."""
    return path if path.exists() else path.parent


def keep_temporary_files_in(scratch: str) -> None:
    """Those of Python, and those of Polars for what does not fit into memory."""
    tempfile.tempdir = scratch
    os.environ["POLARS_OOC_SPILL_DIR"] = scratch
    if (polars := sys.modules.get("polars")) is not None:
        polars.Config.reload_env_vars()


def answer_and_end(tasks: Mapping[str, Task], niceness: int = 0) -> None:
    """Answer one request for one of these tasks, and end. The nicer, the further behind whatever else this machine
    does."""
    settle()
    request = json.load(sys.stdin)
    try:
        task = tasks[request["task"]]
        if not task.confines_itself:
            reads = [request[name] for name in task.reads if request[name] is not None]
            confine(request, reads, [request[name] for name in task.writes], max(niceness, task.niceness))
        answer = perform(request, tasks)
    except FlowMLError as error:
        answer = problem(fault_of(error, of_database=False) or error)
    # Also what Rust panics raise: every ending is an answer, and the cause goes to the server's log.
    except BaseException as error:
        traceback.print_exc()
        answer = problem(fault_of(error, of_database=False) or _unexpected(request["task"]))
    json.dump(answer, sys.stdout, allow_nan=False)
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: taking a large table apart piece by piece would make whoever waits wait longer.
    os._exit(0)


def _unexpected(task: str) -> FlowMLError:
    """What is said of a table at which a task has stumbled."""
    if task == "import":
        return UnreadableFile(
            "The file could not be read: its content confuses the reader.",
            hint="Save or export it again, or try another format such as CSV.",
        )
    return FlowMLError("The table could not be worked on: something in it was not expected.")


def main() -> None:
    """Do one of these."""
    answer_and_end(TASKS)


if __name__ == "__main__":
    main()
