"""Starting child processes of the engine, and ending with the server.

All are forked from one forkserver that has the engine imported (1.7 s once, then about 10 ms a child). It is started
when training is likely, so that an idle server stays small. A child never outlives its server.
"""

import math
import multiprocessing
import os
import signal
import threading
from multiprocessing.context import BaseContext, SpawnContext
from multiprocessing.process import BaseProcess

from flowml.domain.workers import Share
from flowml.machine.facts import PATIENT_THREADS, THREAD_VARIABLES, memory_bytes, usable_cores
from flowml.machine.priority import go_behind

# Of the machine's memory, for all that trains: trainers, and of that a part for the conductors together.
_TRAINING_MEMORY_SHARE = 0.8
_CONDUCTORS_SHARE = 0.25
_PRELOAD = ["flowml.training.preload"]


def context() -> BaseContext:
    """The way to start children here: forkserver where the system has it, else spawn."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        chosen = multiprocessing.get_context("forkserver")
        chosen.set_forkserver_preload(_PRELOAD)
        return chosen
    return multiprocessing.get_context("spawn")


def fresh() -> SpawnContext:
    """The way to start a child that does not wait for the engine: it imports what it needs itself."""
    return multiprocessing.get_context("spawn")


def end() -> None:
    """Main function of a child that only shows that children can be had."""


def limit_threads(threads: int) -> None:
    """Set what the numeric libraries of this process's children will use; they read it when they are imported."""
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(threads)
    os.environ.update(PATIENT_THREADS)


def local_slots(cores: int) -> int:
    """How many trials a machine trains at once: one a core up to four, then fewer with more threads each.

    As many as use nearly all cores with the same number of threads: 4 on 8 cores, 6 on 12, 5 on 16.
    """
    if cores <= 4:
        return max(1, cores)
    return cores // math.ceil(cores / round(4 + (cores - 4) / 4))


def share_of(slots: int | None, trial_memory_bytes: int | None = None, *, conducts: bool = True) -> Share:
    """What this machine gives to training: so many trials at once, each with so much memory; unless said, as its cores
    and its memory allow. Where it `conducts` runs as well, a part of that is left for those who do."""
    cores = usable_cores()
    slots = local_slots(cores) if slots is None else slots
    if trial_memory_bytes is None:
        for_trials = 1 - _CONDUCTORS_SHARE if conducts else 1.0
        trial_memory_bytes = int(_training_bytes() * for_trials / max(1, slots))
    return Share(slots, threads=max(1, cores // max(1, slots)), memory_bytes=trial_memory_bytes)


def conductors_memory(share: Share) -> int:
    """What all conductors of this machine together may hold: what its trainers leave of the memory for training, and a
    part of that at the least."""
    left = _training_bytes() - share.slots * share.memory_bytes
    return int(max(left, _CONDUCTORS_SHARE * _training_bytes()))


def _training_bytes() -> float:
    return memory_bytes() * _TRAINING_MEMORY_SHARE


def settle_child() -> None:
    """First thing in every child: Ctrl-C is the server's business, and the server's end is ours."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setsid"):
        # What computes all the time would use up the share of the cores that the server's session has.
        os.setsid()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), name="end-with-server", daemon=True).start()


def step_back() -> None:
    """Let the server and the conductors go first: training takes what is left of the machine, answers do not wait."""
    go_behind(5)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
