"""Cores and memory that this process may use, and what processes hold.

In a container these are the container's: whatever the machine has besides is not ours.
"""

import contextlib
import math
import os
import socket
from pathlib import Path

from flowml.machine import cgroup

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
    """The cores that this process may use: those it may run on, or fewer where a container has a quota."""
    quota = cgroup.limits().cores
    return _scheduled_cores() if quota is None else max(1, min(_scheduled_cores(), math.ceil(quota)))


def host_names() -> frozenset[str]:
    """What others on the network may call this machine: its host name, its first part, and that with mDNS."""
    name = socket.gethostname().lower()
    first = name.partition(".")[0]
    return frozenset({name, first, f"{first}.local"}) if first else frozenset()


def own_address() -> str | None:
    """The address at which most others reach this machine, if it has one; nothing is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        # An address that is nobody's (RFC 5737): the system only looks up the way to it.
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return None


def memory_bytes() -> int:
    """Bytes that this machine, or the container, has in all."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = cgroup.limits().memory_bytes
    return total if limit is None else min(total, limit)


def free_memory_bytes() -> int:
    """Bytes that nobody uses right now, or that are given back when asked for; all where the system does not say."""
    free = memory_bytes()
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = min(free, int(line.split()[1]) * 1024)
    left = cgroup.limits().free_bytes
    return free if left is None else min(free, left)


def resident_bytes(pid: int) -> int:
    """Memory that a process holds right now; 0 when it has ended or the system does not say."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        if Path("/proc/self/statm").exists():
            return 0
    except (OSError, ValueError, IndexError):
        return 0
    # Where there is no /proc; importing it takes longer than all else here.
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def n_threads(pid: int) -> int:
    """How many threads a process has right now; 0 when it has ended or the system does not say."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("Threads:"):
                return int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return 0


def own_bytes(pid: int) -> int:
    """The same, with its part alone of what it shares with others; takes milliseconds."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return resident_bytes(pid)


def started(pid: int) -> str | None:
    """What tells a process from a later one of its number: the same for everybody who asks; None when it has ended."""
    try:
        # The name before it may have any characters but the last bracket.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except (OSError, IndexError):
        return None
    import psutil

    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def thread_settings() -> dict[str, str]:
    """Environment for the numeric libraries, which start a thread for every core that they see, where a quota allows
    fewer. What is set already stays."""
    if usable_cores() >= _scheduled_cores():
        return {}
    return {name: str(usable_cores()) for name in THREAD_VARIABLES if name not in os.environ}


def _scheduled_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
