"""What runs in the fresh Python that computes in the place of a forked process (see `forked`).

One question at a time: fit, or answer for rows by a model, which is sent when it is not known here yet. It ends with
the process that it stands in for.
"""

import os
import pickle
import select
import socket
import sys
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from flowml.domain.errors import FlowMLError, InvalidInput
from flowml.library.carried import restored

_KEPT_MODELS = 4
_LOOK_MS = 1000


def main() -> None:
    """`python -m flowml.library.stand_in DESCRIPTOR`."""
    control = socket.socket(fileno=int(sys.argv[1]))
    threading.Thread(target=_end_with, args=(control.fileno(), os.getppid()), daemon=True).start()
    connection = Connection(control.detach())
    models: OrderedDict[str, Any] = OrderedDict()
    while True:
        try:
            content = connection.recv_bytes()
        except (EOFError, OSError):
            _end()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for meant_for_programmers in (
                DeprecationWarning,
                PendingDeprecationWarning,
                ImportWarning,
                ResourceWarning,
            ):
                warnings.simplefilter("ignore", meant_for_programmers)
            answer, problem = _answer(content, models)
        remarks = [(str(remark.message), remark.category) for remark in caught]
        try:
            reply = pickle.dumps((answer, problem, remarks), pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            reply = pickle.dumps((None, FlowMLError(f"{problem or error}"), []))
        connection.send_bytes(reply)


def _answer(content: bytes, models: OrderedDict[str, Any]) -> tuple[Any, Exception | None]:
    try:
        # Nothing in it is from outside: the other end is the program that has started this one.
        question, *data = pickle.loads(content)  # noqa: S301
    except Exception as error:
        return None, InvalidInput(
            f"In a process that was forked, data has to go to another one, and this cannot: {error}",
            hint="Hand over numbers, texts and dates in arrays or tables.",
        )
    try:
        return _QUESTIONS[question](models, *data), None
    except Exception as error:
        return None, error


def _fit(models: OrderedDict[str, Any], kind: str, parameters: dict[str, Any], began: float, *data: Any) -> Any:
    from flowml.library import estimators

    estimator = getattr(estimators, kind)(**parameters)
    # The time that it took to get here is part of the budget.
    budget = estimator.time_budget_seconds
    estimator.time_budget_seconds = max(budget - (time.monotonic() - began), 0.5 * budget)
    estimator.fit(*map(restored, data))
    return {name: value for name, value in vars(estimator).items() if name not in parameters}


def _answers(models: OrderedDict[str, Any], kind: str, fitted: dict[str, Any], model: str, X: Any) -> Any:
    from flowml.library import estimators

    if model not in models:
        return None
    models.move_to_end(model)
    estimator = getattr(estimators, kind)()
    vars(estimator).update(fitted, best_model_=models[model])
    return estimator._answers(restored(X))


def _keep(models: OrderedDict[str, Any], name: str, content: bytes) -> None:
    from flowml.automl.model import modelfile

    models[name] = modelfile.read_bytes(content)
    while len(models) > _KEPT_MODELS:
        models.popitem(last=False)


_QUESTIONS: Mapping[str, Callable[..., Any]] = {"fit": _fit, "answers": _answers, "model": _keep}


def _end_with(control: int, parent: int) -> NoReturn:
    """End when the other side is gone, whatever is being computed."""
    watched = select.poll()
    watched.register(control, 0)
    while os.getppid() == parent and not watched.poll(_LOOK_MS):
        pass
    _end()


def _end() -> NoReturn:
    # The engine process that a fit has started sees that it is alone, and ends.
    os._exit(0)


if __name__ == "__main__":
    main()
