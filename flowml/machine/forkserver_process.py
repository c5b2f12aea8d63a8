"""The process from which `forkserver.Forkserver` forks: `python -m flowml.machine.forkserver_process socket module …`.

It imports the modules and calls their `prepare`, where they have one, but uses nothing of them: a library whose threads
have begun to work cannot be forked. (Polars starts three that sleep when it is imported; a child does without.) Then it
waits for requests. With each come the files for standard input, output and errors, and a socket: the child writes its
number there, this process its exit code. When that socket is closed, the child is forgotten, with all that it has left
in its group.
"""

import contextlib
import gc
import importlib
import json
import os
import random
import selectors
import signal
import socket
import sys
import traceback
from dataclasses import dataclass
from typing import Any, NoReturn

from flowml.machine import lifeline
from flowml.machine.child import settle
from flowml.machine.confinement import kernel

_IDLE_SECONDS = 900.0
_MOST_BYTES = 65_536
_FILES = 4


@dataclass
class _Child:
    control: socket.socket
    has_ended: bool = False


class _Server:
    """Waits for requests, for the end of children, and for those who do not want to know of one any more."""

    def __init__(self, requests: socket.socket):
        self._requests = requests
        self._children: dict[int, _Child] = {}
        self._ending: set[int] = set()
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, selectors.EVENT_READ)
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._wake.fileno())
        # Something has to handle it, or nobody is woken.
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Until the server is gone or has not asked for long."""
        while ready := self._selector.select(None if self._children else _IDLE_SECONDS):
            for key, _ in ready:
                if key.fileobj is self._requests:
                    if not self._take():
                        return
                elif key.fileobj is self._woken:
                    with contextlib.suppress(BlockingIOError):
                        while self._woken.recv(_MOST_BYTES):
                            pass
                else:
                    self._forget(key.data)
            self._tell()
            self._reap()

    def _take(self) -> bool:
        """Fork for one request. False when no more will come."""
        message, files, _, _ = socket.recv_fds(self._requests, _MOST_BYTES, _FILES)
        if not message:
            return False
        *standard, control = files
        told = socket.socket(fileno=control)
        try:
            with lifeline.line() as held:
                pid = os.fork()
                if pid == 0:
                    self._become(json.loads(message), standard, told, held)
        except OSError as problem:
            # The others go on; whoever asked finds another way.
            print(f"no process could be forked: {problem}", file=sys.stderr)
            told.close()
            return True
        finally:
            for file in standard:
                os.close(file)
        self._children[pid] = _Child(told)
        self._selector.register(told, selectors.EVENT_READ, pid)
        return True

    def _tell(self) -> None:
        """Say which children have ended, and how; they stay zombies."""
        for pid, child in self._children.items():
            if not child.has_ended:
                ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if ended is not None:
                    child.has_ended = True
                    code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
                    with contextlib.suppress(OSError):
                        child.control.send(f"code {code}".encode())

    def _forget(self, pid: int) -> None:
        child = self._children.pop(pid)
        self._selector.unregister(child.control)
        child.control.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        self._ending.add(pid)

    def _reap(self) -> None:
        """See who of those that were killed has ended; one that is deep in the system may take its time."""
        self._ending = {pid for pid in self._ending if os.waitpid(pid, os.WNOHANG) == (0, 0)}

    def _become(
        self, request: dict[str, Any], standard: list[int], told: socket.socket, held: tuple[int, ...]
    ) -> NoReturn:
        """In the child: be what was asked for, and end."""
        code = 1
        try:
            os.setsid()
            # Beside what it is held by, which it can let go of.
            with contextlib.suppress(OSError):
                kernel.end_with_parent(signal.SIGKILL)
            # Not before it leads its group, or it could not be ended as one.
            told.send(f"pid {os.getpid()}".encode())
            told.close()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number, file in enumerate(standard):
                os.dup2(file, number)
            for open_file in (self._requests, self._woken, self._wake, *(c.control for c in self._children.values())):
                open_file.close()
            for file in standard:
                os.close(file)
            self._selector.close()
            os.chdir(request["folder"])
            os.environ.update(lifeline.environment(held))
            random.seed()
            sys.argv = [request["module"], *request["arguments"]]
            importlib.import_module(request["module"]).main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)


def main() -> None:
    """Import, and serve."""
    settle()
    requests = socket.socket(fileno=int(sys.argv[1]))
    for name in sys.argv[2:]:
        getattr(importlib.import_module(name), "prepare", lambda: None)()
    # What is there by now is in use until the end: children need not look through it, nor copy it by doing so.
    gc.collect()
    gc.freeze()
    _Server(requests).serve()


if __name__ == "__main__":
    main()
