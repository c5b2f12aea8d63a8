"""The server's side of running code: the child with its limits, and what it answers, in which nothing is believed."""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO, Any

from flowml.domain.errors import FlowMLError, InvalidInput, NotReady, TooLarge
from flowml.machine import child
from flowml.machine.child import Bounds, Child
from flowml.machine.confinement.confining import available, sayable
from flowml.machine.confinement.surroundings import plain
from flowml.machine.facts import usable_cores

MODULE = "flowml.assistant.code.running"
MOST_SECONDS = 60.0
_LEAST_MEMORY = 1 << 30
_MOST_MEMORY = 16 << 30
_MULTIPLE = 30
# Address space is more than what is used of it: stacks of threads, and what the allocator keeps.
_SPACE = 2 << 30
_LEAST_FILE = 256 << 20
_FILE_MULTIPLE = 10
# Threads that are there before a process is confined would not be; none of these libraries computes here.
_NO_THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_LONGEST_WORDS = 500
_MOST_ANSWER = 64 << 10
# Polars has some for each core. What is made of threads alone would have as many as the system has numbers for.
_MOST_THREADS = 256
_THREADS_PER_CORE = 8


@dataclass(frozen=True)
class Held:
    """What confined the child, as it says, in words where something was missing."""

    is_whole: bool
    missing: tuple[str, ...]


def memory_for(table: Path, most_bytes: int) -> int:
    """Bytes that code may take for this table: of what is compressed in its file it has a copy, and makes more."""
    return min(most_bytes, max(_LEAST_MEMORY, min(_MULTIPLE * table.stat().st_size, _MOST_MEMORY)))


def run_code(
    source: str,
    table: Path,
    result: Path,
    *,
    max_rows: int,
    max_columns: int,
    most_bytes: int,
    most_file_bytes: int | None = None,
    look: Callable[[], object] | None = None,
    cancelled: Event | None = None,
    seconds: float = MOST_SECONDS,
    module: str = MODULE,
) -> Held:
    """Run checked code on the canonical table at `table` and leave in `result` what came of it, for `comparing`.
    `most_file_bytes`: how large the result may be at most; `look` is called all the while, to end it by raising
    something. Raises InvalidInput, whose field is "code" or "code.LINE", for code that fails, takes too long or too
    much; NotReady when `cancelled` was set."""
    memory_bytes = memory_for(table, most_bytes)
    file_bytes = max(_LEAST_FILE, _FILE_MULTIPLE * table.stat().st_size)
    bounds = Bounds(
        seconds, memory_bytes, _MOST_ANSWER, look=look, threads=_MOST_THREADS + _THREADS_PER_CORE * usable_cores()
    )
    request = {
        "code": source,
        "table": str(table),
        "result": str(result),
        "max_rows": max_rows,
        "max_columns": max_columns,
        "seconds": seconds,
        "cpu_seconds": int(seconds * usable_cores()) + 5,
        "memory_bytes": memory_bytes + _SPACE,
        "file_bytes": file_bytes if most_file_bytes is None else min(file_bytes, most_file_bytes),
    }
    try:
        with Child(module, starter=_start) as process:
            answer = process.ask(request, bounds, cancelled)
    except child.CannotStart as problem:
        raise NotReady(problem.detail, hint="Try again when less is running.") from None
    except child.Ended as ended:
        raise _words(ended, seconds, memory_bytes) from None
    _check(answer)
    return _held(answer.get("confinement"))


def _start(module: str, *arguments: str, stdout: IO[bytes], stderr: IO[bytes]) -> "subprocess.Popen[bytes]":
    """A Python of its own: one that was forked from the server's would have the server's modules and settings."""
    return child.start(
        module,
        *arguments,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        inherited=plain(os.environ),
        environment=_NO_THREADS,
    )


def _words(ended: child.Ended, seconds: float, memory_bytes: int) -> FlowMLError:
    gigabytes = f"{memory_bytes / 1e9:.1f} GB"
    match ended:
        case child.Cancelled() | child.Lost():
            return NotReady(ended.detail, hint="Try again.")
        case child.OutOfTime():
            return _of_code(
                f"The code took longer than {seconds:g} seconds and was stopped.", "Let it do less at once."
            )
        case child.OutOfMemory():
            return TooLarge(
                f"The code needs more than the {gigabytes} of memory there are for it, and was stopped.",
                hint="Does it join or repeat rows so that there are very many?",
            )
        case child.TooManyThreads():
            return _of_code("The code started too many threads and was stopped.", "Leave them to Polars.")
        case _ if "SIGXCPU" in ended.detail:
            return _of_code("The code computed for too long and was stopped.", "Let it do less at once.")
        case _:
            return _of_code(
                "The code ended the process in which it ran.",
                f"Most often it needs more than the {gigabytes} of memory there are for it.",
            )


def _of_code(words: str, hint: str, line: int | None = None) -> InvalidInput:
    return InvalidInput.of_field("code" if line is None else f"code.{line}", words, hint=hint)


def _check(answer: Mapping[str, Any]) -> None:
    if "problem" not in answer:
        return
    problem = answer["problem"] if isinstance(answer["problem"], dict) else {}
    words, line = _printable(str(problem.get("words", ""))), problem.get("line")
    if not isinstance(line, int) or isinstance(line, bool) or not 0 < line < 10_000:
        raise _of_code(words or "The code failed.", "Change the code and look at the preview again.")
    raise _of_code(f"Line {line}: {words}", "Change this line and look at the preview again.", line)


def _held(record: Any) -> Held:
    """What the process says of itself, which is no more than this machine has. Raises InvalidInput for one that does
    not say it, or says anything else: it has not answered as it should."""
    missing = record.get("missing") if isinstance(record, dict) else None
    if not isinstance(missing, list) or not sayable().issuperset(str(item) for item in missing):
        raise _of_code("The code ended the process in which it ran.", "It did not say what it ran under.")
    words = dict.fromkeys([*available().missing, *map(str, missing)])
    return Held(not words, tuple(words))


def _printable(words: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in words[:_LONGEST_WORDS]).split())
