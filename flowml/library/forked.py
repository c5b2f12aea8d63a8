"""What an estimator is asked in a process that was forked after the engine was used, done by another process.

That one is a fresh Python (`stand_in.py`), which ends with this process. Tables of Polars travel as plain values
(`carried.py`), the model once.
"""

import contextlib
import os
import pickle
import socket
import subprocess
import threading
import time
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowml.domain.errors import InvalidInput
from flowml.library.carried import carried
from flowml.machine.forks import HINT, Forked

if TYPE_CHECKING:
    from flowml.automl.model.model import FittedModel

_EXIT_SECONDS = 2.0

_lock = threading.Lock()
_stand_in: "_StandIn | None" = None


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
    from flowml.automl.model import modelfile

    name = modelfile.fingerprint(model)
    asked = ("answers", kind, dict(fitted), name, carried(X))
    answer = _ask(*asked)
    if answer is None:
        _ask("model", name, modelfile.write(model))
        answer = _ask(*asked)
    return answer


class _StandIn:
    """The other process, seen from here. Raises Forked where none can be started."""

    def __init__(self) -> None:
        from multiprocessing.connection import Connection

        from flowml.machine import child
        from flowml.machine.facts import PATIENT_THREADS

        self._owner = os.getpid()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            try:
                number = theirs.fileno()
                self._process = child.start(
                    "flowml.library.stand_in", str(number), descriptors=(number,), environment=PATIENT_THREADS
                )
            except child.CannotStart as problem:
                raise Forked(
                    "This process was forked from one that had used FlowML, and no other could be started to compute "
                    f"in its place. {problem}",
                    hint=HINT,
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
                raise Forked("The process that computes in the place of this one broke down.", hint=HINT) from error
            raise
    for remark, category in remarks:
        warnings.warn(remark, category, stacklevel=5)
    if problem is not None:
        raise problem
    return answer


def _after_fork() -> None:
    """In the child, where no other thread is: who holds the lock, and whom the socket belongs to, stayed behind."""
    global _lock, _stand_in
    _lock = threading.Lock()
    if _stand_in is not None:
        _stand_in.close()
        _stand_in = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
