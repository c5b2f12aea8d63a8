"""Processes that compute: the cores there are, how many threads the libraries start, why a process ended."""

import os
import signal

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "POLARS_MAX_THREADS",
)
"""What the numeric libraries read when they are imported."""
PATIENT_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads of a fit that wait for each other sleep. Spinning, as OpenMP does unasked, costs several times the work as
soon as anything else wants a core (15 rounds of LightGBM on two threads of a busy machine: 18 s of processor time
instead of 2)."""


def usable_cores() -> int:
    """The cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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


def let_nobody_fork() -> None:
    """A process that was forked from this one by whatever library ends at once: it would be a second self, with the
    same connections and the same trial."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: os._exit(1))


def keep_quiet() -> None:
    """Nothing that a library prints reaches the output of the program; what goes to standard error is kept."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
