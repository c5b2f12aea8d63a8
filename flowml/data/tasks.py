"""The child process that works on tables: `python -m flowml.data.tasks`.

It gets a request as JSON on standard input, {"task": name, …}, and answers with JSON on standard output, either what
the task returned or {"problem": {"type", "detail", "hint", "fields"}}. Whatever a file does to this process, the server
only sees it end.
"""

import dataclasses
import importlib
import json
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any

from flowml.domain.errors import FlowMLError, InvalidInput, UnreadableFile
from flowml.domain.faults import fault_of
from flowml.machine.child import settle
from flowml.machine.priority import go_behind

# task → the function that does it: it takes the request and returns what JSON can hold.
TASKS = {
    "import": "flowml.data.importer:import_table",
    "transform": "flowml.data.recipes.transform:transform_table",
    "quality": "flowml.data.quality.findings:find_in_table",
    "correlation": "flowml.data.relations.correlation:correlation_of_table",
    "distribution": "flowml.data.profiling.distribution:distribution_of_table",
    "found": "flowml.data.profiling.distribution:distributions_of_rows",
    "texts": "flowml.data.profiling.writing:texts_of_table",
    "relations": "flowml.data.relations.strength:relations_of_table",
    "relation": "flowml.data.relations.relation:relation_of_table",
    "export": "flowml.data.writing.export:export_table",
    "page": "flowml.data.previews.page:page_in_order",
    "lines": "flowml.data.previews.lines:write_lines",
}
# Nobody waits for these: whoever does something else at the same time comes first.
_BACKGROUND = ("lines",)


def problem(error: FlowMLError) -> dict[str, Any]:
    """An error as JSON has it."""
    fields = [dataclasses.asdict(field) for field in error.fields] if isinstance(error, InvalidInput) else []
    return {"problem": {"type": type(error).__name__, "detail": error.detail, "hint": error.hint, "fields": fields}}


def perform(request: dict[str, Any], tasks: Mapping[str, str] = TASKS) -> dict[str, Any]:
    """Do what is asked. Raises what the task raises."""
    module, _, function = tasks[request["task"]].partition(":")
    answer: dict[str, Any] = getattr(importlib.import_module(module), function)(request)
    return answer


def prepare() -> None:
    """Load what all of them need."""
    for function in TASKS.values():
        module = importlib.import_module(function.partition(":")[0])
        getattr(module, "prepare", lambda: None)()


def answer_and_end(tasks: Mapping[str, str], niceness: int = 0) -> None:
    """Answer one request for one of these tasks, and end. The nicer, the further behind whatever else this machine
    does."""
    settle(niceness)
    request = json.load(sys.stdin)
    if request["task"] in _BACKGROUND:
        go_behind(10)
    try:
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
