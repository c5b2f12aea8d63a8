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
