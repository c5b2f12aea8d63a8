"""A child ends with its parent, however the parent ends.

The parent holds the one end of a pair of sockets, a pair for each child, and the system closes that when the parent is
gone. On Linux the child has the system send it SIGKILL at that moment (`F_SETSIG` of fcntl(2)), so that a child that is
deep in a library, holding Python's lock, ends as well. Elsewhere a thread of the child waits for it.

It is not one pipe for all: whoever has the one end of a pipe may open the other in `/proc`, and write to all who hold
on to it. An end of a socket cannot be opened, and what is written to it reaches nobody.
"""

import contextlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator

if sys.platform == "linux":
    import fcntl

_VARIABLE = "FLOWML_LIFELINE"

_ends: dict[int, int] = {}
"""This process's ends, one a child, each with the number of what it is."""
# A fork in between would have an end that nobody closes there; one in a handler of a signal must not wait for ever.
_lock = threading.RLock()
_held: tuple[int, ...] = ()


def held() -> tuple[int, ...]:
    """In a child: the open files by which it is held, which it must not close."""
    return _held


@contextlib.contextmanager
def line() -> Iterator[tuple[int, ...]]:
    """The end for one child: to be passed on as it is while this holds, with `environment`. None where the system
    passes none on. Raises OSError where no more files may be open."""
    if not hasattr(os, "fork"):
        yield ()
        return
    with _lock:
        _let_go_of_ended()
        ours, theirs = (end.detach() for end in socket.socketpair())
        _ends[ours] = os.fstat(ours).st_ino
    try:
        yield (theirs,)
    finally:
        # Where there is no child by now, nobody holds it any more, and the next one's turn finds that.
        os.close(theirs)


def environment(ends: tuple[int, ...]) -> dict[str, str]:
    """What a child that gets its end has to know."""
    return {_VARIABLE: str(ends[0])} if ends else {}


def hold() -> None:
    """In a child: end with whoever started it. Nothing where nobody did so."""
    found = os.environ.pop(_VARIABLE, "")
    if found.isdecimal():
        end_with(int(found))


def end_with(end: int) -> None:
    """End this process when nobody holds the other end of this socket any more; of the processes that have it, only
    one can do so."""
    global _held
    if _is_over(end, 0):
        os._exit(1)
    _held = (end,)
    if sys.platform == "linux":
        try:
            fcntl.fcntl(end, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(end, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)
        except OSError:
            _wait_beside(end)
        # It may have gone between the two.
        if _is_over(end, 0):
            os._exit(1)
    else:
        _wait_beside(end)


def _wait_beside(end: int) -> None:
    threading.Thread(target=_wait, args=(end,), name="lifeline", daemon=True).start()


def _wait(end: int) -> None:
    while not _is_over(end, None):
        pass
    os._exit(1)


def _is_over(end: int, milliseconds: int | None) -> bool:
    """Whether the other end is closed; nothing is ever written to it."""
    watched = select.poll()
    watched.register(end, select.POLLIN)
    return bool(watched.poll(milliseconds))


def _let_go_of_ended() -> None:
    """Close the ends of children that are gone, with all who had theirs."""
    watched = select.poll()
    for end in list(_ends):
        if _is_ours(end):
            # Only that the other is closed: what a child writes says nothing.
            watched.register(end, 0)
        else:
            del _ends[end]
    for end, _ in watched.poll(0):
        del _ends[end]
        os.close(end)


def _is_ours(end: int) -> bool:
    """A program that closes all that is open may have given the number to another file."""
    try:
        return os.fstat(end).st_ino == _ends[end]
    except OSError:
        return False


def _leave_behind() -> None:
    """In a forked child: the ends are the parent's, whose children must not live as long as this one."""
    global _ends, _lock
    _lock = threading.RLock()
    for end in filter(_is_ours, list(_ends)):
        os.close(end)
    _ends = {}


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _lock.acquire(), after_in_parent=lambda: _lock.release(), after_in_child=_leave_behind
    )
