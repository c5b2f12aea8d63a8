"""The two strengths of confinement. Each is for good, and holds for every thread that comes after.

A *reader* looks at a file of somebody else: it may read that, what Python and its libraries need, and write where its
answer goes. *Code* that somebody else wrote gets no file at all but those that are open already. Neither makes
connections or processes, starts programs, or sends signals to others.
"""

import contextlib
import errno
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from flowml.machine import lifeline
from flowml.machine.confinement import filtering, kernel, landlock, limits, places, surroundings
from flowml.machine.confinement.limits import Limits

_TASKS = Path("/proc/self/task")
# Polars reads a table by few at once, and what goes to the disk by as many as it has threads.
_OPEN_FILES = 1024


class Strength(StrEnum):
    """What a process may still do."""

    READER = "reader"
    CODE = "code"


@dataclass(frozen=True)
class Confinement:
    """What holds. `landlock`: which version of it, None where there is none; `filters`: whether calls are filtered;
    `missing`: what does not hold and why, a sentence each, without its full stop."""

    landlock: int | None
    filters: bool
    missing: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    def words(self) -> str:
        """What such a process cannot reach, for people.

        >>> Confinement(7, True).words()
        'no other files, no network, no other processes (Landlock 7, seccomp)'
        >>> Confinement(None, True, ("this kernel has no Landlock",)).words()
        'no network, no other processes (seccomp); this kernel has no Landlock'
        """
        held = [(self.landlock is not None, "no other files", f"Landlock {self.landlock}")]
        held += [(self.filters, "no network, no other processes", "seccomp")]
        found = ", ".join(what for holds, what, _ in held if holds)
        by = ", ".join(means for holds, _, means in held if holds)
        return "; ".join(filter(None, (found and f"{found} ({by})", *self.missing)))

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**asdict(self), "missing": list(self.missing)}


def prepare() -> None:
    """Work out what is the same for every process that is forked from this one."""
    places.of_python()
    if kernel.machine():
        filtering.prepare()


def confine_reader(
    readable: Iterable[str | Path] = (),
    writable: Iterable[str | Path] = (),
    *,
    keep: Iterable[int] = (),
    file_bytes: int | None = None,
) -> Confinement:
    """Have this process read only these files and folders, and what Python needs, and write only to these, which have
    to be there already: a file, or a folder in which it may make, move and delete files. Descriptors but the standard
    ones and `keep` are closed. `file_bytes`: how large a file may become that it writes. Called before anything from
    outside is read, and before libraries start threads.

    Never raises: what this machine does not have is said in what is returned."""
    return _confine(
        Strength.READER,
        (*places.of_python(), *map(Path, readable)),
        (*places.WRITABLE, *map(Path, writable)),
        Limits(file_bytes=file_bytes, open_files=_OPEN_FILES),
        keep,
    )


def confine_code(bounds: Limits, *, keep: Iterable[int] = ()) -> Confinement:
    """Have this process open no file any more, and hold it to these limits. Descriptors but the standard ones and
    `keep` are closed. What it will import has to be imported before: Python's modules are files, too.

    Never raises: what this machine does not have is said in what is returned."""
    return _confine(Strength.CODE, (), (), bounds, keep)


def _confine(
    strength: Strength, readable: Iterable[Path], writable: Iterable[Path], bounds: Limits, keep: Iterable[int]
) -> Confinement:
    missing = []
    surroundings.forget_environment()
    surroundings.close_all_but((*keep, *lifeline.held()))
    threads = _other_threads()
    unset = limits.hold(bounds)
    if unset:
        missing += [f"{_NO_LIMIT} {limits.WORDS[name]}" for name in unset]
    if not kernel.machine():
        return Confinement(None, False, (*missing, _ELSEWHERE))
    with contextlib.suppress(OSError):
        kernel.drop_capabilities()
    abi: int | None = None
    try:
        abi = landlock.restrict(readable, writable)
    except OSError as problem:
        missing.append(landlock.why_not(problem))
    has_filters = True
    try:
        filtering.install(os.getpid(), files=strength is Strength.READER)
        surroundings.keep_times_of_files()
    except OSError as problem:
        has_filters = False
        missing.append(filtering.why_not(problem))
    # For code the filters, which all threads have, let nobody open a file by its name.
    has_shut = has_filters and strength is Strength.CODE
    if abi is not None and threads and abi < landlock.ALL_THREADS_SINCE and not has_shut:
        missing.append(_EARLIER_THREADS)
    return Confinement(abi, has_filters, tuple(missing))


_ELSEWHERE = "only Linux on x86-64 and ARM64 has what confines a process (Landlock and seccomp); limits hold here"


_EARLIER_THREADS = "threads that were there before may open files"
_NO_LIMIT = "this system has no limit for"


@cache
def sayable() -> frozenset[str]:
    """Every sentence that a process can say of what is missing: from one that may have been taken over no other is
    passed on."""
    problems = [OSError(number, os.strerror(number)) for number in errno.errorcode]
    return frozenset(
        [
            _ELSEWHERE,
            _EARLIER_THREADS,
            *(f"{_NO_LIMIT} {words}" for words in limits.WORDS.values()),
            *(why_not(problem) for problem in problems for why_not in (landlock.why_not, filtering.why_not)),
            filtering.why_not(filtering.not_all_threads()),
        ]
    )


@cache
def available() -> Confinement:
    """What this machine has; confines nobody."""
    if not kernel.machine():
        return Confinement(None, False, (_ELSEWHERE,))
    missing: list[str] = []
    abi: int | None = None
    has_filters = True
    try:
        abi = landlock.version()
    except OSError as problem:
        missing.append(landlock.why_not(problem))
    try:
        filtering.check()
    except OSError as problem:
        has_filters = False
        missing.append(filtering.why_not(problem))
    return Confinement(abi, has_filters, tuple(missing))


def _other_threads() -> int:
    try:
        return sum(1 for _ in _TASKS.iterdir()) - 1
    except OSError:
        return 0
