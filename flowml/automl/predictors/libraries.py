"""The boosters' libraries, imported beside other work and waited for in bounds.

An import takes a second of a core, of which a busy machine has little to give: where time is short, whoever needs one
has to know whether it is there.
"""

import importlib
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

BOOSTERS = ("lightgbm", "xgboost", "catboost")
"""Their algorithms are called the same."""
_MOMENT = 0.01

_imports: dict[str, threading.Thread] = {}
_lock = threading.Lock()


def begin(name: str) -> threading.Thread:
    """Import it in a thread of its own, unless that has begun; returns the thread."""
    with _lock:
        if name not in _imports:
            _imports[name] = threading.Thread(target=_load, args=(name,), name="import", daemon=True)
            _imports[name].start()
        return _imports[name]


def ready(names: Iterable[str], seconds: float) -> bool:
    """Whether all of them are there, after waiting for them up to so many seconds in all."""
    until = time.monotonic() + seconds
    threads = [begin(name) for name in sorted(names)]
    for thread in threads:
        # One that was there before takes its thread no time, but not none.
        thread.join(max(_MOMENT, until - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _load(name: str) -> None:
    # Whoever needs it imports it again and hears why it failed; here the program may just be ending.
    with suppress(Exception):
        importlib.import_module(name)
