"""Work on tables in a child process that can neither hang nor eat the machine's memory."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import IO, Any

import flowml
from flowml.data.ceiling import memory_for, resident_bytes, too_long, too_much_memory
from flowml.domain import errors
from flowml.domain.datasets import Column, ColumnStats, HowRead, Ingested, Role, TopValue

_PACKAGE_FOLDER = Path(next(iter(flowml.__path__))).resolve().parent
_POLL_SECONDS = 0.02
_log = logging.getLogger(__name__)


class Child:
    """A process that does one task. It starts at once: made before its request is known, it loads what the task
    `preparing` needs meanwhile. A context manager, at whose end nothing of the process is left."""

    def __init__(self, preparing: str | None = None):
        # Files rather than pipes: however much is written, nobody waits for the other.
        self._open = contextlib.ExitStack()
        self._answered = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed by `close`
        self._said = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "flowml.data.tasks", *filter(None, [preparing])],
            stdin=subprocess.PIPE,
            stdout=self._answered,
            stderr=self._said,
            env=_environment(),
            start_new_session=True,
        )

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def perform(
        self,
        task: str,
        request: Mapping[str, Any],
        *,
        timeout_seconds: float,
        memory_bytes: int,
        cancelled: Event | None = None,
    ) -> dict[str, Any]:
        """The answer to the one request. Raises what the process raised; UnreadableFile when it took longer than the
        limit or crashed, TooLarge when its resident memory went over the limit, NotReady when `cancelled` was set.
        Reading a file that takes far more memory than one of its size should makes it unreadable rather than too
        large.
        """
        assert self._process.stdin is not None
        # A process that is gone already leaves no answer, which says it all.
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps({"task": task, **request}).encode())
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        usual_bytes = memory_for(Path(request["path"])) if task == "import" else None
        try:
            _watch(self._process, timeout_seconds, memory_bytes, usual_bytes, cancelled)
        finally:
            _kill(self._process)
        answer = _answer(self._answered)
        if answer is None:
            _log.error("%s ended with %s: %s", task, self._process.returncode, _tail(self._said))
            raise errors.UnreadableFile(
                "The file could not be read: it made the reader crash.",
                hint="Save or export it again, or try another format such as CSV.",
            )
        if remarks := _tail(self._said):
            _log.error("%s: %s", task, remarks)
        if "problem" in answer:
            raise _error(answer["problem"])
        return answer

    def close(self) -> None:
        """End the process, whatever it is doing."""
        _kill(self._process)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._open.close()


def machine_memory() -> int:
    """Bytes that a process of this machine (or its container) may use in all."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total


def available_memory() -> int:
    """Bytes that nobody uses right now, or that are given back when asked for; all where the system does not say."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return min(machine_memory(), int(line.split()[1]) * 1024)
    return machine_memory()


def _environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(_PACKAGE_FOLDER), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "RUST_BACKTRACE": "0"}


def _watch(
    child: subprocess.Popen[bytes],
    timeout_seconds: float,
    memory_bytes: int,
    usual_bytes: int | None,
    cancelled: Event | None,
) -> None:
    ends_at = time.monotonic() + timeout_seconds
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_POLL_SECONDS)
            return
        if cancelled is not None and cancelled.is_set():
            raise errors.NotReady("It was cancelled.")
        if time.monotonic() > ends_at:
            raise too_long(timeout_seconds)
        resident = resident_bytes(child.pid)
        if usual_bytes is not None and usual_bytes < min(resident, memory_bytes):
            raise too_much_memory()
        if resident > memory_bytes:
            raise errors.TooLarge(
                f"Reading the file needs more than the {memory_bytes / 1e9:.1f} GB of memory there are for it.",
                hint="Upload a smaller part of it, or save it as Parquet first.",
            )


def _kill(child: subprocess.Popen[bytes]) -> None:
    """The child leads a process group of its own: nothing of it stays behind."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _answer(file: IO[bytes]) -> dict[str, Any] | None:
    file.seek(0)
    try:
        answer = json.loads(file.read())
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _tail(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")[-4000:].strip()


def _error(problem: Mapping[str, Any]) -> errors.FlowMLError:
    kind = getattr(errors, problem["type"])
    error: errors.FlowMLError = kind(problem["detail"], hint=problem["hint"])
    if isinstance(error, errors.InvalidInput):
        error.fields = tuple(errors.FieldProblem(**field) for field in problem["fields"])
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
        warnings=tuple(answer["warnings"]),
        how_read=HowRead(**answer["how_read"]),
        figures=answer["figures"],
    )
