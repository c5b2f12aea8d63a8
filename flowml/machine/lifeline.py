"""A child ends with its parent, however the parent ends.

The parent holds the one end of a pipe, and the system closes that when the parent is gone. On Linux the child has the
system send it SIGKILL at that moment (`F_SETSIG` of fcntl(2)), so that a child which is deep in a library, holding
Python's lock, ends as well; whom a signal goes to belongs to an open file and not to a process, so each child opens the
pipe's end anew. Elsewhere a thread of the child waits for it.
"""

import contextlib
import os
import select
import signal
import sys
import threading

if sys.platform == "linux":
    import fcntl

_VARIABLE = "FLOWML_LIFELINE"

_ends: tuple[tuple[int, int], ...] | None = None
"""Both ends of the pipe, each with the number of what it is."""
_lock = threading.Lock()
_held: tuple[int, ...] = ()


def held() -> tuple[int, ...]:
    """In a child: the open files by which it is held, which it must not close."""
    return _held


def descriptors() -> tuple[int, ...]:
    """The end for children: to be passed on as it is, with `environment`. None where the system passes none on."""
    global _ends
    if not hasattr(os, "fork"):
        return ()
    with _lock:
        if _ends is None:
            _ends = tuple((end, os.fstat(end).st_ino) for end in os.pipe())
        return (_ends[0][0],)


def environment() -> dict[str, str]:
    """What a child that gets the descriptors has to know."""
    return environment_of(descriptors()[0]) if descriptors() else {}


def environment_of(reader: int) -> dict[str, str]:
    """The same for a child that has this end under another number."""
    return {_VARIABLE: str(reader)}


def hold() -> None:
    """In a child: end with whoever started it. Nothing where nobody did so."""
    found = os.environ.pop(_VARIABLE, "")
    if found.isdecimal():
        end_with(int(found))


def end_with(reader: int) -> None:
    """End this process when nobody holds the other end of this pipe any more."""
    global _held
    if _is_over(reader, 0):
        os._exit(1)
    _held = (reader,)
    if sys.platform == "linux":
        try:
            own = os.open(f"/proc/self/fd/{reader}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            _held = (reader, own)
            fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(own, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(own, fcntl.F_SETFL, fcntl.fcntl(own, fcntl.F_GETFL) | os.O_ASYNC)
        except OSError:
            _wait_beside(reader)
        # It may have gone between the two.
        if _is_over(reader, 0):
            os._exit(1)
    else:
        _wait_beside(reader)


def _wait_beside(reader: int) -> None:
    threading.Thread(target=_wait, args=(reader,), name="lifeline", daemon=True).start()


def _wait(reader: int) -> None:
    while not _is_over(reader, None):
        pass
    os._exit(1)


def _is_over(reader: int, milliseconds: int | None) -> bool:
    """Whether the other end is closed; nothing is ever written to it."""
    watched = select.poll()
    watched.register(reader, select.POLLIN)
    return bool(watched.poll(milliseconds))


def _leave_behind() -> None:
    """In a forked child: the ends are the parent's, whose children must not live as long as this one."""
    global _ends, _lock
    _lock = threading.Lock()
    if _ends is not None:
        for end, known in _ends:
            # A program that closes all that is open may have given the number to another file.
            with contextlib.suppress(OSError):
                if os.fstat(end).st_ino == known:
                    os.close(end)
    _ends = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_behind)
