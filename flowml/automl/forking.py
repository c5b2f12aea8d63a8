"""Whether this process was forked from one that had used the engine, and what computes in its place then.

A fork copies the memory of a program but not its threads: what Polars and OpenMP would hand to theirs is never done,
so the first table or booster that a child touches makes it hang. `multiprocessing.Pool` on Linux and
`gunicorn --preload` fork. Such a child has a fresh Python do the work (`stand_in.py`), which stays until the child
ends. A process that was forked before anything was used computes by itself.
"""

import contextlib
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.automl.carried import carried
from flowml.automl.libraries import BOOSTERS
from flowml.domain.errors import FlowMLError, InvalidInput

if TYPE_CHECKING:
    from flowml.automl.model import FittedModel

_WITH_THREADS = ("polars", *BOOSTERS)
_THREADS = Path("/proc/self/task")
_EXIT_SECONDS = 2.0
_HINT = "Start processes with spawn or forkserver, or fork before FlowML is used."

_watching = False
_forked = False
_lock = threading.Lock()
_stand_in: "_StandIn | None" = None


class Forked(FlowMLError):
    """This process was forked from one that had used the engine, and nothing could compute in its place; says why."""


def watch() -> None:
    """Notice from now on when this process is forked; and whether it was before, as far as that can be seen."""
    global _watching, _forked
    if not _watching and hasattr(os, "register_at_fork"):
        _watching = True
        _forked = _lacks_threads()
        os.register_at_fork(after_in_child=_after_fork)


def after_use() -> bool:
    """Whether the engine cannot be used here, because this process was forked from one that had used it."""
    return _forked


def refuse() -> None:
    """Raise Forked where the engine cannot be used."""
    if _forked:
        raise Forked(
            "This process was forked from one that had used FlowML, and the threads of its libraries are not here. "
            "Only the estimators' own methods work in it.",
            hint=_HINT,
        )


def fit(kind: str, parameters: Mapping[str, Any], *data: Any) -> dict[str, Any]:
    """What an estimator of this class has learned from X, y and weights, in another process: its attributes.

    Raises what `fit` raises, and Forked.
    """
    began = time.monotonic()
    learned: dict[str, Any] = _ask("fit", kind, dict(parameters), began, *map(carried, data))
    return learned


def answers(kind: str, fitted: Mapping[str, Any], model: "FittedModel", X: Any) -> Any:
    """What an estimator of this class with these fitted attributes and this model says about X, in another process.

    Raises what `predict` raises, and Forked.
    """
    asked = ("answers", kind, dict(fitted), model.fingerprint, carried(X))
    answer = _ask(*asked)
    if answer is None:
        from flowml.automl import modelfile

        _ask("model", model.fingerprint, modelfile.write(model))
        answer = _ask(*asked)
    return answer


class _StandIn:
    """The other process, seen from here. Raises Forked where none can be started."""

    def __init__(self) -> None:
        from multiprocessing.connection import Connection

        from flowml.automl.engine_process import NoProcesses, start_python
        from flowml.automl.processes import PATIENT_THREADS

        self._owner = os.getpid()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            try:
                self._process = start_python("flowml.automl.stand_in", theirs.fileno(), None, PATIENT_THREADS)
            except NoProcesses as problem:
                raise Forked(
                    "This process was forked from one that had used FlowML, and no other could be started to compute "
                    f"in its place. {problem}",
                    hint=_HINT,
                ) from problem
            self._connection = Connection(ours.detach())

    def usable(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: bytes) -> Any:
        self._connection.send_bytes(request)
        # The other end is this very program, and nobody else holds it.
        return pickle.loads(self._connection.recv_bytes())  # noqa: S301

    def close(self) -> None:
        """Let go of it; it ends when nobody holds it any more."""
        self._connection.close()
        if self._owner == os.getpid():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_SECONDS)
            self._process.kill()
            self._process.wait()


def _ask(*request: Any) -> Any:
    global _stand_in
    try:
        content = pickle.dumps(request, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise InvalidInput(
            f"In a process that was forked, data has to go to another one, and this cannot: {error}",
            hint="Hand over numbers, texts and dates in arrays or tables.",
        ) from error
    with _lock:
        if _stand_in is None or not _stand_in.usable():
            _stand_in = _StandIn()
        try:
            answer, problem, remarks = _stand_in.ask(content)
        except BaseException as error:
            # Interrupted, or broken down: what it would say next is no answer to the next question.
            _stand_in.close()
            _stand_in = None
            if isinstance(error, EOFError | OSError):
                raise Forked("The process that computes in the place of this one broke down.", hint=_HINT) from error
            raise
    for remark, category in remarks:
        warnings.warn(remark, category, stacklevel=5)
    if problem is not None:
        raise problem
    return answer


def _after_fork() -> None:
    """In the child, where no other thread is: who holds the lock, and whom the socket belongs to, stayed behind."""
    global _forked, _lock, _stand_in
    _forked = _forked or any(name in sys.modules for name in _WITH_THREADS)
    _lock = threading.Lock()
    if _stand_in is not None:
        _stand_in.close()
        _stand_in = None


def _lacks_threads() -> bool:
    """Whether Polars' threads are gone: this process was forked before anything of FlowML could notice."""
    polars = sys.modules.get("polars")
    if polars is None or not _THREADS.exists():
        return False
    # Starts them where they have never been; where they are gone, they stay so.
    polars.thread_pool_size()
    return not any(_name_of(thread).startswith("polars-") for thread in _THREADS.iterdir())


def _name_of(thread: Path) -> str:
    try:
        return (thread / "comm").read_text()
    except OSError:
        return ""
