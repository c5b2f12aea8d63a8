"""Seccomp: a filter through which every call of the system goes, of all threads of this process, until it ends; see
seccomp(2). It is a program for the kernel's packet filter."""

import ctypes
import errno
import struct
from functools import cache

from flowml.machine.confinement import kernel
from flowml.machine.confinement.calls import NEWEST_KNOWN, Check, Way, allowed, looked_into, unknown

_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_FILTER, _GET_ACTION = 1, 2
_ALL_THREADS = 1
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000

_KILL, _ERROR, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_LOAD, _RETURN = 0x20, 0x06
_EQUALS, _AT_LEAST, _HAS_BIT = 0x15, 0x35, 0x45
# In the place of the process's id: no system gives so high a one.
_PROCESS = 0x5A17C0DE
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16

_Step = tuple[int, int, int, int]
"""Code, how many steps to go on by when it is true, when it is not, and a value."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


def check() -> None:
    """Raises OSError where there is no filtering."""
    action = ctypes.c_uint32(_ERROR)
    if not kernel.machine():
        raise OSError(errno.ENOSYS, "not on this kind of machine")
    kernel.call(_SECCOMP[kernel.machine()], _GET_ACTION, 0, ctypes.byref(action))


def why_not(problem: OSError) -> str:
    """Why there is none, in words."""
    match problem.errno:
        case errno.ENOSYS | errno.EINVAL | errno.EOPNOTSUPP:
            return "this kernel cannot filter calls (seccomp)"
        case errno.EPERM | errno.EACCES:
            return "what this container may call does not include filters (seccomp)"
        case _:
            return f"calls cannot be filtered: {problem.strerror}"


def not_all_threads() -> OSError:
    """The error for a process of which a thread has a filter already."""
    return OSError(errno.EBUSY, "a thread has a filter of its own")


def prepare() -> None:
    """Work out the filters, for processes that are forked from this one."""
    for files in (True, False):
        program(kernel.machine(), files=files)


def install(process: int, *, files: bool) -> None:
    """Let only those calls through that `calls` names, from now on, in all threads of this process, whose id is
    `process`; with `files` it may ask for files by name. Raises OSError."""
    content = program(kernel.machine(), files=files)
    content = content.replace(struct.pack("=I", _PROCESS), struct.pack("=I", process))
    steps = ctypes.create_string_buffer(content, len(content))
    filtered = _Program(len(content) // 8, ctypes.addressof(steps))
    kernel.gain_nothing()
    refused = kernel.call(_SECCOMP[kernel.machine()], _SET_FILTER, _ALL_THREADS, ctypes.byref(filtered))
    if refused:
        raise not_all_threads()


@cache
def program(machine: str, *, files: bool) -> bytes:
    """The filter as the kernel takes it, but for the id of the process, which is `_PROCESS`."""
    steps: list[_Step] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUALS, 1, 0, _ARCHITECTURE[machine]),
        # By another door the same numbers mean other calls.
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine == "x86_64":
        steps += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for number in allowed(machine, files=files):
        steps += [(_EQUALS, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for number, ways in looked_into(machine, _PROCESS, files=files).items():
        block = [step for way in ways for step in _way(way)] + [(_RETURN, 0, 0, _ERROR | errno.EPERM)]
        steps += [(_EQUALS, 0, len(block), number), *block]
    for number in unknown(machine):
        steps += [(_EQUALS, 0, 1, number), (_RETURN, 0, 0, _ERROR | errno.ENOSYS)]
    steps += [
        (_AT_LEAST, 0, 1, NEWEST_KNOWN + 1),
        (_RETURN, 0, 0, _ERROR | errno.ENOSYS),
        (_RETURN, 0, 0, _ERROR | errno.EPERM),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _way(checks: Way) -> list[_Step]:
    """Lets the call through when all hold, and goes on behind itself else."""
    steps: list[_Step] = []
    for position, check in enumerate(checks):
        # Behind the others, two steps each, and what lets it through.
        out = 2 * (len(checks) - position - 1) + 1
        on, off = (out, 0) if check.not_ else (0, out)
        steps += [(_LOAD, 0, 0, _place(check)), (_HAS_BIT if check.is_mask else _EQUALS, on, off, check.value)]
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


def _place(check: Check) -> int:
    # Both kinds of machine keep the lower half first.
    return _ARGUMENTS_AT + 8 * check.argument + 4 * check.upper
