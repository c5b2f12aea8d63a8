"""Whether this process was forked from one that had used libraries with threads of their own.

A fork has no threads, and Polars and OpenMP wait for theirs for ever: what needs them has to be done by another process
(`library.forked`), or refused.
"""

import os
import sys
from pathlib import Path

from flowml.domain.errors import FlowMLError

HINT = "Start processes with spawn or forkserver, or fork before FlowML is used."
_WITH_THREADS = ("polars", "lightgbm", "xgboost", "catboost")
_THREADS = Path("/proc/self/task")

_watching = False
_forked = False


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
            hint=HINT,
        )


def _after_fork() -> None:
    global _forked
    _forked = _forked or any(name in sys.modules for name in _WITH_THREADS)


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
