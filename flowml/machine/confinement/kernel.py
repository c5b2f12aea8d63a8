"""The calls of Linux that Python has no function for."""

import ctypes
import os
import platform
import sys
from functools import cache
from typing import Any

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_PDEATHSIG = 1
_CAPABILITY_VERSION = 0x20080522
# What a process of root needs to work with files of others: CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH.
_KEPT_CAPABILITIES = 0b111


@cache
def machine() -> str:
    """The kind of processor, where confinement is known for it; "" elsewhere, and on other systems."""
    name = platform.machine()
    # A Python of 32 bits makes other calls.
    is_known = sys.platform == "linux" and name in ("x86_64", "aarch64") and sys.maxsize > 2**32
    return name if is_known else ""


@cache
def _libc() -> Any:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def call(number: int, *arguments: Any) -> int:
    """What a call of the system returns. Raises OSError."""
    passed = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result: int = _libc().syscall(ctypes.c_long(number), *passed)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def prctl(option: int, *values: int) -> int:
    """prctl(2). Raises OSError."""
    result: int = _libc().prctl(ctypes.c_int(option), *map(ctypes.c_ulong, (*values, 0, 0, 0, 0)[:4]))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def gain_nothing() -> None:
    """From now on no program that is started gains rights, which the others ask for. Raises OSError."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def end_with_parent(signal: int) -> None:
    """Have this signal sent when the thread that has started this process ends. Raises OSError."""
    prctl(_PR_SET_PDEATHSIG, signal)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def drop_capabilities() -> None:
    """Give up the rights of root, but those that files of other users need. Raises OSError."""
    header, sets = _Header(_CAPABILITY_VERSION, 0), (_Sets * 2)()
    libc = _libc()
    if libc.capget(ctypes.byref(header), ctypes.byref(sets)):
        raise OSError(ctypes.get_errno(), "capget")
    for position, half in enumerate(sets):
        kept = _KEPT_CAPABILITIES if position == 0 else 0
        half.effective &= kept
        half.permitted &= kept
        half.inheritable = 0
    if libc.capset(ctypes.byref(header), ctypes.byref(sets)):
        raise OSError(ctypes.get_errno(), "capset")
