"""Limits that hold wherever there is a system with `setrlimit`, and that no process raises again."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_STATM = Path("/proc/self/statm")


@dataclass(frozen=True)
class Limits:
    """What a process may take; None: as much as there is.

    `memory_bytes`: address space beyond what it has when it is confined, which counts the stack of every thread (8 MB)
    and whatever a library reserves; `cpu_seconds`: of all its threads together, from now on, and one more;
    `file_bytes`: the size of a file that it writes; `open_files`: how many at once, in all."""

    memory_bytes: int | None = None
    cpu_seconds: int | None = None
    file_bytes: int | None = None
    open_files: int | None = None


def hold(limits: Limits) -> tuple[str, ...]:
    """Hold this process to them, and let it leave no core file. Returns the names of those that could not be set."""
    wanted = {
        "core": 0,
        "memory_bytes": None if limits.memory_bytes is None else _address_space() + limits.memory_bytes,
        "cpu_seconds": None if limits.cpu_seconds is None else _cpu_seconds() + limits.cpu_seconds,
        "file_bytes": limits.file_bytes,
        "open_files": limits.open_files,
    }
    return tuple(name for name, value in wanted.items() if value is not None and not _set(name, value))


_NAMES = {
    "core": "RLIMIT_CORE",
    "memory_bytes": "RLIMIT_AS",
    "cpu_seconds": "RLIMIT_CPU",
    "file_bytes": "RLIMIT_FSIZE",
    "open_files": "RLIMIT_NOFILE",
}


WORDS = {
    "core": "core files",
    "memory_bytes": "memory",
    "cpu_seconds": "the processor",
    "file_bytes": "the size of files",
    "open_files": "open files",
}
"""Each in words."""


def _set(name: str, value: int) -> bool:
    with contextlib.suppress(AttributeError, ValueError, OSError):
        which = getattr(resource, _NAMES[name])
        highest = resource.getrlimit(which)[1]
        # A limit that is lower already stays.
        if highest != resource.RLIM_INFINITY:
            value = min(value, highest)
        # One second later a process that has caught the first signal is killed.
        last = value + 1 if name == "cpu_seconds" and highest == resource.RLIM_INFINITY else value
        resource.setrlimit(which, (value, last))
        return True
    return False


def _address_space() -> int:
    try:
        return int(_STATM.read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError, AttributeError):
        return 0


def _cpu_seconds() -> int:
    """That it has had, rounded up."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return int(used.ru_utime + used.ru_stime) + 1
