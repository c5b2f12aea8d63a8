"""Starting child processes of the engine, and ending with the server.

All are forked from one forkserver that has the engine imported (1.7 s once, then about 10 ms a child). It is started
when training is likely, so that an idle server stays small. A child never outlives its server.
"""

import multiprocessing
import os
import signal
import threading
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

_PRELOAD = ["flowml.training.preload"]
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
)


def context() -> BaseContext:
    """The way to start children here: forkserver where the system has it, else spawn."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        chosen = multiprocessing.get_context("forkserver")
        chosen.set_forkserver_preload(_PRELOAD)
        return chosen
    return multiprocessing.get_context("spawn")


def limit_threads(threads: int) -> None:
    """Set what the numeric libraries of this process's children will use; they read it when they are imported."""
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(threads)


def local_slots(cores: int) -> int:
    """How many trials a machine trains at once: one a core up to four, then fewer with more threads each."""
    return max(1, cores if cores <= 4 else round(4 + (cores - 4) / 4))


def usable_cores() -> int:
    """The cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def settle_child() -> None:
    """First thing in every child: Ctrl-C is the server's business, and the server's end is ours."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), name="end-with-server", daemon=True).start()


def step_back() -> None:
    """Let the server and the conductors go first: training takes what is left of the machine, answers do not wait."""
    if hasattr(os, "nice"):
        os.nice(5)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


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
