"""A Python of its own for work that may hang, crash or eat all memory: started by its module, watched, and never left
behind.

`start` starts one; `Child` is one that answers a single request in JSON within limits of time and memory.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import IO, Any, Protocol, Self

from flowml.domain.errors import FlowMLError, NoRoom
from flowml.domain.faults import fault_of
from flowml.machine import lifeline
from flowml.machine.facts import n_threads, resident_bytes, thread_settings
from flowml.machine.priority import go_behind

_PACKAGE_FOLDER = Path(__file__).resolve().parents[2]
_POLL_SECONDS = 0.02
_END_SECONDS = 10.0
_MOST_WORDS = 4000
_MOST_SAID = 64 << 20
# An empty list takes thirty times as much memory as it has characters.
_MOST_PARTS = 4_000_000
_BLOCK = 4096
_log = logging.getLogger(__name__)


class CannotStart(FlowMLError):
    """The system does not let this program start processes of its own; says why."""


class Ended(FlowMLError):
    """A child was ended, or ended by itself, without an answer."""


class OutOfTime(Ended):
    """It took longer than it may."""


class OutOfMemory(Ended):
    """It held more memory than it may. `held_bytes`: how much that was."""

    def __init__(self, detail: str, held_bytes: int):
        super().__init__(detail)
        self.held_bytes = held_bytes


class TooManyThreads(Ended):
    """It had more threads than it may."""


class AnsweredTooMuch(Ended):
    """Its answer is larger than it may be; nobody has read it."""


class Cancelled(Ended):
    """Nobody waits for its answer any more."""


class Broken(Ended):
    """It crashed, or its answer is none."""


class Lost(Ended):
    """It was ended together with the process that it came from, whatever it was doing."""


class Process(Protocol):
    """A running process, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int: ...
    @property
    def args(self) -> Any: ...
    @property
    def stdin(self) -> IO[bytes] | None: ...
    @property
    def returncode(self) -> int | Any: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class Starter(Protocol):
    """Starts a process that runs a module of FlowML, with these files, and a pipe to its standard input."""

    def __call__(self, module: str, /, *arguments: str, stdout: IO[bytes], stderr: IO[bytes]) -> Process: ...


def describe_exit(code: int | None) -> str:
    """Why a process ended, in words."""
    if code is None:
        return "it is still running"
    if code == -signal.SIGKILL:
        return "it was killed (often the system does that when memory runs out)"
    if code < 0:
        try:
            return f"it crashed ({signal.Signals(-code).name})"
        except ValueError:
            return f"it was ended by signal {-code}"
    return f"it ended with exit code {code}"


def start(
    module: str,
    *arguments: str,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] | None = None,
    descriptors: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    inherited: Mapping[str, str] | None = None,
) -> "subprocess.Popen[bytes]":
    """A Python that runs this module of FlowML; if that calls `settle`, it ends with this process. Raises CannotStart.

    Nothing of the calling program is run again, so that it works from a notebook, from standard input and from a
    zipapp. `descriptors`: open files that it gets under the same numbers; `stderr`: None for where this process writes
    its own errors. `inherited`: what it gets of this process's environment; None for all of it.
    """
    if not sys.executable or getattr(sys, "frozen", False):
        raise CannotStart("This Python cannot start another one.")
    path = os.pathsep.join(filter(None, (str(_PACKAGE_FOLDER), os.environ.get("PYTHONPATH", ""))))
    try:
        with lifeline.line() as ends:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                pass_fds=(*ends, *descriptors),
                env={
                    **(os.environ if inherited is None else inherited),
                    "PYTHONPATH": path,
                    **thread_settings(),
                    **(environment or {}),
                    **lifeline.environment(ends),
                },
                # Ctrl-C in a terminal is for the program, which decides what ends; a group can be ended as a whole.
                start_new_session=True,
            )
    except OSError as error:
        raise CannotStart(f"No process could be started: {error}.") from error


def temporary_file() -> IO[bytes]:
    """A file without a name, which goes when it is closed. Raises NoRoom where there is none to be had."""
    with _needing_room():
        return tempfile.TemporaryFile()


@contextlib.contextmanager
def _needing_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # Python says that there is no such file where it finds no folder that takes one.
        if fault_of(error) is None and not isinstance(error, FileNotFoundError):
            raise
        raise NoRoom(
            f"No temporary file can be written: {error.strerror or error}.",
            hint="Make room in the folder for temporary files, or name another one as TMPDIR.",
        ) from error


def start_to_ask(
    module: str,
    *arguments: str,
    stdout: IO[bytes],
    stderr: IO[bytes],
    inherited: Mapping[str, str] | None = None,
) -> "subprocess.Popen[bytes]":
    """The same, with a pipe to its standard input."""
    return start(module, *arguments, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, inherited=inherited)


def settle(niceness: int = 0) -> None:
    """First thing in a child: it ends with whoever started it, and goes behind whoever is of more use."""
    lifeline.hold()
    if niceness:
        go_behind(niceness)


