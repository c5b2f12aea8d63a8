"""Children that start within milliseconds: forked from a process that has imported what they need.

`Forkserver` is the server's side of it, `forkserver_process` the other. What happens to a child is the same as with
`child.start`: it leads a group of its own, stays a zombie until somebody has waited for it, so that its number means
nobody else until then, and ends when the server does. (`multiprocessing` has one forkserver a program, which is the
engine's.)
"""

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import IO

from flowml.machine import child
from flowml.machine.confinement.surroundings import plain

_PATIENCE_SECONDS = 30.0
"""For the modules to be imported, on a machine that is busy; a process that needs longer hangs."""
_MOST_BYTES = 64


class Forked:
    """A child that was forked, with the part of `subprocess.Popen` that `child.Child` uses."""

    def __init__(self, control: socket.socket, stdin: IO[bytes], args: Sequence[str]):
        self.stdin = stdin
        self.args = args
        self.returncode: int | None = None
        self.is_lost = False
        """Whether the forkserver has gone before it, for whatever reason: then the system has ended it."""
        self._control = control
        control.settimeout(_PATIENCE_SECONDS)
        self.pid = self._number("pid")

    def poll(self) -> int | None:
        """Its exit code, as `Popen.returncode` has it; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. Raises TimeoutExpired after so many seconds."""
        if self.returncode is None:
            self._control.settimeout(timeout)
            try:
                self.returncode = self._number("code")
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0) from None
            except (OSError, ValueError):
                self.is_lost, self.returncode = True, -signal.SIGKILL
            self._control.close()
        return self.returncode

    def _number(self, name: str) -> int:
        """What comes next. Raises ValueError when that is something else: nothing, when the forkserver is gone."""
        found, _, number = self._control.recv(_MOST_BYTES).decode().partition(" ")
        if found != name:
            raise ValueError(f"{name} was expected, not “{found}”")
        return int(number)


class Forkserver:
    """Starts children from a process that has imported these modules, which is itself started with the first of them,
    and ends when nobody has asked for one for some time. Safe to use from several threads."""

    def __init__(self, *modules: str):
        self._modules = modules
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None
        self._started_by = 0
        if hasattr(os, "register_at_fork"):
            # It may be held just then by somebody who is not there in the child.
            os.register_at_fork(after_in_child=self._renew)

    def warm(self) -> None:
        """Have the modules imported, for whoever comes next."""
        if _CAN_FORK:
            with contextlib.suppress(child.CannotStart), self._lock:
                self._ensure()

    def start(
        self, module: str, *arguments: str, stdout: IO[bytes], stderr: IO[bytes]
    ) -> "Forked | subprocess.Popen[bytes]":
        """A process that runs `main()` of this module with these arguments, and reads what is written to its `stdin`;
        a new Python, as `child.start` starts one, where none can be forked. Raises CannotStart."""
        # Once more: it may just have ended because nobody had asked for long.
        for _ in range(2 if _CAN_FORK else 0):
            try:
                return self._fork(module, arguments, stdout, stderr)
            except TimeoutError:
                self.close()
                break
            except (OSError, ValueError):
                continue
        return child.start_to_ask(module, *arguments, stdout=stdout, stderr=stderr, inherited=plain(os.environ))

    def _fork(self, module: str, arguments: Sequence[str], stdout: IO[bytes], stderr: IO[bytes]) -> Forked:
        request = {"module": module, "arguments": list(arguments), "folder": _folder()}
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            read, write = os.pipe()
            theirs.callback(os.close, read)
            stdin = ours.enter_context(os.fdopen(write, "wb"))
            control, its_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.enter_context(control)
            theirs.enter_context(its_control)
            files = [read, stdout.fileno(), stderr.fileno(), its_control.fileno()]
            with self._lock:
                socket.send_fds(self._ensure(), [json.dumps(request).encode()], files)
            theirs.close()
            forked = Forked(control, stdin, [module, *arguments])
            ours.pop_all()
            return forked

    def _ensure(self) -> socket.socket:
        """The socket for requests to the process, which is started where none runs for this program."""
        if self._requests is not None and self._process is not None and self._started_by == os.getpid():
            if self._process.poll() is None:
                return self._requests
            self._requests.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = child.start(
                "flowml.machine.forkserver_process",
                str(theirs.fileno()),
                *self._modules,
                descriptors=(theirs.fileno(),),
                # What it has, its children have.
                inherited=plain(os.environ),
            )
        if not self._started_by:
            atexit.register(self.close)
        self._started_by = os.getpid()
        self._requests = ours
        return ours

    def _renew(self) -> None:
        self._lock = Lock()

    def close(self) -> None:
        """End the process and all of its children."""
        with self._lock:
            if self._process is not None and self._started_by == os.getpid():
                child.end(self._process)
            if self._requests is not None:
                self._requests.close()
            self._process = self._requests = None


def _folder() -> str:
    """Where this program works, which may be gone."""
    try:
        return str(Path.cwd())
    except OSError:
        return os.sep


_CAN_FORK = sys.platform == "linux"
"""Elsewhere libraries of the system start threads of their own when they are imported, or there is no fork at all."""
