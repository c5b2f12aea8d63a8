"""Work on tables in a child process that can neither hang nor eat the machine's memory."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

from flowml.data.ceiling import memory_for, too_long, too_much_memory
from flowml.domain import errors
from flowml.domain.datasets import Column, ColumnStats, HowRead, Ingested, Role, TopValue
from flowml.domain.remarks import Remark
from flowml.machine import child
from flowml.machine.child import Bounds


class TookTooLong(errors.NotReady):
    """A process was ended because it took longer than it may."""


_LEAST_ANSWER, _ANSWER_A_BYTE, _MOST_ANSWER = 32 << 20, 8, 512 << 20


class Child(child.Child):
    """A process that does one task of a module."""

    def __init__(self, module: str = "flowml.data.tasks", *, starter: child.Starter | None = None):
        try:
            super().__init__(module, starter=starter)
        except child.CannotStart as problem:
            raise errors.NotReady(problem.detail, hint="Try again when less is running.") from None

    def perform(
        self,
        task: str,
        request: Mapping[str, Any],
        *,
        timeout_seconds: float,
        memory_bytes: int,
        cancelled: Event | None = None,
        look: Callable[[], object] | None = None,
    ) -> dict[str, Any]:
        """The answer to the one request. Raises what the process raised; TooLarge when its resident memory went over
        the limit, NotReady when `cancelled` was set. A file that took longer than the limit, crashed its reader, or
        took far more memory than one of its size should is an UnreadableFile; other work that took too long is
        NotReady. `look`: called all the while; what it raises ends the process.
        """
        usual_bytes = memory_for(Path(request["path"])) if task == "import" else memory_bytes
        bounds = Bounds(timeout_seconds, min(usual_bytes, memory_bytes), _answer_bytes(request), look)
        try:
            answer = self.ask({"task": task, **request}, bounds, cancelled)
        except child.Ended as ended:
            raise _words(ended, task == "import", timeout_seconds, memory_bytes, usual_bytes) from None
        if "problem" in answer:
            raise _error(answer["problem"])
        return answer


def _answer_bytes(request: Mapping[str, Any]) -> int:
    """What is said of a file, or shown of it, grows with it."""
    size = 0
    for name in ("path", "table"):
        with suppress(KeyError, TypeError, OSError):
            size += Path(request[name]).stat().st_size
    return min(_LEAST_ANSWER + _ANSWER_A_BYTE * size, _MOST_ANSWER)


def _words(
    ended: child.Ended, reading: bool, timeout_seconds: float, memory_bytes: int, usual_bytes: int
) -> errors.FlowMLError:
    """Why there is no answer, for whoever waits for it."""
    gigabytes = memory_bytes / 1e9
    match ended, reading:
        case child.Cancelled(), _:
            return errors.NotReady(ended.detail)
        case child.Lost(), _:
            return errors.NotReady(ended.detail, hint="Try again; when less is running, if this happens often.")
        case child.OutOfTime(), True:
            return too_long(timeout_seconds)
        case child.OutOfTime(), False:
            return TookTooLong(f"It took longer than {timeout_seconds:g} seconds and was stopped.")
        case child.OutOfMemory(), True if usual_bytes < memory_bytes:
            return too_much_memory()
        case child.OutOfMemory(), True:
            return errors.TooLarge(
                f"Reading the file needs more than the {gigabytes:.1f} GB of memory there are for it.",
                hint="Upload a smaller part of it, or save it as Parquet first.",
            )
        case child.AnsweredTooMuch(), False:
            return errors.TooLarge(
                "What there is to say of this table is more than can be shown at once.",
                hint="Ask for fewer rows, or take a table with fewer columns.",
            )
        case child.OutOfMemory(), False:
            return errors.TooLarge(
                f"This takes more than the {gigabytes:.1f} GB of memory there are for it.",
                hint="Take a smaller table: fewer rows, or fewer columns.",
            )
        case _, True:
            return errors.UnreadableFile(
                "The file could not be read: it made the reader crash.",
                hint="Save or export it again, or try another format such as CSV.",
            )
        case _:
            return errors.FlowMLError("The table could not be worked on: the process for it broke down.")


def _error(problem: Mapping[str, Any]) -> errors.FlowMLError:
    try:
        kind = getattr(errors, problem["type"])
        error = kind(problem["detail"], hint=problem["hint"])
        if isinstance(error, errors.InvalidInput):
            error.fields = tuple(errors.FieldProblem(**field) for field in problem["fields"])
    except (AttributeError, KeyError, TypeError):
        error = None
    if not isinstance(error, errors.FlowMLError):
        # One that was talked into something says what it likes.
        return errors.FlowMLError("The table could not be worked on: the process for it broke down.")
    return error


def ingested(answer: Mapping[str, Any]) -> Ingested:
    """What a child answers about a table that it has written."""
    return Ingested(
        format=answer["format"],
        n_rows=answer["n_rows"],
        columns=tuple(Column(item["name"], item["dtype"], Role(item["role"])) for item in answer["columns"]),
        stats=tuple(
            ColumnStats(**{**item, "role": Role(item["role"]), "top": tuple(TopValue(**top) for top in item["top"])})
            for item in answer["stats"]
        ),
        remarks=tuple(map(Remark.of_record, answer["remarks"])),
        how_read=HowRead(**answer["how_read"]),
        figures=answer["figures"],
    )
