"""Landlock: which files this process may open from now on, and no other; see landlock(7).

What a kernel is too old to know of is not held; `version` says how new it is: 1 files · 2 moving between folders ·
3 cutting files · 4 TCP · 5 devices · 6 signals and abstract sockets · 8 all threads of the process at once.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from flowml.machine.confinement import kernel

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_ALL_THREADS, ALL_THREADS_SINCE = 1 << 3, 8

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = 1 | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
# No links, sockets, pipes or devices: whoever takes a result away must find a file.
_READ = _READ_FILE | _READ_DIR
_WRITE = _READ | _WRITE_FILE | _TRUNCATE | _REFER | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG
_NETWORK = 0b11
_SCOPES = 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


@cache
def version() -> int:
    """Of the kernel's Landlock, from 1. Raises OSError where there is none."""
    return kernel.call(_CREATE, None, 0, _VERSION_FLAG)


def why_not(problem: OSError) -> str:
    """Why there is none, in words."""
    match problem.errno:
        case errno.ENOSYS:
            return "this kernel has no Landlock (Linux has it since 5.13)"
        case errno.EOPNOTSUPP:
            return "Landlock is switched off on this machine"
        case errno.EPERM | errno.EACCES:
            return "what this container may call does not include Landlock"
        case _:
            return f"Landlock cannot be used: {problem.strerror}"


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> int:
    """Let this thread, and those that it starts, open these files and what is in these folders, and nothing else; all
    threads of the process where the version is new enough. A path that is not there is left out. Returns the version.
    Raises OSError."""
    abi = version()
    handled = _handled(abi)
    ruleset = _Ruleset(handled, _NETWORK if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    rules = kernel.call(_CREATE, ctypes.byref(ruleset), size, 0)
    try:
        for paths, access in ((readable, _READ), (writable, _WRITE)):
            for path in paths:
                _allow(rules, path, access & handled)
        kernel.gain_nothing()
        kernel.call(_RESTRICT, rules, _ALL_THREADS if abi >= ALL_THREADS_SINCE else 0)
    finally:
        os.close(rules)
    return abi


def _handled(abi: int) -> int:
    newest = 15 if abi >= 5 else 14 if abi >= 3 else 13 if abi >= 2 else 12
    return (1 << newest + 1) - 1


def _allow(rules: int, path: Path, access: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            access &= _OF_FILES
        kernel.call(_ADD, rules, _PATH_BENEATH, ctypes.byref(_Beneath(access, parent)), 0)
    finally:
        os.close(parent)
