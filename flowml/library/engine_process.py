"""The engine beside the user's program: one process that has it imported and forks the processes that evaluate trials.

It is started by its own command line, so that nothing of the user's program is run again: no guard around `main` is
needed, and it works from a notebook, from standard input and from a zipapp. Its import (about 1.5 s) runs while the
caller reads a table; a trial process is forked from it in about 10 ms, so that one that crashed is replaced at once.
It stays for the next run, and ends by itself when it has nothing to do, or when the program ends, however that happens.
"""

import atexit
import contextlib
import os
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from flowml.domain.errors import NoRoom
from flowml.machine import child
from flowml.machine.child import CannotStart, describe_exit
from flowml.machine.facts import PATIENT_THREADS, THREAD_VARIABLES

MAIN = "flowml.library.trial_process"
_START_SECONDS = 60.0
_FORK_SECONDS = 10.0
_EXIT_SECONDS = 2.0
_LOOK_SECONDS = 0.1


class TrialProcess:
    """A process that evaluates trials. `connection` speaks with it; it is killed when its leash is let go."""

    def __init__(self, connection: Connection, leash: socket.socket, pid: int):
        self.connection = connection
        self.pid = pid
        self._leash = leash

    def kill(self) -> None:
        """End it now. May be called from any thread, and again."""
        with contextlib.suppress(OSError):
            self._leash.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it and let go of what belongs to it; for the thread that speaks with it."""
        self.kill()
        self._leash.close()
        self.connection.close()

    def exit_reason(self) -> str:
        """Why a process that hung up has ended, in words."""
        self._leash.settimeout(_EXIT_SECONDS)
        with contextlib.suppress(OSError, ValueError):
            return describe_exit(int(self._leash.recv(64)))
        return "it is gone"


class EngineProcess:
    """The process with the engine imported. `main`: the module that it runs.

    Raises CannotStart.
    """

    def __init__(self, main: str = MAIN):
        self._owner = os.getpid()
        self._lock = threading.Lock()
        try:
            self._said = child.temporary_file()
        except NoRoom as problem:
            raise CannotStart(problem.detail, hint=problem.hint) from problem
        self._control, theirs = socket.socketpair()
        self._scratch: Path | None = None
        with theirs:
            if not hasattr(os, "fork"):
                raise CannotStart("This system forks no processes.")
            number = theirs.fileno()
            environment = {**dict.fromkeys(THREAD_VARIABLES, "1"), **PATIENT_THREADS}
            self._process = child.start(
                main, str(number), stderr=self._said, descriptors=(number,), environment=environment
            )

    def usable(self) -> bool:
        """Whether it belongs to this process (not to the one that this was forked from) and is there."""
        return self._owner == os.getpid() and self._process.poll() is None

    def scratch(self, wanted: Callable[[], bool] = lambda: True) -> Path:
        """A private folder on disk that goes when the program ends. Waits until the engine is imported, as long as
        that is wanted. Raises CannotStart."""
        with self._lock:
            if self._scratch is None:
                said = self._first_words(wanted)
                if not said and not wanted():
                    raise CannotStart("Nobody waits for the process any more.")
                if not said:
                    self._process.kill()
                    raise CannotStart(f"The process for it did not start. {self._last_words()}".strip())
                self._scratch = Path(os.fsdecode(said))
            return self._scratch

    def _first_words(self, wanted: Callable[[], bool]) -> bytes:
        until = time.monotonic() + _START_SECONDS
        self._control.settimeout(_LOOK_SECONDS)
        while wanted() and time.monotonic() < until:
            try:
                return self._control.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
        return b""

    def fork(self) -> TrialProcess:
        """A new trial process. Raises CannotStart."""
        self.scratch()
        connection, their_connection = socket.socketpair()
        leash, their_leash = socket.socketpair()
        with their_connection, their_leash:
            try:
                with self._lock:
                    socket.send_fds(self._control, [b"f"], [their_connection.fileno(), their_leash.fileno()])
                their_leash.close()
                leash.settimeout(_FORK_SECONDS)
                pid = int(leash.recv(64))
                leash.settimeout(None)
            except (OSError, ValueError) as error:
                connection.close()
                leash.close()
                raise CannotStart(f"No process could be started. {self._last_words()}".strip()) from error
        return TrialProcess(Connection(connection.detach()), leash, pid)

    def close(self) -> None:
        """End it with all its children."""
        up = self._scratch is not None or bool(select.select([self._control], [], [], 0)[0])
        self._control.close()
        self._said.close()
        if self._owner == os.getpid():
            # One that is still importing does not see that its end has come, and has nothing to put in order.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_SECONDS if up else 0.0)
            self._process.kill()
            self._process.wait()

    def _last_words(self) -> str:
        # The file's position is shared with the process that writes it.
        size = os.fstat(self._said.fileno()).st_size
        lines = os.pread(self._said.fileno(), 2000, max(0, size - 2000)).decode("utf-8", "replace").strip().splitlines()
        return f"It said: {lines[-1][:300]}" if lines else ""


_shared: EngineProcess | None = None
_shared_lock = threading.Lock()


def engine_process() -> EngineProcess:
    """The one of this program, started when there is none. Returns at once. Raises CannotStart."""
    global _shared
    with _shared_lock:
        if _shared is None or not _shared.usable():
            if _shared is not None:
                _shared.close()
            _shared = EngineProcess()
        return _shared


def start_engine_process() -> None:
    """Begin with it, so that it is there when it is needed. Where that cannot be, whoever needs it will hear so."""
    with contextlib.suppress(CannotStart):
        engine_process()


@atexit.register
def end_engine_process() -> None:
    """End the one of this program, if there is one."""
    global _shared
    with _shared_lock:
        if _shared is not None:
            _shared.close()
        _shared = None


def _leave_behind() -> None:
    """In a child that was forked: the engine belongs to the parent, and so did whoever held the lock."""
    global _shared, _shared_lock
    _shared_lock = threading.Lock()
    if _shared is not None:
        _shared.close()
    _shared = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_behind)