def end(process: Process) -> None:
    """End it with all that it has started; it leads a group of its own."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        # One that is deep in the system ends when that lets it; nobody waits for it.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)


@dataclass(frozen=True)
class Bounds:
    """What a child may take. `answer_bytes`: how long its answer may be, which is read into memory; `look`: called all
    the while, to end it by raising something; `threads`: how many it may have at once, where the system says it."""

    seconds: float
    memory_bytes: int | None = None
    answer_bytes: int = 32 << 20
    look: Callable[[], object] | None = None
    threads: int | None = None


class Child:
    """A process that reads one request as JSON on standard input and answers with JSON on standard output. It starts at
    once: made before its request is known, it loads what it needs meanwhile. A context manager, at whose end it has
    ended. `starter`: what starts it, where that is not a new Python. Raises CannotStart, NoRoom."""

    def __init__(self, module: str, *arguments: str, starter: Starter | None = None):
        # Files rather than pipes: however much is written, nobody waits for the other.
        with contextlib.ExitStack() as opened:
            self._answered = opened.enter_context(temporary_file())
            self._said = opened.enter_context(temporary_file())
            self._process = (starter or start_to_ask)(module, *arguments, stdout=self._answered, stderr=self._said)
            self._open = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, request: Mapping[str, Any], bounds: Bounds, cancelled: Event | None = None) -> dict[str, Any]:
        """The answer to the one request. Raises OutOfTime, OutOfMemory, TooManyThreads, AnsweredTooMuch, Cancelled,
        Lost, Broken, NoRoom, and what `bounds.look` does."""
        # Beside the watch: a process that does not read must not make anybody wait for ever.
        Thread(target=self._send, args=(json.dumps(request).encode(),), name="child-request", daemon=True).start()
        try:
            _watch(self._process, bounds, cancelled, self._check_size)
        finally:
            end(self._process)
        if getattr(self._process, "is_lost", False):
            raise Lost("The process for it was ended by the system, with others.")
        self._check_size(bounds)
        answer = _answer(self._answered)
        words = _tail(self._said)
        if answer is None:
            how = describe_exit(self._process.returncode)
            _log.error("a child for %s gave no answer: %s. %s", self._process.args, how, words)
            with _needing_room():
                # Where nothing more can be written, it could not either.
                self._answered.write(bytes(_BLOCK))
                self._answered.flush()
            raise Broken(f"The process for it gave no answer: {how}.")
        if words:
            _log.error("a child for %s said: %s", self._process.args, words)
        return answer

    def _check_size(self, bounds: Bounds) -> None:
        """Of what it has written so far. Raises AnsweredTooMuch."""
        for file, most in ((self._answered, bounds.answer_bytes), (self._said, _MOST_SAID)):
            if os.fstat(file.fileno()).st_size > most:
                raise AnsweredTooMuch(f"It wrote more than the {most / 1e6:.1f} MB that it may answer.")

    def _send(self, content: bytes) -> None:
        assert self._process.stdin is not None
        # A process that is gone already leaves no answer, which says it all.
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(content)
            self._process.stdin.close()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        end(self._process)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._open.close()


def _watch(process: Process, bounds: Bounds, cancelled: Event | None, check_size: Callable[[Bounds], None]) -> None:
    ends_at = time.monotonic() + bounds.seconds
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_SECONDS)
            return
        if cancelled is not None and cancelled.is_set():
            raise Cancelled("It was cancelled.")
        if time.monotonic() > ends_at:
            raise OutOfTime(f"It took longer than {bounds.seconds:g} seconds.")
        check_size(bounds)
        if bounds.look is not None:
            bounds.look()
        if bounds.threads is not None and n_threads(process.pid) > bounds.threads:
            raise TooManyThreads(f"It had more than the {bounds.threads} threads that it may have.")
        if bounds.memory_bytes is not None and (held := resident_bytes(process.pid)) > bounds.memory_bytes:
            raise OutOfMemory(f"It needed more memory than the {bounds.memory_bytes / 1e9:.1f} GB it may use.", held)


def _answer(file: IO[bytes]) -> dict[str, Any] | None:
    """None for none. Raises AnsweredTooMuch."""
    file.seek(0)
    # The last line is the answer: a library may have written something before it.
    content = file.read().rstrip().rpartition(b"\n")[2]
    if sum(map(content.count, (b",", b":", b"[", b"{"))) > _MOST_PARTS:
        raise AnsweredTooMuch(f"Its answer has more than the {_MOST_PARTS:,} parts that it may have.")
    try:
        answer = json.loads(content)
    # Also one that is nested deeper than anything that a child answers.
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _tail(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    # A character has up to four bytes.
    file.seek(max(0, size - 4 * _MOST_WORDS))
    return file.read().decode("utf-8", "replace")[-_MOST_WORDS:].strip()


def let_nobody_fork() -> None:
    """A process that was forked from this one by whatever library ends at once: it would be a second self, with the
    same connections and the same trial."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: os._exit(1))


def keep_quiet() -> None:
    """Nothing that a library prints reaches the output of the program; what goes to standard error is kept."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
