"""A child ends with its parent, however the parent ends.

The parent holds the one end of a pipe, and the system closes that when the parent is gone. On Linux the child has the
system send it SIGKILL at that moment (`F_SETSIG` of fcntl(2)), so that a child which is deep in a library, holding
Python's lock, ends as well. Elsewhere a thread of the child waits for it.
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

_ends: tuple[int, int] | None = None
_lock = threading.Lock()


def descriptors() -> tuple[int, ...]:
    """The end for children: to be passed on as it is, with `environment`. None where the system passes none on."""
    global _ends
    if not hasattr(os, "fork"):
        return ()
    with _lock:
        if _ends is None:
            _ends = os.pipe()
        return (_ends[0],)


def environment() -> dict[str, str]:
    """What a child that gets the descriptors has to know."""
    return {_VARIABLE: str(descriptors()[0])} if descriptors() else {}


def hold() -> None:
    """In a child: end with whoever started it. Nothing where nobody did so."""
    with contextlib.suppress(KeyError, ValueError):
        end_with(int(os.environ.pop(_VARIABLE)))


def end_with(reader: int) -> None:
    """End this process when nobody holds the other end of this pipe any more."""
    if select.select([reader], [], [], 0)[0]:
        os._exit(1)
    if sys.platform == "linux":
        fcntl.fcntl(reader, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(reader, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(reader, fcntl.F_SETFL, fcntl.fcntl(reader, fcntl.F_GETFL) | os.O_ASYNC)
    else:
        threading.Thread(target=_wait, args=(reader,), name="lifeline", daemon=True).start()
    # It may have gone between the two.
    if select.select([reader], [], [], 0)[0]:
        os._exit(1)


def _wait(reader: int) -> None:
    select.select([reader], [], [])
    os._exit(1)


def _leave_behind() -> None:
    """In a forked child: the ends are the parent's, whose children must not live as long as this one."""
    global _ends, _lock
    _lock = threading.Lock()
    if _ends is not None:
        for end in _ends:
            os.close(end)
    _ends = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_behind)
