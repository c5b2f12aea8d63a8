"""What runs in the engine process and in the trial processes that are forked from it (see `engine_process`).

The engine process imports, then only forks, kills and reports; nothing in it may start a thread or run an OpenMP
loop, because a fork would not survive that. A trial process loads the task once and evaluates one trial after another.
"""

import contextlib
import os
import pickle
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import warnings
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.machine.child import let_nobody_fork

if TYPE_CHECKING:
    from flowml.automl.trial.outcome import Outcome

_IDLE_SECONDS = 60.0
_LOOK_SECONDS = 1.0
_LIKELY_VICTIM = "500"
ENCODING = "encoding"
"""Said before a table is encoded, `None` after: that is of use to later trials, and takes as long as it takes."""


@dataclass(frozen=True)
class Brief:
    """What a trial process is told first: the folder that holds the task and takes what comes of trials, and what it
    may use."""

    folder: str
    cache_bytes: int
    threads: int
    memory_bytes: int


def main() -> None:
    """The engine process: `python -m flowml.library.trial_process DESCRIPTOR`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=int(sys.argv[1]))
    parent = os.getppid()
    from flowml.automl.trial.engine import load_engine

    load_engine("flowml.library.task_file")
    scratch = tempfile.mkdtemp(prefix="flowml-")
    children: dict[int, socket.socket] = {}
    try:
        control.sendall(os.fsencode(scratch))
        _serve(control, parent, children, Path(scratch))
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(scratch, ignore_errors=True)
        # Taking down all those libraries in good order would take longer than anybody wants to wait.
        os._exit(0)


def _serve(control: socket.socket, parent: int, children: dict[int, socket.socket], scratch: Path) -> None:
    """Fork what is asked for, kill what is let go, say how it ended; until the program is gone or needs nothing."""
    woken, wake = socket.socketpair()
    woken.setblocking(False)
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    used_at = time.monotonic()
    killed: set[int] = set()
    while os.getppid() == parent:
        leashes = {leash: pid for pid, leash in children.items() if pid not in killed}
        ready, _, _ = select.select([control, woken, *leashes], [], [], _LOOK_SECONDS)
        for leash in ready:
            if leash in leashes:
                # Nothing is ever said on it from the other side: it has been let go.
                os.kill(leashes[leash], signal.SIGKILL)
                killed.add(leashes[leash])
        if woken in ready:
            with contextlib.suppress(BlockingIOError):
                woken.recv(4096)
        _report_ended(children)
        killed &= set(children)
        if control in ready:
            said, descriptors, _, _ = socket.recv_fds(control, 1, 2)
            if not said:
                return
            connection, leash = (socket.socket(fileno=descriptor) for descriptor in descriptors)
            pid = _fork(connection, [control, woken, wake, leash, *children.values()])
            connection.close()
            children[pid] = leash
            leash.sendall(str(pid).encode())
        if children or any(scratch.iterdir()):
            used_at = time.monotonic()
        elif time.monotonic() - used_at > _IDLE_SECONDS:
            return


def _report_ended(children: dict[int, socket.socket]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with children.pop(pid) as leash, contextlib.suppress(OSError):
            leash.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def _fork(connection: socket.socket, others: list[socket.socket]) -> int:
    with warnings.catch_warnings():
        # Threads that Polars starts on import are known to survive it.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in others:
            other.close()
        _settle()
        work(Connection(connection.detach()))
        code = 0
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # Nobody is there any more who could want an answer.
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _settle() -> None:
    """End with the engine process; and be the one to go when the system runs out of memory, not the user's program."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_LIKELY_VICTIM)
    let_nobody_fork()
    threading.Thread(target=_end_with, args=(os.getppid(),), name="end-with-engine", daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


def work(connection: Connection) -> None:
    """A trial process: take the brief, then trials with the seconds that each may take, and answer with outcomes.

    `None` says that the task is there, or that it is encoded now.
    """
    from flowml.automl.trial.attempt import Means, attempt
    from flowml.automl.trial.evaluate import EncodedFolds
    from flowml.library.task_file import read_task

    # Both ends are the same program of the same user, and nobody else holds this pipe.
    brief: Brief = connection.recv()
    folder = Path(brief.folder)
    task = read_task(folder)
    folds = EncodedFolds(task, brief.cache_bytes, lambda began: connection.send(ENCODING if began else None))
    means = Means(task, folds, brief.threads, brief.memory_bytes)
    connection.send(None)
    while True:
        spec, seconds = connection.recv()
        ends_at = time.monotonic() + seconds
        outcome = attempt(
            lambda: means,
            spec,
            time_left=partial(_time_left, ends_at),
        )
        if outcome.load_model is not None:
            outcome = kept(outcome, folder)
        connection.send_bytes(pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL))


def kept(outcome: "Outcome", folder: Path) -> "Outcome":
    """A finished one with its model and what it said in files of the folder, or why that could not be."""
    import numpy as np

    from flowml.automl.model import modelfile
    from flowml.automl.trial.scores import short
    from flowml.domain.trials import TrialStatus

    model, said = (folder / f"{outcome.spec.number}.{kind}" for kind in ("flowml", "npy"))
    try:
        model.write_bytes(modelfile.write(outcome.model()))
        np.save(said, short(outcome.predictions()))
    except OSError as error:
        for file in (model, said):
            file.unlink(missing_ok=True)
        reason = (
            f"Its model could not be kept in the folder for temporary files, {tempfile.gettempdir()}:"
            f" {error.strerror or error}. Make room there, or name another folder as TMPDIR."
        )
        outcome = replace(outcome, status=TrialStatus.FAILED, score=None, error=reason)
    return replace(outcome, load_model=None, load_predictions=None)


def _time_left(ends_at: float) -> float:
    return ends_at - time.monotonic()


if __name__ == "__main__":
    main()
